package probe

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/drop"
	"github.com/openifit/openifit/gen/bpf/point"
	"github.com/openifit/openifit/gen/bpf/xmit"
)

// maxEvents per second bounds what triggers tell, so that a flood of flows
// does not become a flood of events.
const maxEvents = 1000

// Bursts, as the time in which a limit's rate would allow them.
const (
	postcardBurst = 100 * time.Millisecond
	eventBurst    = time.Second
)

// node is what all programs of an engine share. Its maps are pinned as long
// as the engine is not destroyed.
type node struct {
	maps map[string]*ebpf.Map
	// config is what the programs read now.
	config point.BPFIfitNode
	// numbers are the triggers' places.
	numbers triggerNumbers
	// watched are the interfaces whose transmissions are watched, with the
	// least value that matters.
	watched map[uint32]floors
	// xmit sees packets behind the queues, losses dropped ones.
	xmit, losses *tracer
	drops        *dropTables
	// instance is that of the drop program which this process has loaded.
	instance uint64
	// sweeper is nil until triggers need it.
	sweeper *ebpf.Program
	// counting is what histograms have in the kernel now; one of two tables is
	// in use, and drained tells that neither holds anything.
	counting          counting
	histogramTable    int
	histogramsDrained bool
}

// nodeSpecs are the shared maps by name; the programs agree about each.
func nodeSpecs(points, transmit, losses *ebpf.CollectionSpec) map[string]*ebpf.MapSpec {
	specs := make(map[string]*ebpf.MapSpec)
	for _, name := range []string{
		point.BPFMapNode, point.BPFMapLimits, point.BPFMapPostcards, point.BPFMapEvents,
		point.BPFMapTriggers, point.BPFMapTriggerCounters, point.BPFMapFlowStates,
		point.BPFMapFlowSequences,
		point.BPFMapConditions, point.BPFMapWindows, point.BPFMapBursts,
		point.BPFMapTcpFlows, point.BPFMapAnswers,
	} {
		specs[name] = points.Maps[name]
	}
	for _, name := range []string{xmit.BPFMapWatched, xmit.BPFMapDropWindows} {
		specs[name] = transmit.Maps[name]
	}
	for _, name := range []string{drop.BPFMapDropTables, drop.BPFMapDropCounters} {
		specs[name] = losses.Maps[name]
	}
	specs[pinDrops0], specs[pinDrops1] = losses.Maps[drop.BPFMapDropTable], losses.Maps[drop.BPFMapDropTable]
	maps.Copy(specs, histogramSpecs(points, transmit))
	return specs
}

// openNode opens the pinned maps, or makes those that are missing or of no
// use. Programs that run on replaced maps are replaced by the next commit.
func openNode(pins pins, specs map[string]*ebpf.MapSpec, usable bool) (*node, error) {
	fresh := false
	n, err := makeNode(specs, func(name string, spec *ebpf.MapSpec) (*ebpf.Map, error) {
		m, made, err := openNodeMap(pins.nodeMap(name), spec, usable)
		fresh = fresh || made
		return m, err
	})
	if err != nil {
		return nil, err
	}
	n.xmit, n.losses = newTracers(pins)
	for _, t := range []*tracer{n.xmit, n.losses} {
		if err := t.adopt(fresh); err != nil {
			n.close()
			return nil, err
		}
	}
	return n, nil
}

// newNode makes what no program uses.
func newNode(specs map[string]*ebpf.MapSpec) (*node, error) {
	return makeNode(specs, func(_ string, spec *ebpf.MapSpec) (*ebpf.Map, error) { return ebpf.NewMap(spec) })
}

func makeNode(specs map[string]*ebpf.MapSpec, open func(string, *ebpf.MapSpec) (*ebpf.Map, error)) (_ *node, err error) {
	n := &node{maps: make(map[string]*ebpf.Map), watched: make(map[uint32]floors)}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	for name, spec := range specs {
		if n.maps[name], err = open(name, spec); err != nil {
			return nil, fmt.Errorf("map %s: %w", name, err)
		}
	}
	if err := n.maps[point.BPFMapNode].Lookup(uint32(0), &n.config); err != nil {
		return nil, fmt.Errorf("read configuration of the node: %w", err)
	}
	if n.config.SketchSeed == 0 {
		n.config = emptyConfig()
	}
	if n.config.NetnsCookie, err = netnsCookie(); err != nil {
		return nil, err
	}
	if err := n.write(); err != nil {
		return nil, err
	}
	if n.numbers, err = readTriggers(n.maps[point.BPFMapTriggers]); err != nil {
		return nil, err
	}
	if err := n.openHistograms(); err != nil {
		return nil, err
	}
	if n.drops, err = openDropTables(n.maps); err != nil {
		return nil, err
	}
	return n, n.readWatched()
}

// openNodeMap tells whether it had to make the map.
func openNodeMap(path string, spec *ebpf.MapSpec, usable bool) (*ebpf.Map, bool, error) {
	m, err := ebpf.LoadPinnedMap(path, nil)
	if err == nil && usable {
		if err = spec.Compatible(m); err == nil {
			return m, false, nil
		}
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, ebpf.ErrMapIncompatible) {
		return nil, false, fmt.Errorf("open pin: %w", err)
	}
	if m != nil {
		m.Close()
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, false, fmt.Errorf("remove old pin: %w", err)
	}
	if m, err = ebpf.NewMap(spec); err != nil {
		return nil, false, fmt.Errorf("create: %w", err)
	}
	if err := m.Pin(path); err != nil {
		m.Close()
		return nil, false, fmt.Errorf("pin: %w", err)
	}
	return m, true, nil
}

func emptyConfig() point.BPFIfitNode {
	var c point.BPFIfitNode
	for i := range c.Unmark.Dscp {
		c.Unmark.Dscp[i] = plan.NoMark
	}
	var seed [8]byte
	_, _ = rand.Read(seed[:])
	c.SketchSeed = max(binary.NativeEndian.Uint64(seed[:]), 1)
	return c
}

// netnsCookie is the kernel's name of the network namespace; unlike its
// inode it is never used again.
func netnsCookie() (uint64, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("identify network namespace: %w", err)
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0, fmt.Errorf("identify network namespace: %w", err)
	}
	return cookie, nil
}

func (n *node) write() error {
	if err := n.maps[point.BPFMapNode].Put(uint32(0), &n.config); err != nil {
		return fmt.Errorf("write configuration of the node: %w", err)
	}
	return nil
}

// shared are the maps that the program of a point must use.
func (n *node) shared(spec *ebpf.CollectionSpec) map[string]*ebpf.Map {
	out := make(map[string]*ebpf.Map)
	for name, m := range n.maps {
		if _, ok := spec.Maps[name]; ok {
			out[name] = m
		}
	}
	return out
}

func (n *node) close() {
	if n == nil {
		return
	}
	n.xmit.close()
	n.losses.close()
	if n.sweeper != nil {
		n.sweeper.Close()
	}
	for _, m := range n.maps {
		m.Close()
	}
}

// configFor is the configuration that a plan asks for, apart from triggers.
func (n *node) configFor(p *plan.Plan) point.BPFIfitNode {
	c := n.config
	unmarking(&c, p)
	c.Postcards = limit(uint64(p.MaxPostcards), postcardBurst)
	c.Selected = limit(p.MaxSelected, selectedBurst)
	c.Events.IntervalNs, c.Events.BurstNs = uint64(time.Second)/maxEvents, uint64(eventBurst)
	return c
}

// widen adds to a configuration what only the former one has: while programs
// are being exchanged, marks and triggers of either plan are known.
func widen(next, former point.BPFIfitNode) point.BPFIfitNode {
	widenUnmarking(&next, &former)
	next.DelayTriggers |= former.DelayTriggers
	next.NewFlowTriggers |= former.NewFlowTriggers
	next.PathChangeTriggers |= former.PathChangeTriggers
	next.QueueTriggers |= former.QueueTriggers
	next.RateTriggers |= former.RateTriggers
	next.BurstTriggers |= former.BurstTriggers
	next.DropTriggers |= former.DropTriggers
	next.DropRecords |= former.DropRecords
	next.FlowEpoch = former.FlowEpoch
	next.Histograms |= former.Histograms
	next.RateFloor = min(next.RateFloor, former.RateFloor)
	return next
}

// PostcardRing is the ring buffer into which all points send postcards.
func (e *Engine) PostcardRing() *ebpf.Map { return e.node.maps[point.BPFMapPostcards] }

// Answers is where a probe that an operator brought leaves its answer to a
// packet, for the postcard that the point's program sends of it.
func (e *Engine) Answers() *ebpf.Map { return e.node.maps[point.BPFMapAnswers] }

// EventRing is the ring buffer of events.
func (e *Engine) EventRing() *ebpf.Map { return e.node.maps[point.BPFMapEvents] }
