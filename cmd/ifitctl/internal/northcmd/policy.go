package northcmd

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
)

func policyCommand() *cobra.Command {
	n := newNoun("policy", "The policies of the domain")
	policyList(n)
	n.verb(&cobra.Command{
		Use: "get NAME", Short: "Show a policy and its state on every node", Args: one("the NAME of a policy (see policy list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := dial(n, openifitv1connect.NewPolicyServiceClient)
			if err != nil {
				return err
			}
			r, err := c.GetPolicy(cmd.Context(), connect.NewRequest(&openifitv1.GetPolicyRequest{Name: args[0]}))
			if err != nil {
				return explain(err)
			}
			return n.show(cmd, r.Msg.GetPolicy(), func() output.Rows { return statusRows(r.Msg.GetPolicy().GetStatuses()) })
		},
	})
	policyApply(n)
	policyDelete(n)
	n.verb(&cobra.Command{
		Use: "watch [NAME]", Short: "Follow policies and their state on the nodes", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := dial(n, openifitv1connect.NewPolicyServiceClient)
			if err != nil {
				return err
			}
			q := &openifitv1.WatchPoliciesRequest{}
			if len(args) == 1 {
				q.Name = args[0]
			}
			s, err := c.WatchPolicies(cmd.Context(), connect.NewRequest(q))
			return stream(cmd, s, err, func(m *openifitv1.WatchPoliciesResponse) error {
				if m.GetPolicy() == nil {
					return nil
				}
				return n.tell(cmd.OutOrStdout(), m, func() string {
					p := m.GetPolicy()
					return fmt.Sprintf("%-10s %-20s %s", enumText(m.GetChange(), "CHANGE_"), p.GetName(), statesText(p))
				})
			})
		},
	})
	return n.cmd
}

func policyList(n *noun) {
	var owner string
	cmd := n.verb(&cobra.Command{
		Use: "list", Short: "List the policies",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(n, openifitv1connect.NewPolicyServiceClient)
			if err != nil {
				return err
			}
			r, err := c.ListPolicies(cmd.Context(), connect.NewRequest(&openifitv1.ListPoliciesRequest{Owner: owner}))
			if err != nil {
				return explain(err)
			}
			return n.show(cmd, r.Msg, func() output.Rows { return policyRows(r.Msg.GetPolicies()) })
		},
	})
	cmd.Flags().StringVar(&owner, "owner", "", "only policies of this owner")
}

func policyApply(n *noun) {
	var (
		file  string
		nodes []string
		check bool
	)
	cmd := n.verb(&cobra.Command{
		Use: "apply -f FILE", Short: "Create or replace a policy on the nodes",
		Long: "Create or replace a policy. The file holds one entry of the YANG list /ifit/policies/policy\n" +
			"as JSON (RFC 7951); - is the standard input.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := readInput(cmd, file)
			if err != nil {
				return err
			}
			c, err := dial(n, openifitv1connect.NewPolicyServiceClient)
			if err != nil {
				return err
			}
			r, err := c.ApplyPolicy(cmd.Context(), connect.NewRequest(&openifitv1.ApplyPolicyRequest{
				JsonIetf: string(text), Nodes: nodes, ValidateOnly: check,
			}))
			if err != nil {
				return explain(err)
			}
			if err := n.show(cmd, r.Msg.GetPolicy(), func() output.Rows { return statusRows(r.Msg.GetPolicy().GetStatuses()) }); err != nil {
				return err
			}
			return refusals(r.Msg.GetPolicy())
		},
	})
	cmd.Flags().StringVarP(&file, "file", "f", "", "file with the policy")
	cmd.Flags().StringSliceVar(&nodes, "node", nil, "nodes that it is meant for (default: all)")
	cmd.Flags().BoolVar(&check, "check", false, "check the policy against the model and change nothing")
	_ = cmd.MarkFlagRequired("file")
}

func readInput(cmd *cobra.Command, file string) ([]byte, error) {
	if file == "-" {
		text, err := io.ReadAll(cmd.InOrStdin())
		if err != nil {
			return nil, fmt.Errorf("read policy: %w", err)
		}
		return text, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return text, nil
}

// refusals makes an error of what nodes refused, so that scripts notice.
func refusals(p *openifitv1.Policy) error {
	var refused []string
	for _, s := range p.GetStatuses() {
		if s.GetOperStatus() == openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_REFUSED {
			refused = append(refused, s.GetNode())
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("refused by %s", strings.Join(refused, ", "))
	}
	return nil
}

func policyDelete(n *noun) {
	n.verb(&cobra.Command{
		Use: "delete NAME", Short: "Remove a policy from the nodes", Args: one("the NAME of a policy (see policy list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := dial(n, openifitv1connect.NewPolicyServiceClient)
			if err != nil {
				return err
			}
			r, err := c.DeletePolicy(cmd.Context(), connect.NewRequest(&openifitv1.DeletePolicyRequest{Name: args[0]}))
			if err != nil {
				return explain(err)
			}
			left := r.Msg.GetRemaining()
			if len(left) == 0 && (n.format == output.Table || n.format == "") {
				cmd.Printf("policy %s is gone from every node\n", args[0])
				return nil
			}
			return n.show(cmd, r.Msg, func() output.Rows { return statusRows(left) })
		},
	})
}

func policyRows(policies []*openifitv1.Policy) output.Rows {
	rows := output.Rows{Titles: []string{"POLICY", "TECHNIQUE", "OWNER", "NODES", "SELECTED", "RECORDS", "DROPPED", "EVENTS", "ERROR"}}
	for _, p := range policies {
		var selected, records, dropped, events uint64
		problem := ""
		for _, s := range p.GetStatuses() {
			selected += s.GetPacketsSelected()
			records += s.GetRecordsExported()
			dropped += s.GetRecordsDropped()
			events += s.GetEvents()
			if problem == "" && s.GetLastError() != "" {
				problem = s.GetNode() + ": " + s.GetLastError()
			}
		}
		rows.Add(p.GetName(), technique(p), p.GetOwner(), statesText(p), selected, records, dropped, events, orDash(problem))
	}
	return rows
}

func technique(p *openifitv1.Policy) string {
	var entry struct {
		Config struct {
			Technique string `json:"technique"`
		} `json:"config"`
	}
	if err := json.Unmarshal([]byte(p.GetJsonIetf()), &entry); err != nil {
		return "?"
	}
	return entry.Config.Technique
}

// statesText says how many nodes have the policy in which state.
func statesText(p *openifitv1.Policy) string {
	counts := make(map[string]int)
	for _, s := range p.GetStatuses() {
		counts[operStatus(s)]++
	}
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
	}
	return orDash(strings.Join(parts, ", "))
}

func operStatus(s *openifitv1.NodePolicyStatus) string {
	if s.GetOperStatus() == openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_UNSPECIFIED {
		return "APPLIED"
	}
	return enumText(s.GetOperStatus(), "POLICY_OPER_STATUS_")
}

func statusRows(statuses []*openifitv1.NodePolicyStatus) output.Rows {
	rows := output.Rows{Titles: []string{"NODE", "STATE", "ROLES", "GENERATION", "OBSERVED", "SELECTED", "RECORDS", "DROPPED", "EVENTS", "ENDS", "ERROR"}}
	for _, s := range statuses {
		var roles []string
		for _, r := range s.GetRoles() {
			roles = append(roles, enumText(r, "ROLE_"))
		}
		// Generations begin at 1: without one, the node has not told yet.
		told := func(n uint64) string {
			if s.GetGeneration() == 0 {
				return "-"
			}
			return strconv.FormatUint(n, 10)
		}
		rows.Add(s.GetNode(), operStatus(s), orDash(strings.Join(roles, " ")), told(uint64(s.GetGeneration())), told(s.GetPacketsObserved()),
			told(s.GetPacketsSelected()), told(s.GetRecordsExported()), told(s.GetRecordsDropped()), told(s.GetEvents()),
			timeText(s.GetExpiresAtUnixNs()), orDash(s.GetLastError()))
	}
	return rows
}
