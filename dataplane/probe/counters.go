package probe

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// PointCounters are the counts of one Observation Point since it was made.
// Super-packets count as the packets that they hold.
type PointCounters struct {
	Point     plan.PointID
	Interface string
	// Packets passed the point; Octets are the IP octets of those that are IP.
	Packets, Octets uint64
	// NotIP packets are neither IPv4 nor IPv6; Malformed ones have a broken or
	// cut-off IP header. Neither gives a flow record.
	NotIP, Malformed uint64
	// Truncated packets lack their transport header: their ports count as 0.
	Truncated uint64
	// Refused packets found no place in a full flow table.
	Refused uint64
	// Foreign packets carried a mark that no head of the domain has set, and
	// were stripped of it, dropped, or let pass.
	ForeignStripped, ForeignDropped, ForeignPassed uint64
	// Unmarked packets carried a mark of the domain that ended here.
	Unmarked uint64
	// Unowned packets carried a mark, but no policy here sends postcards for
	// their flow.
	Unowned uint64
	// RewriteFailed packets were dropped because the kernel had no memory to
	// take their mark off.
	RewriteFailed uint64
	// FlowStatesRefused packets were not seen by triggers: there was no place
	// for another flow.
	FlowStatesRefused uint64
	// TunnelsUnread packets are in tunnels that are nested too deep, broken or
	// cut off: the innermost IP header is the last one that could be read.
	TunnelsUnread uint64
	// TCPRefused packets belong to connections that found no place.
	TCPRefused uint64
	// NotesRefused packets may be missing in histograms: there was no place to
	// note their flow.
	NotesRefused uint64
}

// PolicyCounters are the counts of one policy at one Observation Point since
// it came there. A policy that selects every packet has only those of its
// actions: its packets are in the flow records.
type PolicyCounters struct {
	Point  plan.PointID
	Policy uint32
	// Observed packets were offered to packet selection, Selected ones taken.
	Observed, Selected uint64
	// Limited packets would have been selected, but for the node's limit.
	Limited uint64
	// Refused are selected packets that found no place in a full flow table.
	Refused uint64
	// Marked packets got the policy's mark. The others did not, because their
	// code point has no mark or they belong to one link, because their payload is
	// shorter than 16 octets, or because the lease has ended. A postcard is
	// not sent for want of payload either.
	Marked, NoMark, NoPacketID, LeaseExpired uint64
	// Postcards were sent; Suppressed ones exceeded the node's rate, Lost ones
	// found no place in the ring buffer.
	Postcards, PostcardsSuppressed, PostcardsLost uint64
	// NoHash packets were not selected by their hash because their payload is
	// shorter than 16 octets, NoHashSegments because they came in super-packets:
	// the headers of each segment are not known. FlowsRefused packets were not
	// selected because there was no place for the count of another flow.
	NoHash, NoHashSegments, FlowsRefused uint64
	// TCP sums up the health of the connections whose packets this point counts.
	TCP TCPCounters
}

// TCPCounters sum up what went wrong with TCP connections.
type TCPCounters struct {
	// Retransmitted, OutOfOrder, DuplicateAcks and Resets count packets;
	// ZeroWindows counts how often a window closed.
	Retransmitted, OutOfOrder, DuplicateAcks, ZeroWindows, Resets uint64
}

// Add adds other counts.
func (c *TCPCounters) Add(o *TCPCounters) {
	c.Retransmitted += o.Retransmitted
	c.OutOfOrder += o.OutOfOrder
	c.DuplicateAcks += o.DuplicateAcks
	c.ZeroWindows += o.ZeroWindows
	c.Resets += o.Resets
}

// PointCounters returns the counts of all points, summed over CPUs.
func (e *Engine) PointCounters() ([]PointCounters, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	out := make([]PointCounters, 0, len(e.points))
	var perCPU []point.BPFIfitCounters
	for _, o := range e.ordered() {
		if o.tables == nil {
			continue
		}
		if err := o.tables.lasting[point.BPFMapCounters].Lookup(uint32(0), &perCPU); err != nil {
			return nil, fmt.Errorf("read counters of point %s: %w", o.point.ID, err)
		}
		sum := PointCounters{Point: o.point.ID, Interface: o.point.Interface}
		for i := range perCPU {
			c := &perCPU[i]
			sum.Packets += c.Packets
			sum.Octets += c.Octets
			sum.NotIP += c.NotIp
			sum.Malformed += c.Malformed
			sum.Truncated += c.Truncated
			sum.Refused += c.Refused
			sum.ForeignStripped += c.ForeignStripped
			sum.ForeignDropped += c.ForeignDropped
			sum.ForeignPassed += c.ForeignPassed
			sum.Unmarked += c.Unmarked
			sum.Unowned += c.Unowned
			sum.RewriteFailed += c.RewriteFailed
			sum.FlowStatesRefused += c.FlowStatesRefused
			sum.TunnelsUnread += c.TunnelsUnread
			sum.TCPRefused += c.TcpRefused
			sum.NotesRefused += c.NotesRefused
		}
		out = append(out, sum)
	}
	return out, nil
}

// PolicyCounters returns the counts of all policies, by point and summed over
// CPUs.
func (e *Engine) PolicyCounters() ([]PolicyCounters, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	var out []PolicyCounters
	for _, o := range e.ordered() {
		if o.tables == nil {
			continue
		}
		counters := o.tables.lasting[point.BPFMapPolicyCounters]
		for i := range o.point.Policies {
			id := o.point.Policies[i].ID
			sum, err := sumPolicy(counters, o.states[id])
			if err != nil {
				return nil, fmt.Errorf("read counters of policy %d at point %s: %w", id, o.point.ID, err)
			}
			sum.Point, sum.Policy = o.point.ID, id
			out = append(out, sum)
		}
	}
	return out, nil
}

func sumPolicy(m *ebpf.Map, state uint32) (PolicyCounters, error) {
	var perCPU []point.BPFIfitPolicyCounters
	if err := m.Lookup(state, &perCPU); err != nil {
		return PolicyCounters{}, err
	}
	var sum PolicyCounters
	for i := range perCPU {
		sum.Observed += perCPU[i].Observed
		sum.Selected += perCPU[i].Selected
		sum.Limited += perCPU[i].Limited
		sum.Refused += perCPU[i].Refused
		sum.Marked += perCPU[i].Marked
		sum.NoMark += perCPU[i].NoMark
		sum.NoPacketID += perCPU[i].NoPacketId
		sum.LeaseExpired += perCPU[i].LeaseExpired
		sum.Postcards += perCPU[i].Postcards
		sum.PostcardsSuppressed += perCPU[i].PostcardsSuppressed
		sum.PostcardsLost += perCPU[i].PostcardsLost
		sum.NoHash += perCPU[i].NoHash
		sum.NoHashSegments += perCPU[i].NoHashSegments
		sum.FlowsRefused += perCPU[i].FlowsRefused
		sum.TCP.Add(&TCPCounters{
			Retransmitted: perCPU[i].TcpRetransmitted, OutOfOrder: perCPU[i].TcpOutOfOrder,
			DuplicateAcks: perCPU[i].TcpDuplicateAcks, ZeroWindows: perCPU[i].TcpZeroWindows,
			Resets: perCPU[i].TcpResets,
		})
	}
	return sum, nil
}

// ordered lists the points by ID.
func (e *Engine) ordered() []*observation {
	out := make([]*observation, 0, len(e.points))
	for _, o := range e.points {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b *observation) int { return a.point.ID.Compare(b.point.ID) })
	return out
}
