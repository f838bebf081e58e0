// Package paths runs the correlation of postcards and keeps the latest paths.
package paths

import (
	"context"
	"sync"
	"time"

	"github.com/openifit/openifit/controller/correlate"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/watch"
)

// expireInterval is how often packets are looked at whose window may be over.
const expireInterval = 100 * time.Millisecond

// history is the number of paths that are kept beside the latest of each flow.
const history = 4096

// Paths keeps the latest paths. It is safe for concurrent use.
type Paths struct {
	// Hub passes on each path when its correlation ends. A path must not be
	// changed.
	Hub watch.Hub[*correlate.Path]

	inventory *inventory.Inventory

	mu         sync.Mutex
	correlator *correlate.Correlator
	latest     *watch.Ring[*correlate.Path]
}

// New returns Paths without paths.
func New(cfg correlate.Config, inv *inventory.Inventory) *Paths {
	p := &Paths{inventory: inv, latest: watch.NewRing[*correlate.Path](history)}
	p.correlator = correlate.New(cfg, inv.Snapshot(), p.emit)
	return p
}

// emit runs with the lock held, inside of the correlator.
func (p *Paths) emit(path *correlate.Path) {
	p.latest.Add(path)
	p.Hub.Publish(path)
}

// Run correlates what comes until the context ends, and hands each batch to
// done.
func (p *Paths) Run(ctx context.Context, postcards <-chan []measure.Postcard, done func([]measure.Postcard)) error {
	tick := time.NewTicker(expireInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case batch := <-postcards:
			p.Add(time.Now(), batch)
			done(batch)
		case now := <-tick.C:
			p.Expire(now)
		}
	}
}

// Add takes a batch of postcards in.
func (p *Paths) Add(now time.Time, batch []measure.Postcard) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.correlator.SetTopology(p.inventory.Snapshot())
	for i := range batch {
		p.correlator.Add(now.UnixNano(), &batch[i])
	}
}

// Expire ends the correlation of packets whose window is over.
func (p *Paths) Expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.correlator.SetTopology(p.inventory.Snapshot())
	p.correlator.Expire(now.UnixNano())
}

// Counters returns the correlator's.
func (p *Paths) Counters() correlate.Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.correlator.Counters()
}

// Latest returns the latest path of each flow, the flow seen last first.
func (p *Paths) Latest() []*correlate.Path {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*correlate.Path
	p.correlator.Flows(func(f *correlate.Flow) bool {
		if f.Latest != nil {
			out = append(out, f.Latest)
		}
		return true
	})
	return out
}

// History returns the paths that are kept, newest first.
func (p *Paths) History() []*correlate.Path {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*correlate.Path, 0, p.latest.Len())
	for path := range p.latest.Newest() {
		out = append(out, *path)
	}
	return out
}

// Path finds a path by its number; nil when it is not kept.
func (p *Paths) Path(id uint64) *correlate.Path {
	for _, list := range [][]*correlate.Path{p.History(), p.Latest()} {
		for _, path := range list {
			if path.ID == id {
				return path
			}
		}
	}
	return nil
}

// Evidence sums up what the paths of a policy's flows say about delays, sealed:
// postcards come over plain UDP.
func (p *Paths) Evidence(policy string, now time.Time) measure.Evidence {
	type link struct{ node, iface string }
	links := make(map[link]*measure.Delay)
	incomplete := uint64(0)
	p.mu.Lock()
	p.correlator.Flows(func(f *correlate.Flow) bool {
		if f.Policy != policy || f.Current == nil {
			return true
		}
		incomplete += f.Incomplete
		for i := 1; i < len(f.Current.Hops); i++ {
			from := f.Current.Hops[i-1]
			d := links[link{from.Node, from.EgressInterface}]
			if d == nil {
				d = &measure.Delay{}
				links[link{from.Node, from.EgressInterface}] = d
			}
			d.Add(f.Hops[i].Link)
		}
		return true
	})
	p.mu.Unlock()
	var out []measure.Measurement
	for l, d := range links {
		if d.Packets > 0 {
			out = append(out, measure.Measurement{
				Name: "link-delay-mean", Node: l.node, Interface: l.iface, Value: float64(d.Mean()), Unit: "ns",
				Time: now.UnixNano(), Provenance: measure.IPFIXPlain,
			})
		}
	}
	if incomplete > 0 {
		out = append(out, measure.Measurement{
			Name: "incomplete-paths", Value: float64(incomplete), Unit: "packets",
			Time: now.UnixNano(), Provenance: measure.IPFIXPlain,
		})
	}
	sortMeasurements(out)
	return measure.Seal(out)
}
