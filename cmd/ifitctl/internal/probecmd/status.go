package probecmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
	"github.com/openifit/openifit/lab/target"
)

// status is what a node says of a probe and of the policies that run it.
type status struct {
	Node     string                     `json:"node"`
	Probe    json.RawMessage            `json:"probe"`
	Policies map[string]json.RawMessage `json:"policies,omitempty"`
}

// shown is what tables have of a probe's state.
type shown struct {
	OperStatus  string `json:"oper-status"`
	LastError   string `json:"last-error"`
	RunCount    string `json:"run-count"`
	RunTime     string `json:"run-time-ns"`
	Attachments uint32 `json:"attachments"`
	Digest      string `json:"digest"`
	Attached    struct {
		Attachment []struct {
			Policy string `json:"policy"`
		} `json:"attachment"`
	} `json:"attached"`
}

// values are what tables have of a policy's probe.
type values struct {
	Values struct {
		Counter []struct{ Name, Value string } `json:"counter"`
		Last    []struct{ Name, Value string } `json:"last-record"`
		Records string                         `json:"records"`
		Lost    string                         `json:"records-lost"`
	} `json:"probe-values"`
}

func statusCommand() *cobra.Command {
	var n nodes
	var format output.Format
	cmd := &cobra.Command{
		Use: "status NAME", Short: "Show what a probe does, counts and costs on the nodes", Args: one("the NAME of the probe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var all []status
			err := n.each(cmd.Context(), cmd.ErrOrStderr(), func(ctx context.Context, node string, t *target.Target) error {
				s, err := ask(ctx, node, args[0], t)
				if err == nil {
					all = append(all, s)
				}
				return err
			})
			if len(all) == 0 {
				return err
			}
			if format.String() == string(output.Table) {
				for i := range all {
					all[i].write(cmd.OutOrStdout())
				}
				return err
			}
			return errors.Join(err, format.Print(cmd.OutOrStdout(), all, nil))
		},
	}
	n.add(cmd.Flags())
	format.AddFlag(cmd)
	return cmd
}

func ask(ctx context.Context, node, probe string, t *target.Target) (status, error) {
	s := status{Node: node, Policies: make(map[string]json.RawMessage)}
	if err := get(ctx, t, probePath(probe)+"/state", &s.Probe); err != nil {
		if errors.Is(err, target.ErrAbsent) {
			return s, fmt.Errorf("there is no probe %s", probe)
		}
		return s, err
	}
	var p shown
	if err := json.Unmarshal(s.Probe, &p); err != nil {
		return s, fmt.Errorf("read the state of probe %s: %w", probe, err)
	}
	for _, a := range p.Attached.Attachment {
		if s.Policies[a.Policy] != nil {
			continue
		}
		var v json.RawMessage
		if err := get(ctx, t, "/ifit/policies/policy[name="+a.Policy+"]/state", &v); err != nil {
			return s, err
		}
		s.Policies[a.Policy] = v
	}
	return s, nil
}

// get reads a container and leaves out the name of the module, which is the
// same everywhere.
func get(ctx context.Context, t *target.Target, path string, v *json.RawMessage) error {
	if err := t.Get(ctx, path, v); err != nil {
		return err
	}
	*v = bytes.ReplaceAll(*v, []byte(`"openifit-agent:`), []byte(`"`))
	return nil
}

func (s *status) write(w io.Writer) {
	var p shown
	if err := json.Unmarshal(s.Probe, &p); err != nil {
		fmt.Fprintf(w, "%s: %v\n", s.Node, err)
		return
	}
	fmt.Fprintf(w, "%s: %s, SHA-256 %.12s..., at %d Observation Points, %s packets in %s ns\n", s.Node, p.OperStatus, p.Digest, p.Attachments, p.RunCount, p.RunTime)
	if p.LastError != "" {
		fmt.Fprintf(w, "  %s\n", p.LastError)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Policies)) {
		var v values
		if err := json.Unmarshal(s.Policies[name], &v); err != nil {
			fmt.Fprintf(w, "  policy %s: %v\n", name, err)
			continue
		}
		fmt.Fprintf(w, "  policy %s: %s records, %s lost%s\n", name, v.Values.Records, v.Values.Lost, list("; counters ", v.Values.Counter))
		if len(v.Values.Last) > 0 {
			fmt.Fprintf(w, "  %s\n", list("last record ", v.Values.Last))
		}
	}
}

func list(title string, of []struct{ Name, Value string }) string {
	if len(of) == 0 {
		return ""
	}
	parts := make([]string, len(of))
	for i, v := range of {
		parts[i] = v.Name + " " + v.Value
	}
	return title + strings.Join(parts, ", ")
}
