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

func decisionCommand() *cobra.Command {
	n := newNoun("decision", "What the loops did, why, and how it is undone")
	var (
		filter openifitv1.DecisionFilter
		limit  uint32
		all    bool
	)
	list := n.verb(&cobra.Command{
		Use: "list", Short: "List decisions, newest first",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(n, openifitv1connect.NewDecisionServiceClient)
			if err != nil {
				return err
			}
			r, err := c.ListDecisions(cmd.Context(), connect.NewRequest(&openifitv1.ListDecisionsRequest{Filter: &filter, Limit: limit}))
			if err != nil {
				return explain(err)
			}
			return n.show(cmd, r.Msg, func() output.Rows { return decisionRows(r.Msg.GetDecisions(), all) })
		},
	})
	list.Flags().StringVar(&filter.Loop, "loop", "", "only decisions of this loop")
	list.Flags().StringVar(&filter.Policy, "policy", "", "only decisions on this policy")
	list.Flags().Uint32Var(&limit, "limit", 0, "largest number of decisions (default 1000)")
	list.Flags().BoolVar(&all, "all", false, "renewals as well, in the table")
	n.verb(&cobra.Command{
		Use: "get ID", Short: "Show one decision with cause, evidence and inverse", Args: one("the ID of a decision (see decision list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("decision %q: want a number", args[0])
			}
			c, err := dial(n, openifitv1connect.NewDecisionServiceClient)
			if err != nil {
				return err
			}
			r, err := c.GetDecision(cmd.Context(), connect.NewRequest(&openifitv1.GetDecisionRequest{Id: id}))
			if err != nil {
				return explain(err)
			}
			return n.show(cmd, r.Msg.GetDecision(), func() output.Rows { return decisionDetails(r.Msg.GetDecision()) })
		},
	})
	watch := n.verb(&cobra.Command{
		Use: "watch", Short: "Follow decisions as they are taken",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(n, openifitv1connect.NewDecisionServiceClient)
			if err != nil {
				return err
			}
			s, err := c.WatchDecisions(cmd.Context(), connect.NewRequest(&openifitv1.WatchDecisionsRequest{Filter: &filter}))
			return stream(cmd, s, err, func(m *openifitv1.WatchDecisionsResponse) error {
				return n.tell(cmd.OutOrStdout(), m, func() string {
					d := m.GetDecision()
					return fmt.Sprintf("%s %-18s %-8s %s, because %s", timeText(d.GetTimeUnixNs()), d.GetLoop(), decisionState(d),
						d.GetAction().GetSummary(), d.GetCause().GetSummary())
				})
			})
		},
	})
	watch.Flags().StringVar(&filter.Loop, "loop", "", "only decisions of this loop")
	return n.cmd
}

func decisionState(d *openifitv1.Decision) string { return enumText(d.GetState(), "DECISION_STATE_") }

func actionKind(a *openifitv1.Action) string { return enumText(a.GetKind(), "ACTION_KIND_") }

func decisionRows(decisions []*openifitv1.Decision, all bool) output.Rows {
	rows := output.Rows{Titles: []string{"ID", "TIME", "LOOP", "ACTION", "POLICY", "STATE", "WHAT", "WHY"}}
	for _, d := range decisions {
		if !all && d.GetAction().GetKind() == openifitv1.ActionKind_ACTION_KIND_RENEW {
			continue
		}
		rows.Add(d.GetId(), timeText(d.GetTimeUnixNs()), d.GetLoop(), actionKind(d.GetAction()), d.GetPolicy(), decisionState(d),
			d.GetAction().GetSummary(), d.GetCause().GetSummary())
	}
	return rows
}

func decisionDetails(d *openifitv1.Decision) output.Rows {
	rows := output.Rows{Titles: []string{"DECISION", strconv.FormatUint(d.GetId(), 10)}}
	rows.Add("time", timeText(d.GetTimeUnixNs()))
	rows.Add("loop", d.GetLoop())
	rows.Add("policy", fmt.Sprintf("%s, generation %d before", d.GetPolicy(), d.GetGeneration()))
	rows.Add("cause", d.GetCause().GetSummary())
	if events := d.GetCause().GetEventIds(); len(events) > 0 {
		rows.Add("events", strings.Trim(fmt.Sprint(events), "[]"))
	}
	for _, m := range d.GetCause().GetMeasurements() {
		rows.Add("  measured", measurementText(m))
	}
	for _, m := range d.GetEvidence() {
		rows.Add("  evidence", measurementText(m))
	}
	for _, part := range []struct {
		title  string
		action *openifitv1.Action
	}{{"action", d.GetAction()}, {"inverse", d.GetInverse()}} {
		rows.Add(part.title, actionKind(part.action)+": "+part.action.GetSummary())
		for _, c := range part.action.GetChanges() {
			rows.Add("  set", strings.TrimSpace(enumText(c.GetOperation(), "CONFIG_OPERATION_")+" "+c.GetPath()+" "+shorten(c.GetJsonIetf())))
		}
	}
	rows.Add("state", decisionState(d))
	for _, r := range d.GetResults() {
		answer := "done"
		if !r.GetApplied() {
			answer = "not done: " + r.GetError()
		}
		rows.Add("  "+r.GetNode(), answer)
	}
	if d.ExpiresAtUnixNs != nil {
		rows.Add("ends", timeText(d.GetExpiresAtUnixNs()))
	}
	return rows
}

func measurementText(m *openifitv1.Measurement) string {
	where := strings.TrimSpace(m.GetNode() + " " + m.GetInterface())
	if where != "" {
		where = " at " + where
	}
	return fmt.Sprintf("%s%s: %s (%s)", m.GetName(), where, valueText(m.GetValue(), m.GetUnit()), enumText(m.GetProvenance(), "PROVENANCE_"))
}

// shorten keeps a table readable; -o json has it all.
func shorten(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
