package probe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/openifit/openifit/gen/bpf/drop"
	"github.com/openifit/openifit/gen/bpf/xmit"
)

const (
	pinTracerLink    = "link"
	pinTracerProgram = "program"
)

// tracer is a tracing program of the node: the one that sees packets behind
// the queues, or the one that sees dropped packets. All that it is told is in
// maps. Two versions of the former may be attached at once while one follows
// the other: each step of a condition is made by one of them alone.
type tracer struct {
	dir string
	// what the program is called in errors, name in its object.
	what, name string
	link       link.Link
	// current: the program behind the link is the one that this process would
	// attach, and works on the maps of this node.
	current bool
	// tag of the program behind an adopted link.
	tag string
	// nil until it is needed.
	program *ebpf.Program
}

// newTracers names the tracing programs of a node.
func newTracers(p pins) (transmit, losses *tracer) {
	return &tracer{dir: p.xmit(), what: "transmit program", name: xmit.BPFProgIfitXmit},
		&tracer{dir: p.losses(), what: "drop program", name: drop.BPFProgIfitFree}
}

// adopt takes over what another process attached. With fresh maps that
// program works on other ones than ours.
func (x *tracer) adopt(fresh bool) error {
	l, err := link.LoadPinnedLink(filepath.Join(x.dir, pinTracerLink), nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open pinned link of the %s: %w", x.what, err)
	}
	x.link = l
	p, err := ebpf.LoadPinnedProgram(filepath.Join(x.dir, pinTracerProgram), nil)
	if err != nil || fresh {
		// It will be replaced or detached by the next commit.
		return nil
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return fmt.Errorf("inspect the %s: %w", x.what, err)
	}
	x.tag = info.Tag
	return nil
}

// load verifies the program; nothing is attached. spec is used up.
func (x *tracer) load(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map, types *btf.Cache) error {
	maps.DeleteFunc(spec.Programs, func(name string, _ *ebpf.ProgramSpec) bool { return name != x.name })
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared, Cache: types})
	if err != nil {
		return fmt.Errorf("load the %s: %w", x.what, err)
	}
	defer collection.Close()
	info, err := collection.Programs[x.name].Info()
	if err != nil {
		return fmt.Errorf("inspect the %s: %w", x.what, err)
	}
	x.current = x.link != nil && x.tag == info.Tag
	x.program = collection.DetachProgram(x.name)
	return nil
}

// attach makes the loaded program see packets; a former one goes after turn,
// which is called when both do; nil for nothing to be done.
func (x *tracer) attach(turn func() error) error {
	if x.current {
		return nil
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: x.program, AttachType: ebpf.AttachTraceRawTp})
	if err != nil {
		return fmt.Errorf("attach the %s: %w", x.what, err)
	}
	if err := x.pin(l); err != nil {
		return errors.Join(err, l.Close(), x.unpin())
	}
	if turn != nil {
		if err := turn(); err != nil {
			return errors.Join(err, l.Close(), x.unpin())
		}
	}
	if x.link != nil {
		x.link.Close()
	}
	x.link, x.current = l, true
	return nil
}

func (x *tracer) pin(l link.Link) error {
	if err := x.unpin(); err != nil {
		return err
	}
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return fmt.Errorf("create pin directory: %w", err)
	}
	if err := x.program.Pin(filepath.Join(x.dir, pinTracerProgram)); err != nil {
		return fmt.Errorf("pin the %s: %w", x.what, err)
	}
	if err := l.Pin(filepath.Join(x.dir, pinTracerLink)); err != nil {
		return fmt.Errorf("pin the link of the %s: %w", x.what, err)
	}
	return nil
}

func (x *tracer) unpin() error {
	if err := os.RemoveAll(x.dir); err != nil {
		return fmt.Errorf("unpin the %s: %w", x.what, err)
	}
	return nil
}

func (x *tracer) detach() error {
	if x.link == nil {
		return nil
	}
	err := errors.Join(x.unpin(), x.link.Close())
	x.link, x.current, x.tag = nil, false, ""
	return err
}

func (x *tracer) close() {
	if x == nil {
		return
	}
	if x.link != nil {
		x.link.Close()
	}
	if x.program != nil {
		x.program.Close()
	}
}
