package probecmd

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/dataplane/probe/custom/object"
)

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE.o", Short: "Check a probe as an agent does, short of asking a kernel", Args: one("the FILE.o of the probe"),
		RunE: func(cmd *cobra.Command, args []string) error { return check(cmd.OutOrStdout(), args[0]) },
	}
}

// check reads an object and tells what an agent would know of it.
func check(w io.Writer, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the probe: %w", err)
	}
	o, err := object.Read(data, object.Usual())
	if err != nil {
		return fmt.Errorf("%s would be refused: %w", path, err)
	}
	fmt.Fprintf(w, "%s: probe %s, %d octets, SHA-256 %x\n", path, o.Name, o.Size, o.Digest)
	fmt.Fprintf(w, "  sees %d octets of each packet, with %d instructions, under licence %s\n", o.Capture, o.Instructions, o.License)
	for _, p := range o.Parameters {
		fmt.Fprintf(w, "  parameter %-16s %-12s default %s%s\n", p.Name, p.Type, p.Default, remark(&p.Field))
	}
	for _, s := range []struct {
		kind string
		of   *object.Struct
	}{{"counter", o.Counters}, {"record", o.Record}} {
		if s.of == nil {
			continue
		}
		for i := range s.of.Fields {
			f := &s.of.Fields[i]
			fmt.Fprintf(w, "  %-9s %-16s %-12s%s\n", s.kind, f.Name, f.Type, remark(f))
		}
	}
	for _, m := range o.Maps {
		fmt.Fprintf(w, "  map       %-16s %-12s %d entries, about %d octets\n", m.Name, m.Type, m.Entries, m.Octets)
	}
	fmt.Fprintf(w, "  an agent takes it, if it is signed and the agent's kernel agrees\n")
	return nil
}

func remark(f *object.Field) string {
	var parts []string
	for _, s := range []string{f.Units.String(), f.Semantics.String(), f.Text} {
		if s != "" && s != "default" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
