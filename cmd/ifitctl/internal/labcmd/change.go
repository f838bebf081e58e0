//go:build linux

package labcmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/lab"
)

func (f *flags) route() *cobra.Command {
	var avoid []string
	cmd := &cobra.Command{
		Use: "route [--avoid ROUTER]", Short: "Move the routes around routers, or back", Args: cobra.NoArgs,
		Example: "  ifitctl lab route --avoid r3   # by the detour of line5\n  ifitctl lab route              # and back",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(func(l *lab.Lab) error { return l.Route(cmd.Context(), avoid...) })
		},
	}
	cmd.Flags().StringSliceVar(&avoid, "avoid", nil, "routers that shall forward nothing")
	return cmd
}

func (f *flags) link() *cobra.Command {
	return &cobra.Command{
		Use: "link NODE INTERFACE up|down", Short: "Take an interface of a node down or up", Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[2] != "up" && args[2] != "down" {
				return fmt.Errorf("%q: want up or down", args[2])
			}
			return f.with(func(l *lab.Lab) error {
				return l.SetLink(cmd.Context(), args[0], args[1], args[2] == "up")
			})
		},
	}
}
