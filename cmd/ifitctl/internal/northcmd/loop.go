package northcmd

import (
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
)

// watchInterval is how often loops are looked at: they have no stream of their
// own.
const watchInterval = time.Second

func loopCommand() *cobra.Command {
	n := newNoun("loop", "The reflective telemetry loops")
	n.verb(&cobra.Command{
		Use: "list", Short: "List the loops",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(n, openifitv1connect.NewLoopServiceClient)
			if err != nil {
				return err
			}
			r, err := c.ListLoops(cmd.Context(), connect.NewRequest(&openifitv1.ListLoopsRequest{}))
			if err != nil {
				return explain(err)
			}
			return n.show(cmd, r.Msg, func() output.Rows { return loopRows(r.Msg.GetLoops()) })
		},
	})
	n.verb(&cobra.Command{
		Use: "get NAME", Short: "Show a loop", Args: one("the NAME of a loop (see loop list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := dial(n, openifitv1connect.NewLoopServiceClient)
			if err != nil {
				return err
			}
			r, err := c.GetLoop(cmd.Context(), connect.NewRequest(&openifitv1.GetLoopRequest{Name: args[0]}))
			if err != nil {
				return explain(err)
			}
			return n.show(cmd, r.Msg.GetLoop(), func() output.Rows { return loopDetails(r.Msg.GetLoop()) })
		},
	})
	loopWatch(n)
	for _, v := range []struct {
		verb, short string
		mode        openifitv1.LoopMode
	}{
		{"enable", "Let a loop decide and act", openifitv1.LoopMode_LOOP_MODE_ENABLED},
		{"disable", "Keep a loop from deciding; what it installed runs out", openifitv1.LoopMode_LOOP_MODE_DISABLED},
		{"kill", "Remove at once what a loop installed, and keep it from deciding", openifitv1.LoopMode_LOOP_MODE_KILLED},
	} {
		n.steer(v.verb, v.short, v.mode)
	}
	loopBudget(n)
	return n.cmd
}

// steer adds a command that sets the mode.
func (n *noun) steer(verb, short string, mode openifitv1.LoopMode) {
	var all bool
	cmd := n.verb(&cobra.Command{
		Use: verb + " NAME|--all", Short: short, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := loopName(args, all)
			if err != nil {
				return err
			}
			return n.setLoop(cmd, &openifitv1.SetLoopRequest{Name: name, Mode: mode})
		},
	})
	cmd.Flags().BoolVar(&all, "all", false, "every loop")
}

func loopName(args []string, all bool) (string, error) {
	switch {
	case all && len(args) == 0:
		return "*", nil
	case !all && len(args) == 1:
		return args[0], nil
	}
	return "", fmt.Errorf("name one loop, or give --all")
}

func (n *noun) setLoop(cmd *cobra.Command, q *openifitv1.SetLoopRequest) error {
	c, err := dial(n, openifitv1connect.NewLoopServiceClient)
	if err != nil {
		return err
	}
	r, err := c.SetLoop(cmd.Context(), connect.NewRequest(q))
	if err != nil {
		return explain(err)
	}
	return n.show(cmd, r.Msg, func() output.Rows { return loopRows(r.Msg.GetLoops()) })
}

func loopBudget(n *noun) {
	var (
		octets         uint64
		flows, changes uint32
		ratio          float64
	)
	cmd := n.verb(&cobra.Command{
		Use: "budget NAME", Short: "Bound what a loop may spend", Args: one("the NAME of a loop (see loop list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b := &openifitv1.Budget{}
			if cmd.Flags().Changed("export") {
				b.MaxExportOctetsPerSecond = &octets
			}
			if cmd.Flags().Changed("flows") {
				b.MaxInstrumentedFlows = &flows
			}
			if cmd.Flags().Changed("ratio") {
				b.MaxSamplingRatio = &ratio
			}
			if cmd.Flags().Changed("changes") {
				b.MaxChangesPerMinute = &changes
			}
			return n.setLoop(cmd, &openifitv1.SetLoopRequest{Name: args[0], Budget: b})
		},
	})
	cmd.Flags().Uint64Var(&octets, "export", 0, "octets per second that the whole domain may export")
	cmd.Flags().Uint32Var(&flows, "flows", 0, "flows on on-path telemetry at a time")
	cmd.Flags().Float64Var(&ratio, "ratio", 0, "largest sampling probability")
	cmd.Flags().Uint32Var(&changes, "changes", 0, "changes of one policy within a minute")
}

func loopWatch(n *noun) {
	n.verb(&cobra.Command{
		Use: "watch", Short: "Follow what the loops do",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(n, openifitv1connect.NewLoopServiceClient)
			if err != nil {
				return err
			}
			tick := time.NewTicker(watchInterval)
			defer tick.Stop()
			seen := make(map[string]*openifitv1.Loop)
			for {
				r, err := c.ListLoops(cmd.Context(), connect.NewRequest(&openifitv1.ListLoopsRequest{}))
				if cmd.Context().Err() != nil {
					return nil
				}
				if err != nil {
					return explain(err)
				}
				for _, l := range r.Msg.GetLoops() {
					if before := seen[l.GetName()]; before != nil && sameLoop(before, l) {
						continue
					}
					seen[l.GetName()] = l
					if err := n.tell(cmd.OutOrStdout(), l, func() string { return loopLine(l) }); err != nil {
						return err
					}
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-tick.C:
				}
			}
		},
	})
}

// sameLoop leaves out what moves all the time.
func sameLoop(a, b *openifitv1.Loop) bool {
	strip := func(l *openifitv1.Loop) *openifitv1.Loop {
		c := proto.CloneOf(l)
		c.ExportOctetsPerSecond, c.Inputs, c.IgnoredUnauthenticated = nil, nil, 0
		return c
	}
	return proto.Equal(strip(a), strip(b))
}

func loopMode(l *openifitv1.Loop) string { return enumText(l.GetMode(), "LOOP_MODE_") }

func loopLine(l *openifitv1.Loop) string {
	return fmt.Sprintf("%s %-18s %-9s %d decisions, owns %s", time.Now().Format("15:04:05"), l.GetName(), loopMode(l), l.GetDecisions(),
		orDash(strings.Join(l.GetOwnedPolicies(), " ")))
}

func loopRows(loops []*openifitv1.Loop) output.Rows {
	rows := output.Rows{Titles: []string{"LOOP", "MODE", "OWNS", "DECISIONS", "EXPORT/S", "BUDGET/S", "HELD BACK", "FLAPS", "DOES"}}
	for _, l := range loops {
		export, budget := "-", "-"
		if l.ExportOctetsPerSecond != nil {
			export = countText(l.GetExportOctetsPerSecond())
		}
		if l.GetBudget().MaxExportOctetsPerSecond != nil {
			budget = countText(float64(l.GetBudget().GetMaxExportOctetsPerSecond()))
		}
		rows.Add(l.GetName(), loopMode(l), orDash(strings.Join(l.GetOwnedPolicies(), " ")), l.GetDecisions(), export, budget,
			l.GetWithheldByBudget()+l.GetWithheldByDamping(), l.GetFlaps(), l.GetDescription())
	}
	return rows
}

func loopDetails(l *openifitv1.Loop) output.Rows {
	rows := output.Rows{Titles: []string{"LOOP", l.GetName()}}
	rows.Add("does", l.GetDescription())
	rows.Add("mode", loopMode(l))
	rows.Add("owns", orDash(strings.Join(l.GetOwnedPolicies(), " ")))
	rows.Add("decisions", fmt.Sprintf("%d, the last one is %d", l.GetDecisions(), l.GetLastDecisionId()))
	rows.Add("withheld", fmt.Sprintf("%d by the budget, %d by damping", l.GetWithheldByBudget(), l.GetWithheldByDamping()))
	rows.Add("flaps", l.GetFlaps())
	rows.Add("ignored", fmt.Sprintf("%d of older generations, %d not authenticated", l.GetIgnoredStale(), l.GetIgnoredUnauthenticated()))
	b := l.GetBudget()
	if b.MaxExportOctetsPerSecond != nil {
		rows.Add("budget", countText(float64(b.GetMaxExportOctetsPerSecond()))+" octets/s")
	}
	if b.MaxSamplingRatio != nil {
		rows.Add("largest ratio", b.GetMaxSamplingRatio())
	}
	if b.MaxInstrumentedFlows != nil {
		rows.Add("flows", fmt.Sprintf("at most %d", b.GetMaxInstrumentedFlows()))
	}
	if b.MaxChangesPerMinute != nil {
		rows.Add("changes", fmt.Sprintf("at most %d per minute", b.GetMaxChangesPerMinute()))
	}
	for _, m := range l.GetInputs() {
		rows.Add(m.GetName(), valueText(m.GetValue(), m.GetUnit()))
	}
	return rows
}
