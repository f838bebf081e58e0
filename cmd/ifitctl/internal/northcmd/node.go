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

func nodeCommand() *cobra.Command {
	n := newNoun("node", "The nodes of the domain")
	n.verb(&cobra.Command{
		Use: "list", Short: "List the nodes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(n, openifitv1connect.NewNodeServiceClient)
			if err != nil {
				return err
			}
			r, err := c.ListNodes(cmd.Context(), connect.NewRequest(&openifitv1.ListNodesRequest{}))
			if err != nil {
				return explain(err)
			}
			return n.show(cmd, r.Msg, func() output.Rows { return nodeRows(r.Msg.GetNodes()) })
		},
	})
	n.verb(&cobra.Command{
		Use: "get NAME", Short: "Show a node and its interfaces", Args: one("the NAME of a node (see node list)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := dial(n, openifitv1connect.NewNodeServiceClient)
			if err != nil {
				return err
			}
			r, err := c.GetNode(cmd.Context(), connect.NewRequest(&openifitv1.GetNodeRequest{Name: args[0]}))
			if err != nil {
				return explain(err)
			}
			return n.show(cmd, r.Msg.GetNode(), func() output.Rows { return interfaceRows(r.Msg.GetNode()) })
		},
	})
	n.verb(&cobra.Command{
		Use: "watch", Short: "Follow the nodes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(n, openifitv1connect.NewNodeServiceClient)
			if err != nil {
				return err
			}
			s, err := c.WatchNodes(cmd.Context(), connect.NewRequest(&openifitv1.WatchNodesRequest{}))
			return stream(cmd, s, err, func(m *openifitv1.WatchNodesResponse) error {
				if m.GetNode() == nil {
					return nil
				}
				return n.tell(cmd.OutOrStdout(), m, func() string {
					v := m.GetNode()
					return fmt.Sprintf("%-8s %-10s %d policies, %s octets/s %s", v.GetName(), session(v), v.GetActivePolicies(), rate(v), v.GetLastError())
				})
			})
		},
	})
	return n.cmd
}

func session(v *openifitv1.Node) string { return enumText(v.GetSession(), "SESSION_STATE_") }

func rate(v *openifitv1.Node) string {
	if v.ExportOctetsPerSecond == nil {
		return "-"
	}
	return countText(v.GetExportOctetsPerSecond())
}

func nodeRows(nodes []*openifitv1.Node) output.Rows {
	rows := output.Rows{Titles: []string{"NODE", "SESSION", "ADDRESS", "NODE-ID", "DOMAIN", "POLICIES", "EXPORT/S", "AGENT", "INTERFACES", "ERROR"}}
	for _, v := range nodes {
		var names []string
		for _, i := range v.GetInterfaces() {
			name := i.GetName()
			if !i.GetOperUp() {
				name += "(down)"
			}
			names = append(names, name)
		}
		rows.Add(v.GetName(), session(v), v.GetAddress(), v.GetNodeId(), v.GetObservationDomainId(), v.GetActivePolicies(),
			rate(v), orDash(v.GetAgentVersion()), orDash(strings.Join(names, " ")), orDash(v.GetLastError()))
	}
	return rows
}

func interfaceRows(v *openifitv1.Node) output.Rows {
	rows := output.Rows{Titles: []string{"NODE", "INTERFACE", "INDEX", "ROLE", "STATE", "MTU", "PEER"}}
	for _, i := range v.GetInterfaces() {
		state, peer := "down", "-"
		if i.GetOperUp() {
			state = "up"
		}
		if i.GetPeerNode() != "" {
			peer = i.GetPeerNode() + " " + i.GetPeerInterface()
		}
		rows.Add(v.GetName(), i.GetName(), i.GetIfindex(), enumText(i.GetRole(), "INTERFACE_ROLE_"), state, i.GetMtuOctets(), peer)
	}
	return rows
}
