package export

import (
	"net/netip"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// Config is all that the Exporting Process needs to know; it is replaced as a
// whole.
type Config struct {
	ObservationDomain uint32
	// NodeID is the node's number in records.
	NodeID uint32
	// EnterpriseNumber of the private Information Elements; 0 leaves them out.
	EnterpriseNumber uint32
	Collectors       []Collector
	Policies         []Policy
	// Interfaces are told to collectors by options records.
	Interfaces []Interface
	// MaxOctets per second, over all collectors, packet headers included; 0
	// means no ceiling.
	MaxOctets uint64
}

// Collector is a Collecting Process.
type Collector struct {
	Name    string
	Address netip.AddrPort
	// Source is invalid where the route chooses.
	Source          netip.Addr
	DSCP            uint8
	TemplateRefresh time.Duration
	// PathMTU in octets bounds IP packets.
	PathMTU int
}

// Interface names an ifindex.
type Interface struct {
	Index uint32
	Name  string
}

// Policy says where a policy's records go and what they look like.
type Policy struct {
	flow.PolicyRef
	Name, Owner string
	Collectors  []string
	// Failover: to the first collector that is up instead of to all.
	Failover bool
	// FlowKeys are the IANA names of the Flow Keys of metering policies.
	FlowKeys []string
	// Biflow: records may hold both directions of a flow.
	Biflow bool
	// Delay: flow records carry the node transit delay.
	Delay bool
	// Histogram, with what comes beside it, of delays and queue depths.
	Histogram Histogram
	// Without names Information Elements that the flow records leave out.
	Without []string
	// Probe is set for policies that run a probe which an operator brought.
	Probe Probe
	// Selection describes packet selection; Algorithm is 0 for policies that
	// select every packet. What names the selector is not looked at.
	Selection    records.Selector
	BatchTimeout time.Duration
	// MaxRecords and MaxOctets per second, copies for several collectors
	// counted each; 0 means no ceiling.
	MaxRecords, MaxOctets uint64
}

// Histogram says what histogram records of a policy hold; the zero value has
// none.
type Histogram struct {
	Wanted, Minimum, Maximum, Mean bool
}
