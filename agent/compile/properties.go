package compile

import (
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// properties converts PROPERTY_MATCH.
func (p *problems) properties(at string, c *yang.Policy_PacketSelection_Config, m *plan.Properties) {
	*m = plan.AnyProperties()
	m.TCPSet, m.TCPClear = tcpFlags(c.TcpFlags), tcpFlags(c.TcpFlagsAbsent)
	if both := m.TCPSet & m.TCPClear; both != 0 {
		p.add(Invalid, at+"/tcp-flags-absent", "names a flag that tcp-flags asks for: no packet matches")
	}
	override(c.MinimumPacketLength, &m.MinLength)
	override(c.MaximumPacketLength, &m.MaxLength)
	override(c.MinimumTtl, &m.MinTTL)
	override(c.MaximumTtl, &m.MaxTTL)
	if m.MinLength > m.MaxLength {
		p.add(Invalid, at+"/minimum-packet-length", "%d exceeds maximum-packet-length %d: no packet matches", m.MinLength, m.MaxLength)
	}
	if m.MinTTL > m.MaxTTL {
		p.add(Invalid, at+"/minimum-ttl", "%d exceeds maximum-ttl %d: no packet matches", m.MinTTL, m.MaxTTL)
	}
	if len(c.Ecn) > 0 {
		m.ECN = 0
	}
	for _, point := range c.Ecn {
		m.ECN |= 1 << (point - yang.Ecn_NOT_ECT)
	}
	switch c.GetFragments() {
	case yang.FragmentMatch_UNFRAGMENTED:
		m.Fragments = plan.Unfragmented
	case yang.FragmentMatch_FRAGMENTS:
		m.Fragments = plan.FragmentsOnly
	}
	if *m == plan.AnyProperties() {
		p.add(Invalid, at, "PROPERTY_MATCH needs a property that packets must have")
	}
}

func override[T any](from, to *T) {
	if from != nil {
		*to = *from
	}
}

// tcpFlags are the control bits in the order of the header (RFC 9293 section 3.1).
func tcpFlags(in []yang.E_OpenifitTypes_TcpFlag) (bits uint16) {
	for _, flag := range in {
		bits |= 1 << (flag - yang.TcpFlag_FIN)
	}
	return bits
}
