package northcmd

import (
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
)

func pathCommand() *cobra.Command {
	n := newNoun("path", "The ways of selected packets, hop by hop")
	pathList(n)
	n.verb(&cobra.Command{
		Use: "get ID", Short: "Draw one path with the delays of every hop", Args: one("the ID of a path (see path list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := dial(n, openifitv1connect.NewPathServiceClient)
			if err != nil {
				return err
			}
			r, err := c.GetPath(cmd.Context(), connect.NewRequest(&openifitv1.GetPathRequest{Id: args[0]}))
			if err != nil {
				return explain(err)
			}
			if n.format == output.Table || n.format == "" {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), pathLine(r.Msg.GetPath())); err != nil {
					return err
				}
			}
			return n.show(cmd, r.Msg.GetPath(), func() output.Rows { return hopRows(r.Msg.GetPath()) })
		},
	})
	var (
		f       flowFilterFlags
		changes bool
	)
	watch := n.verb(&cobra.Command{
		Use: "watch", Short: "Follow paths as they are put together",
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			c, err := dial(n, openifitv1connect.NewPathServiceClient)
			if err != nil {
				return err
			}
			s, err := c.WatchPaths(cmd.Context(), connect.NewRequest(&openifitv1.WatchPathsRequest{Filter: filter, ChangesOnly: changes}))
			return stream(cmd, s, err, func(m *openifitv1.WatchPathsResponse) error {
				return n.tell(cmd.OutOrStdout(), m, func() string { return pathLine(m.GetPath()) })
			})
		},
	})
	f.add(watch)
	watch.Flags().BoolVar(&changes, "changes", false, "a flow's path only when it differs from the one before")
	return n.cmd
}

func pathList(n *noun) {
	var (
		f                   flowFilterFlags
		history, incomplete bool
	)
	cmd := n.verb(&cobra.Command{
		Use: "list", Short: "List the latest path of each flow",
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			c, err := dial(n, openifitv1connect.NewPathServiceClient)
			if err != nil {
				return err
			}
			r, err := c.ListPaths(cmd.Context(), connect.NewRequest(&openifitv1.ListPathsRequest{
				Filter: filter, History: history, IncompleteOnly: incomplete, Limit: f.limit,
			}))
			if err != nil {
				return explain(err)
			}
			return n.show(cmd, r.Msg, func() output.Rows { return pathRows(r.Msg.GetPaths()) })
		},
	})
	f.add(cmd)
	cmd.Flags().BoolVar(&history, "history", false, "every path that is kept, newest first")
	cmd.Flags().BoolVar(&incomplete, "incomplete", false, "only paths with missing hops")
}

func pathLine(p *openifitv1.Path) string {
	return fmt.Sprintf("%s %s  %s  %s", timeText(p.GetTimeUnixNs()), flowText(p.GetKey()), drawPath(p), pathDelay(p))
}

// drawPath writes the nodes in the order of travel with the delays between
// them: a node's own in brackets, a link's between two nodes. A node that did
// not report stands in parentheses; an exclamation mark means that the clocks
// of two nodes disagree.
func drawPath(p *openifitv1.Path) string {
	var b strings.Builder
	missing := p.GetMissingHops()
	for i := 0; i <= len(p.GetHops()); i++ {
		for len(missing) > 0 && int(missing[0].GetPosition()) == i {
			name := missing[0].GetExpectedNode()
			if name == "" {
				name = "?"
			}
			space(&b)
			b.WriteString("(" + name + ")")
			missing = missing[1:]
		}
		if i == len(p.GetHops()) {
			break
		}
		h := p.GetHops()[i]
		if h.DelayFromPreviousHopNs != nil {
			link := delayText(h.GetDelayFromPreviousHopNs())
			if h.GetClockSuspect() {
				link = "!"
			}
			space(&b)
			b.WriteString("-" + strings.ReplaceAll(link, " ", "") + "-")
		}
		space(&b)
		b.WriteString(orDash(h.GetNode()))
		if h.TransitDelayNs != nil {
			b.WriteString("[" + strings.ReplaceAll(delayText(h.GetTransitDelayNs()), " ", "") + "]")
		}
	}
	return b.String()
}

func space(b *strings.Builder) {
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
}

// namesOf lists the nodes alone.
func namesOf(p *openifitv1.Path) string {
	plain := &openifitv1.Path{MissingHops: p.GetMissingHops()}
	for _, h := range p.GetHops() {
		plain.Hops = append(plain.Hops, &openifitv1.Hop{Node: h.GetNode()})
	}
	return drawPath(plain)
}

func pathDelay(p *openifitv1.Path) string {
	if p.PathDelayNs == nil {
		return "-"
	}
	return delayText(p.GetPathDelayNs())
}

func pathRows(paths []*openifitv1.Path) output.Rows {
	rows := output.Rows{Titles: []string{"ID", "FLOW", "PATH", "STATE", "DELAY", "SLOWEST", "PACKETS", "CHANGES", "COPIES", "TIME"}}
	for _, p := range paths {
		rows.Add(p.GetId(), flowText(p.GetKey()), namesOf(p), enumText(p.GetCompleteness(), "COMPLETENESS_"), pathDelay(p), slowest(p),
			p.GetPacketsOnRoute(), p.GetRouteChanges(), p.GetDuplicates(), timeText(p.GetTimeUnixNs()))
	}
	return rows
}

// slowest names the part of the path that took longest.
func slowest(p *openifitv1.Path) string {
	worst, where := int64(-1), "-"
	for i, h := range p.GetHops() {
		if d := h.GetTransitDelayNs(); h.TransitDelayNs != nil && d > worst {
			worst, where = d, h.GetNode()
		}
		if d := h.GetDelayFromPreviousHopNs(); h.DelayFromPreviousHopNs != nil && !h.GetClockSuspect() && d > worst && i > 0 {
			worst, where = d, p.GetHops()[i-1].GetNode()+" to "+h.GetNode()
		}
	}
	if worst < 0 {
		return where
	}
	return where + " " + delayText(worst)
}

func hopRows(p *openifitv1.Path) output.Rows {
	rows := output.Rows{Titles: []string{"HOP", "NODE", "IN", "OUT", "HOP LIMIT", "LINK DELAY", "NODE DELAY", "NOTE"}}
	missing := p.GetMissingHops()
	number := 0
	for i := 0; i <= len(p.GetHops()); i++ {
		for len(missing) > 0 && int(missing[0].GetPosition()) == i {
			number++
			limit := any("-")
			if missing[0].HopLimit != nil {
				limit = missing[0].GetHopLimit()
			}
			rows.Add(number, "("+orUnknown(missing[0].GetExpectedNode())+")", "-", "-", limit, "-", "-", "did not report")
			missing = missing[1:]
		}
		if i == len(p.GetHops()) {
			break
		}
		h := p.GetHops()[i]
		number++
		link, node, note := "-", "-", ""
		if h.DelayFromPreviousHopNs != nil {
			link = delayText(h.GetDelayFromPreviousHopNs())
		}
		if h.TransitDelayNs != nil {
			node = delayText(h.GetTransitDelayNs())
		}
		if h.GetClockSuspect() {
			note = "the clocks disagree"
		}
		if h.GetDuplicates() > 0 {
			note = strings.TrimPrefix(fmt.Sprintf("%s, %d copies", note, h.GetDuplicates()), ", ")
		}
		rows.Add(number, orDash(h.GetNode()), orDash(h.GetIngressInterface()), orDash(h.GetEgressInterface()), h.GetHopLimit(), link, node, orDash(note))
	}
	return rows
}

func orUnknown(s string) string {
	if s == "" {
		return "?"
	}
	return s
}
