// Command ifit-controller pushes policies to the nodes of an IFIT domain,
// collects what they measure, and closes the reflective telemetry loop.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/openifit/openifit/controller"
	"github.com/openifit/openifit/controller/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "ifit-controller:", err)
		os.Exit(1)
	}
}

// run is the command without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("ifit-controller", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", "/etc/openifit/controller.yaml", "configuration file")
	check := flags.Bool("check", false, "check the configuration and exit")
	replay := flags.Bool("replay", false, "take every decision of the log again, tell which differ, and exit")
	verbose := flags.Bool("verbose", false, "log more")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	cfg, err := config.Load(*path)
	if err != nil {
		return err
	}
	if *check {
		_, err := fmt.Fprintf(stdout, "%s: %d nodes, %d links, %d loops\n", *path, len(cfg.Domain.Nodes), len(cfg.Domain.Links), len(cfg.Loops))
		return err
	}
	if *replay {
		return controller.Replay(cfg, stdout)
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	c, err := controller.New(cfg, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return err
	}
	return c.Run(ctx)
}
