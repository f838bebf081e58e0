//go:build linux

// Package democmd holds the command "ifitctl demo".
package democmd

import (
	"github.com/spf13/cobra"

	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/demo"
)

// New is the command "demo".
func New() *cobra.Command {
	opts := demo.Options{}
	cmd := &cobra.Command{
		Use: "demo", Args: cobra.NoArgs,
		Short: "Raise the lab, run the loop on real packets, explain and check it, clean up",
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.Out = cmd.OutOrStdout()
			return demo.Run(cmd.Context(), opts)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&opts.Seed, "seed", 1, "seed of the traffic")
	f.BoolVar(&opts.Keep, "keep", false, "leave the lab up at the end")
	f.StringVar(&opts.Lab.BinDir, "bin-dir", "", "directory of ifit-agent and ifit-controller (default: that of ifitctl)")
	f.StringVar(&opts.Lab.RunDir, "run-dir", lab.DefaultRunDir, "directory of the lab's files")
	return cmd
}
