package northcmd

import (
	"fmt"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
)

func (f *flowFilterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.node, "node", "", "only what this node observed")
	cmd.Flags().StringVar(&f.policy, "policy", "", "only what this policy measured")
	cmd.Flags().StringVar(&f.source, "source", "", "only sources in this prefix")
	cmd.Flags().StringVar(&f.destination, "destination", "", "only destinations in this prefix")
	cmd.Flags().StringVar(&f.protocol, "protocol", "", "only this protocol")
	cmd.Flags().Uint32Var(&f.limit, "limit", 0, "largest number of lines (default 1000)")
}

func flowCommand() *cobra.Command {
	n := newNoun("flow", "What the nodes metered")
	flowList(n)
	n.verb(&cobra.Command{
		Use: `get "SOURCE:PORT > DESTINATION:PORT/PROTOCOL"`, Short: "Show one flow at every Observation Point", Args: one("a flow (see flow list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := exactFlow(args[0])
			if err != nil {
				return err
			}
			return n.listFlows(cmd, &openifitv1.ListFlowsRequest{Filter: filter})
		},
	})
	var watched flowFilterFlags
	watch := n.verb(&cobra.Command{
		Use: "watch", Short: "Follow Flow Records as they are collected",
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := watched.filter()
			if err != nil {
				return err
			}
			c, err := dial(n, openifitv1connect.NewFlowServiceClient)
			if err != nil {
				return err
			}
			s, err := c.WatchFlows(cmd.Context(), connect.NewRequest(&openifitv1.WatchFlowsRequest{Filter: filter}))
			return stream(cmd, s, err, func(m *openifitv1.WatchFlowsResponse) error {
				return n.tell(cmd.OutOrStdout(), m, func() string {
					v := m.GetFlow()
					return fmt.Sprintf("%s %-14s %s  %d packets, %s octets", timeText(v.GetCollectedAtUnixNs()), pointText(v.GetObservationPoint()),
						flowText(v.GetKey()), v.GetPackets(), countText(float64(v.GetIpOctets())))
				})
			})
		},
	})
	watched.add(watch)
	return n.cmd
}

func flowList(n *noun) {
	var (
		f     flowFilterFlags
		heavy bool
	)
	cmd := n.verb(&cobra.Command{
		Use: "list", Short: "List the flows, most octets first",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if heavy {
				return n.listHeavy(cmd, f.node, f.policy)
			}
			filter, err := f.filter()
			if err != nil {
				return err
			}
			return n.listFlows(cmd, &openifitv1.ListFlowsRequest{Filter: filter, Limit: f.limit})
		},
	})
	f.add(cmd)
	cmd.Flags().BoolVar(&heavy, "heavy", false, "the heavy flows that the nodes' sketches find now")
}

func (n *noun) listFlows(cmd *cobra.Command, q *openifitv1.ListFlowsRequest) error {
	c, err := dial(n, openifitv1connect.NewFlowServiceClient)
	if err != nil {
		return err
	}
	r, err := c.ListFlows(cmd.Context(), connect.NewRequest(q))
	if err != nil {
		return explain(err)
	}
	return n.show(cmd, r.Msg, func() output.Rows {
		rows := output.Rows{Titles: []string{"FLOW", "POINT", "POLICY", "GENERATION", "PACKETS", "OCTETS", "RATIO", "NODE DELAY", "LAST"}}
		for _, v := range r.Msg.GetFlows() {
			mean := "-"
			if d := v.GetTransitDelay(); d != nil {
				mean = delayText(d.GetMeanNs())
			}
			ratio := "?"
			if v.GetSamplingRatio() > 0 {
				ratio = fmt.Sprintf("%.4g", v.GetSamplingRatio())
			}
			rows.Add(flowText(v.GetKey()), pointText(v.GetObservationPoint()), orDash(v.GetPolicy()), v.GetGeneration(),
				v.GetPackets(), v.GetIpOctets(), ratio, mean, timeText(v.GetLastUnixNs()))
		}
		return rows
	})
}

func (n *noun) listHeavy(cmd *cobra.Command, node, policy string) error {
	c, err := dial(n, openifitv1connect.NewFlowServiceClient)
	if err != nil {
		return err
	}
	r, err := c.ListHeavyFlows(cmd.Context(), connect.NewRequest(&openifitv1.ListHeavyFlowsRequest{Node: node, Policy: policy}))
	if err != nil {
		return explain(err)
	}
	return n.show(cmd, r.Msg, func() output.Rows {
		rows := output.Rows{Titles: []string{"NODE", "POLICY", "RANK", "FLOW", "PACKETS", "OCTETS", "INSTRUMENTED"}}
		for _, v := range r.Msg.GetHeavyFlows() {
			instrumented := "no"
			if v.GetInstrumented() {
				instrumented = "yes"
			}
			rows.Add(v.GetNode(), v.GetPolicy(), v.GetRank(), flowText(v.GetKey()), v.GetPackets(), v.GetIpOctets(), instrumented)
		}
		return rows
	})
}

func pointText(p *openifitv1.ObservationPoint) string {
	arrow := ""
	switch p.GetDirection() {
	case openifitv1.Direction_DIRECTION_INGRESS:
		arrow = " in"
	case openifitv1.Direction_DIRECTION_EGRESS:
		arrow = " out"
	}
	return p.GetNode() + " " + orDash(p.GetInterface()) + arrow
}
