package analyze

import (
	"cmp"
	"slices"
	"time"

	"github.com/openifit/openifit/controller/measure"
)

// NodeRates are one node's rates of export over its latest interval.
type NodeRates struct {
	Node string `json:"node"`
	// From and To bound the interval, by the controller's clock.
	From            int64   `json:"from"`
	To              int64   `json:"to"`
	OctetsPerSecond float64 `json:"octets-per-second"`
	// OctetsPerRecord is 0 when nothing was sent.
	OctetsPerRecord float64 `json:"octets-per-record"`
	// Records holds the Data Records per second of each policy.
	Records map[string]float64 `json:"records"`
}

// Rates are the rates of the domain.
type Rates struct {
	// From is the beginning of the oldest interval in it: what happened later
	// may not show yet.
	From  int64       `json:"from"`
	Nodes []NodeRates `json:"nodes"`
	// Silent are nodes whose latest interval is too old to count.
	Silent []string `json:"silent,omitempty"`
}

// Octets is the export of the whole domain in octets per second.
func (r Rates) Octets() float64 {
	sum := 0.0
	for i := range r.Nodes {
		sum += r.Nodes[i].OctetsPerSecond
	}
	return sum
}

// PolicyOctets estimates the part of some policies in it, from their records
// and the mean size of a record on each node.
func (r Rates) PolicyOctets(names ...string) float64 {
	sum := 0.0
	for i := range r.Nodes {
		n := &r.Nodes[i]
		records := 0.0
		for _, name := range names {
			records += n.Records[name]
		}
		sum += min(records*n.OctetsPerRecord, n.OctetsPerSecond)
	}
	return sum
}

// Load turns counters into rates. It is not safe for concurrent use.
type Load struct {
	minimum, stale time.Duration
	nodes          map[string]*nodeLoad
}

type nodeLoad struct {
	last  measure.Counters
	rates NodeRates
}

// NewLoad returns a Load that measures over intervals of at least minimum, and
// counts a node as silent whose latest interval ended stale ago.
func NewLoad(minimum, stale time.Duration) *Load {
	return &Load{minimum: minimum, stale: stale, nodes: make(map[string]*nodeLoad)}
}

// Observe takes a node's counters in. A counter that fell was reset by a
// restart of the agent: the interval is left out.
func (l *Load) Observe(c measure.Counters) {
	n := l.nodes[c.Node]
	if n == nil {
		l.nodes[c.Node] = &nodeLoad{last: c}
		return
	}
	if c.Octets < n.last.Octets || c.Records < n.last.Records {
		n.last = c
		return
	}
	interval := time.Duration(c.Time - n.last.Time)
	if interval < l.minimum {
		return
	}
	seconds := interval.Seconds()
	rates := NodeRates{
		Node: c.Node, From: n.last.Time, To: c.Time,
		OctetsPerSecond: float64(c.Octets-n.last.Octets) / seconds,
		Records:         make(map[string]float64, len(c.Policies)),
	}
	if records := c.Records - n.last.Records; records > 0 {
		rates.OctetsPerRecord = float64(c.Octets-n.last.Octets) / float64(records)
	}
	for name, p := range c.Policies {
		before := n.last.Policies[name]
		if p.Records >= before.Records {
			rates.Records[name] = float64(p.Records-before.Records) / seconds
		}
	}
	n.last, n.rates = c, rates
}

// Forget drops a node.
func (l *Load) Forget(node string) { delete(l.nodes, node) }

// Rates returns the latest rates of all nodes; ok is false when no node has any.
func (l *Load) Rates(now int64) (r Rates, ok bool) {
	for name, n := range l.nodes {
		switch {
		case n.rates.To == 0:
		case now-n.rates.To > int64(l.stale):
			r.Silent = append(r.Silent, name)
		default:
			if len(r.Nodes) == 0 || n.rates.From < r.From {
				r.From = n.rates.From
			}
			r.Nodes = append(r.Nodes, n.rates)
		}
	}
	slices.Sort(r.Silent)
	slices.SortFunc(r.Nodes, func(a, b NodeRates) int { return cmp.Compare(a.Node, b.Node) })
	return r, len(r.Nodes) > 0
}
