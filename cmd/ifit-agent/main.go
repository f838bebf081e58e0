// Command ifit-agent measures what happens to the packets of one node. Its
// whole configuration and state is a YANG tree, served over gNMI.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/openifit/openifit/agent"
	"github.com/openifit/openifit/agent/gnmi"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "ifit-agent:", err)
		os.Exit(1)
	}
}

// run is the command without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	switch {
	case err != nil:
		return err
	case o.version:
		_, err := fmt.Fprintln(stdout, "ifit-agent", agent.Version())
		return err
	case o.remove:
		return agent.Remove(o.config.PinDir)
	}
	if err := o.config.checkTLS(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.config.Listen)
	if err != nil {
		return fmt.Errorf("listen for gNMI: %w", err)
	}
	a, err := agent.New(ctx, agent.Config{
		NodeName: o.config.NodeName, StateDir: o.config.StateDir, PinDir: o.config.PinDir, ReplacePins: o.replace,
		Listener: listener, TLS: gnmi.TLSFiles(o.config.TLS), ProbeKeys: o.config.ProbeKeys, InitialConfig: o.config.InitialConfig,
		Without: o.without,
		Log:     slog.New(slog.NewTextHandler(stderr, nil)).With("node", o.config.NodeName),
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return a.Run(ctx)
}
