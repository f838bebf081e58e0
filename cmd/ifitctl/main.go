// Command ifitctl raises labs, drives traffic through them, and talks to
// the controller.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/cmd/ifitctl/internal/democmd"
	"github.com/openifit/openifit/cmd/ifitctl/internal/labcmd"
	"github.com/openifit/openifit/cmd/ifitctl/internal/northcmd"
	"github.com/openifit/openifit/cmd/ifitctl/internal/probecmd"
)

// commands is the table of everything that ifitctl does.
func commands() []*cobra.Command {
	return append([]*cobra.Command{
		labcmd.New(),
		democmd.New(),
		probecmd.New(),
	}, northcmd.New()...)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use: "ifitctl", Short: "Operate OpenIFIT: labs, policies, flows and paths",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(commands()...)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "ifitctl:", err)
		os.Exit(1)
	}
}
