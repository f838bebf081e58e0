package agent

import (
	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/yang"
)

// showTCPHealth fills in the sums over a policy's connections.
func showTCPHealth(p *compile.Policy, c *probe.TCPCounters, points map[plan.PointID]probe.PointCounters, s *yang.Policy_State) {
	var refused uint64
	watched := false
	for _, at := range p.Points {
		if at.Actions&plan.ActTCP != 0 {
			watched = true
			refused += points[at.PointID].TCPRefused
		}
	}
	if !watched {
		return
	}
	out := s.GetOrCreateTcpHealth()
	out.RetransmittedPackets, out.OutOfOrderPackets = &c.Retransmitted, &c.OutOfOrder
	out.DuplicateAcks, out.ZeroWindows, out.Resets = &c.DuplicateAcks, &c.ZeroWindows, &c.Resets
	out.PacketsRefused = &refused
}
