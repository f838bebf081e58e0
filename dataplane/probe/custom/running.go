package custom

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
)

// loaded is an object in the kernel: a program for each direction in use, and
// maps that they share.
type loaded struct {
	programs sides
	maps     map[string]*ebpf.Map
	// variables are where the probe keeps what the agent reads.
	variables map[string]variable
	verified  [2]uint32
	since     time.Time
}

// variable is a place in a data section.
type variable struct {
	section string
	offset  int
}

// running is an instance with what it has in the kernel.
type running struct {
	Instance
	*loaded
	links    map[plan.PointID]link.Link
	usage    usage
	counters counters
	reader   *reader
	excess   *Excess
}

// continues tells whether a map is its predecessor's.
func (r *running) continues(before *running, name string) bool {
	_, kept := before.keeps(r.Object)[name]
	return kept
}

// load puts the object into the kernel. Maps of a predecessor that are laid
// out alike go on, so that what they hold outlives a swap.
func load(i *Instance, before *running) (_ *loaded, err error) {
	l := &loaded{maps: make(map[string]*ebpf.Map), variables: make(map[string]variable), since: time.Now()}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	var need [2]bool
	for _, p := range i.Points {
		need[p.Direction] = true
	}
	if len(i.Points) == 0 {
		// Nowhere to run yet, and still the kernel has to say yes.
		need[flow.Ingress] = true
	}
	keep := before.keeps(i.Object)
	for direction, wanted := range need {
		if !wanted {
			continue
		}
		spec := i.Object.Wrapped(flow.Direction(direction) == flow.Egress, i.Answers != nil, i.Parameters)
		for name, v := range spec.Variables {
			l.variables[name] = variable{v.SectionName, int(v.Offset)}
		}
		shared := make(map[string]*ebpf.Map, len(keep)+len(l.maps))
		for name, m := range keep {
			shared[name] = m
		}
		for name, m := range l.maps {
			shared[name] = m
		}
		if i.Answers != nil {
			shared[object.AnswerMap] = i.Answers
		}
		c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
		if err != nil {
			return nil, refused(err)
		}
		l.programs[direction] = c.DetachProgram(object.WrapperName)
		for name := range c.Maps {
			if l.maps[name] == nil {
				l.maps[name] = c.DetachMap(name)
			}
		}
		c.Close()
		if l.verified[direction], err = verified(l.programs[direction]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func verified(p *ebpf.Program) (uint32, error) {
	info, err := p.Info()
	if err != nil {
		return 0, fmt.Errorf("inspect the probe: %w", err)
	}
	n, ok := info.VerifiedInstructions()
	if ok && n > maxVerified {
		return 0, fmt.Errorf("the verifier had to walk %d instructions, at most %d are granted: make its loops shorter", n, maxVerified)
	}
	return n, nil
}

// refused makes one sentence of a verifier's log.
func refused(err error) error {
	var v *ebpf.VerifierError
	if !errors.As(err, &v) || len(v.Log) == 0 {
		return fmt.Errorf("the kernel refuses the probe: %w", err)
	}
	for _, line := range v.Log {
		if strings.Contains(line, "infinite loop") || strings.Contains(line, "too large") || strings.Contains(line, "too complex") {
			return fmt.Errorf("the kernel refuses the probe: %s", line)
		}
	}
	// The last lines are statistics; the reason stands before them.
	for _, line := range slices.Backward(v.Log) {
		if isReason(line) {
			return fmt.Errorf("the kernel refuses the probe: %s", line)
		}
	}
	return fmt.Errorf("the kernel refuses the probe: %w", v.Cause)
}

func isReason(line string) bool {
	for _, statistics := range []string{"processed ", "verification time ", "stack depth ", "max_states", "peak_states"} {
		if len(line) >= len(statistics) && line[:len(statistics)] == statistics {
			return false
		}
	}
	return line != ""
}

// keeps lists the maps that a successor goes on with: those of the same name
// and layout whose content no declaration gives another meaning. Data sections
// start anew, since the compiler lays them out.
func (r *running) keeps(next *object.Object) map[string]*ebpf.Map {
	keep := make(map[string]*ebpf.Map)
	if r == nil || r.loaded == nil {
		return keep
	}
	spec := next.Wrapped(false, false, nil)
	for name, m := range r.maps {
		want := spec.Maps[name]
		if want == nil || name[0] == '.' || want.Compatible(m) != nil {
			continue
		}
		switch {
		case name == object.RecordMap && !r.Object.Record.Equal(next.Record),
			name == object.CounterMap && !r.Object.Counters.Equal(next.Counters):
			continue
		}
		keep[name] = m
	}
	return keep
}

func (l *loaded) close() {
	if l == nil {
		return
	}
	for _, p := range l.programs {
		if p != nil {
			p.Close()
		}
	}
	for _, m := range l.maps {
		m.Close()
	}
}

// program is the one for a point.
func (l *loaded) program(p plan.PointID) *ebpf.Program { return l.programs[p.Direction] }

// attach puts the probe at a point, ahead of other programs: it sees packets
// as they come in, and before marks are taken off as they leave.
func (l *loaded) attach(p plan.PointID) (link.Link, error) {
	kind := ebpf.AttachTCXIngress
	if p.Direction == flow.Egress {
		kind = ebpf.AttachTCXEgress
	}
	made, err := link.AttachTCX(link.TCXOptions{
		Interface: int(p.Ifindex), Program: l.program(p), Attach: kind, Anchor: link.Head(),
	})
	if err != nil {
		return nil, fmt.Errorf("attach to %s: %w", p, err)
	}
	return made, nil
}

// detach takes a program off its interface at once, whatever still holds it.
func detach(l link.Link) error { return errors.Join(l.Detach(), l.Close()) }

// Run watches budgets and reads counters until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	tick, counters := time.NewTicker(m.cfg.Interval), time.NewTicker(m.cfg.Counters)
	defer tick.Stop()
	defer counters.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			m.watch(now)
		case <-counters.C:
			m.readCounters()
		}
	}
}

// String names the task.
func (m *Manager) String() string { return "uploaded probes" }

// Try has the kernel verify an object in both directions, with the parameters
// that it has by itself, and keeps nothing of it.
func Try(o *object.Object) error {
	parameters, err := o.Encode(nil)
	if err != nil {
		return err
	}
	l, err := load(&Instance{Object: o, Parameters: parameters, Points: []plan.PointID{
		{Direction: flow.Ingress}, {Direction: flow.Egress},
	}}, nil)
	if err != nil {
		return err
	}
	l.close()
	return nil
}
