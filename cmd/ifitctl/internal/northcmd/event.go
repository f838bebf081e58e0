package northcmd

import (
	"fmt"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
)

func eventCommand() *cobra.Command {
	n := newNoun("event", "What the nodes' triggers reported")
	var node, policy string
	var limit uint32
	list := n.verb(&cobra.Command{
		Use: "list", Short: "List events, newest first",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return n.listEvents(cmd, &openifitv1.ListEventsRequest{Filter: &openifitv1.EventFilter{Node: node, Policy: policy}, Limit: limit}, 0)
		},
	})
	list.Flags().StringVar(&node, "node", "", "only events of this node")
	list.Flags().StringVar(&policy, "policy", "", "only events of this policy")
	list.Flags().Uint32Var(&limit, "limit", 0, "largest number of lines (default 1000)")
	n.verb(&cobra.Command{
		Use: "get ID", Short: "Show one event", Args: one("the ID of an event (see event list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || id == 0 {
				return fmt.Errorf("event %q: want a number", args[0])
			}
			return n.listEvents(cmd, &openifitv1.ListEventsRequest{Filter: &openifitv1.EventFilter{AfterId: id - 1}, Limit: 10_000}, id)
		},
	})
	watch := n.verb(&cobra.Command{
		Use: "watch", Short: "Follow events as they arrive",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(n, openifitv1connect.NewEventServiceClient)
			if err != nil {
				return err
			}
			s, err := c.WatchEvents(cmd.Context(), connect.NewRequest(&openifitv1.WatchEventsRequest{
				Filter: &openifitv1.EventFilter{Node: node, Policy: policy},
			}))
			return stream(cmd, s, err, func(m *openifitv1.WatchEventsResponse) error {
				return n.tell(cmd.OutOrStdout(), m, func() string { return eventLine(m.GetEvent()) })
			})
		},
	})
	watch.Flags().StringVar(&node, "node", "", "only events of this node")
	watch.Flags().StringVar(&policy, "policy", "", "only events of this policy")
	return n.cmd
}

// listEvents prints events; with an id, that one alone.
func (n *noun) listEvents(cmd *cobra.Command, q *openifitv1.ListEventsRequest, only uint64) error {
	c, err := dial(n, openifitv1connect.NewEventServiceClient)
	if err != nil {
		return err
	}
	r, err := c.ListEvents(cmd.Context(), connect.NewRequest(q))
	if err != nil {
		return explain(err)
	}
	if only == 0 {
		return n.show(cmd, r.Msg, func() output.Rows { return eventRows(r.Msg.GetEvents()) })
	}
	for _, e := range r.Msg.GetEvents() {
		if e.GetId() == only {
			return n.show(cmd, e, func() output.Rows { return eventRows([]*openifitv1.Event{e}) })
		}
	}
	return fmt.Errorf("there is no event %d, or it has been forgotten", only)
}

func eventRows(events []*openifitv1.Event) output.Rows {
	rows := output.Rows{Titles: []string{"ID", "TIME", "POINT", "METRIC", "STATE", "VALUE", "THRESHOLD", "POLICY", "FLOW", "DETAIL"}}
	for _, e := range events {
		rows.Add(e.GetId(), timeText(e.GetTimeUnixNs()), pointText(e.GetObservationPoint()), enumText(e.GetMetric(), "EVENT_METRIC_"),
			enumText(e.GetPhase(), "EVENT_PHASE_"), valueText(e.GetValue(), e.GetUnit()), valueText(e.GetThreshold(), e.GetUnit()),
			e.GetPolicy(), flowText(e.GetKey()), detailText(e))
	}
	return rows
}

func eventLine(e *openifitv1.Event) string {
	what := enumText(e.GetMetric(), "EVENT_METRIC_")
	if e.GetPathChange() != nil {
		return fmt.Sprintf("%s %-14s %s %s: %s", timeText(e.GetTimeUnixNs()), pointText(e.GetObservationPoint()), what, flowText(e.GetKey()), wayText(e.GetPathChange()))
	}
	return fmt.Sprintf("%s %-14s %s %s %s (threshold %s) %s", timeText(e.GetTimeUnixNs()), pointText(e.GetObservationPoint()), what,
		enumText(e.GetPhase(), "EVENT_PHASE_"), valueText(e.GetValue(), e.GetUnit()), valueText(e.GetThreshold(), e.GetUnit()), flowText(e.GetKey())) + detailSuffix(e)
}

// detailText tells what an event says beyond its value.
func detailText(e *openifitv1.Event) string {
	switch {
	case e.GetPathChange() != nil:
		return wayText(e.GetPathChange())
	case e.GetDrop() != nil:
		return fmt.Sprintf("%s in %s", e.GetDrop().GetReason(), orDash(e.GetDrop().GetLocation()))
	case len(e.GetCulprits()) > 0:
		var flows []string
		for _, c := range e.GetCulprits() {
			flows = append(flows, fmt.Sprintf("%s %s octets", flowText(c.GetKey()), countText(float64(c.GetOctets()))))
		}
		return strings.Join(flows, ", ")
	}
	return "-"
}

func detailSuffix(e *openifitv1.Event) string {
	if d := detailText(e); d != "-" {
		return ": " + d
	}
	return ""
}

func valueText(v float64, unit string) string {
	switch unit {
	case "ns":
		return delayText(int64(v))
	case "":
		return "-"
	}
	return countText(v) + " " + unit
}

func wayText(p *openifitv1.PathChange) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%s>%s ttl %d, was %s>%s ttl %d", orDash(p.GetNewIngressInterface()), orDash(p.GetNewEgressInterface()), p.GetNewHopLimit(),
		orDash(p.GetOldIngressInterface()), orDash(p.GetOldEgressInterface()), p.GetOldHopLimit())
}
