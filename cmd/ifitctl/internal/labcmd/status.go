//go:build linux

package labcmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
	"github.com/openifit/openifit/lab"
)

func (f *flags) status() *cobra.Command {
	var format output.Format
	cmd := &cobra.Command{
		Use: "status", Short: "Show nodes, interfaces, agents and controller", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			st, err := lab.Examine(cmd.Context(), o)
			if err != nil {
				return err
			}
			if !st.Up && len(st.Nodes) == 0 && format.String() == string(output.Table) {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "the lab is down")
				return err
			}
			return format.Print(cmd.OutOrStdout(), st, func() output.Rows { return table(st) })
		},
	}
	format.AddFlag(cmd)
	return cmd
}

func table(st lab.Status) output.Rows {
	rows := output.Rows{Titles: []string{"NODE", "KIND", "ROLE", "NAMESPACE", "PID", "ADDRESS", "STATE", "INTERFACES"}}
	for _, n := range st.Nodes {
		pid, address, state := any("-"), any("-"), "present"
		if !n.Present {
			state = "missing"
		}
		if s := n.Service; s != nil {
			address = s.Address
			if s.PID != 0 {
				pid = s.PID
			}
			if n.Present {
				state = serviceState(s)
			}
		}
		role := n.Role
		if role == "" {
			role = "-"
		}
		var interfaces []string
		for _, i := range n.Interfaces {
			name := i.Name
			if !i.Up {
				name += "(down)"
			}
			interfaces = append(interfaces, name)
		}
		rows.Add(n.Name, n.Kind, role, n.Namespace, pid, address, state, strings.Join(interfaces, " "))
	}
	return rows
}

func serviceState(s *lab.ServiceStatus) string {
	switch {
	case s.Reachable:
		return "reachable"
	case s.Alive:
		return "unreachable"
	case s.PID != 0:
		return "dead"
	default:
		return "not started"
	}
}
