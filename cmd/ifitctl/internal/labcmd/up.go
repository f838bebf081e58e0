//go:build linux

package labcmd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/topology"
)

func (f *flags) up() *cobra.Command {
	var file, binDir, policies string
	var noAgents, noController bool
	cmd := &cobra.Command{
		Use: "up", Short: "Raise the lab, or what is missing of it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			o.BinDir, o.NoAgents, o.NoController = binDir, noAgents, noController
			o.Progress = printer(cmd.OutOrStdout())
			if policies != "" {
				if o.PoliciesDir, err = filepath.Abs(policies); err != nil {
					return fmt.Errorf("--policies: %w", err)
				}
			}
			if file != "" {
				if o.Topology, err = topology.Load(file); err != nil {
					return err
				}
			}
			l, err := lab.Up(cmd.Context(), o)
			if err != nil {
				return err
			}
			defer l.Close()
			f.hints(cmd.OutOrStdout(), l, noAgents, noController)
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "topology", "", "topology file in YAML (default: line5)")
	cmd.Flags().StringVar(&binDir, "bin-dir", "", "directory of ifit-agent and ifit-controller (default: that of ifitctl)")
	cmd.Flags().StringVar(&policies, "policies", "", "directory of baseline policies for the controller")
	cmd.Flags().BoolVar(&noAgents, "no-agents", false, "raise the network alone")
	cmd.Flags().BoolVar(&noController, "no-controller", false, "raise network and agents without a controller")
	return cmd
}

// hints prints the commands to try on a lab that is up.
func (f *flags) hints(w io.Writer, l *lab.Lab, noAgents, noController bool) {
	self, which := os.Args[0], f.which()
	t := l.Topology()
	fmt.Fprintf(w, "\nThe lab %s is up. Try:\n", t.Name)
	fmt.Fprintf(w, "  %s lab status%s\n", self, which)
	if hosts := t.Hosts(); len(hosts) > 1 {
		from, to := hosts[0].Name, hosts[1].Name
		fmt.Fprintf(w, "  %s lab traffic --from %s --to %s --mice 1000 --elephants 4%s\n", self, from, to, which)
	}
	if agents := t.Agents(); !noAgents && len(agents) > 0 {
		fmt.Fprintf(w, "  gnmic --config %s get --path /ifit/state\n", quote(filepath.Join(l.RunDir(), agents[0].Name, "gnmic.yaml")))
	}
	if !noAgents && !noController {
		config := ""
		if l.RunDir() != lab.DefaultRunDir {
			config = " --config " + quote(filepath.Join(l.RunDir(), "ifitctl.yaml"))
		}
		fmt.Fprintf(w, "  %s node list%s\n", self, config)
	}
	fmt.Fprintf(w, "  %s lab down%s\n", self, which)
}

func (f *flags) down() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "Take the lab down and remove everything of it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			return lab.Down(cmd.Context(), o)
		},
	}
}

func (f *flags) exec() *cobra.Command {
	return &cobra.Command{
		Use: "exec NODE -- CMD [ARG...]", Short: "Run a command in the network namespace of a node",
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			return lab.Exec(o, args[0], args[1:])
		},
	}
}
