//go:build linux

package probetest

import (
	"testing"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
)

// Verdicts of a point's program.
const (
	Next = ^uint32(0)
	Drop = uint32(2)
)

// Arrival is what the kernel knows of a packet beside its octets.
type Arrival struct {
	// Ingress is the interface that received the packet, 0 for one that this
	// node sends by itself; Egress points only.
	Ingress uint32
	// Segments and SegmentSize make a super-packet.
	Segments, SegmentSize uint32
	Priority              uint32
}

// Outcome is what became of a packet.
type Outcome struct {
	Verdict  uint32
	Frame    []byte
	Priority uint32
}

// context is struct __sk_buff, a user API.
type context struct {
	_              [8]uint32
	Priority       uint32
	IngressIfindex uint32
	Ifindex        uint32
	_              [27]uint32
	Tstamp         uint64
	WireLen        uint32
	GSOSegs        uint32
	Socket         uint64
	GSOSize        uint32
	_              uint32
	_              uint64
}

// Runner hands packets to the program of a point without a network.
type Runner struct {
	pair    *Pair
	id      uint32
	program *ebpf.Program
	point   plan.PointID
}

// Runner opens the program of a point; a later change of the program needs a
// new one.
func (p *Pair) Runner(t testing.TB, engine *probe.Engine, id plan.PointID) *Runner {
	t.Helper()
	programs, err := engine.Programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range programs {
		if state.Point != id {
			continue
		}
		program, err := ebpf.NewProgramFromID(ebpf.ProgramID(state.ID))
		if err != nil {
			t.Fatalf("open program of point %s: %v", id, err)
		}
		t.Cleanup(func() { program.Close() })
		return &Runner{pair: p, id: state.ID, program: program, point: id}
	}
	t.Fatalf("no program at point %s", id)
	return nil
}

// ID is the kernel's number of the program.
func (r *Runner) ID() uint32 { return r.id }

// Run hands one packet to the program.
func (r *Runner) Run(t testing.TB, frame []byte, with Arrival) Outcome {
	t.Helper()
	var out Outcome
	err := r.pair.Do(func() (err error) {
		out, err = r.run(frame, with, 1)
		return err
	})
	if err != nil {
		t.Fatalf("run program of point %s: %v", r.point, err)
	}
	return out
}

// Repeat hands the same packet to the program several times. A program that
// changes the packet sees its own changes.
func (r *Runner) Repeat(t testing.TB, frame []byte, with Arrival, times uint32) {
	t.Helper()
	err := r.pair.Do(func() error {
		_, err := r.run(frame, with, times)
		return err
	})
	if err != nil {
		t.Fatalf("run program of point %s: %v", r.point, err)
	}
}

func (r *Runner) run(frame []byte, with Arrival, times uint32) (Outcome, error) {
	var after context
	options := ebpf.RunOptions{
		Data: frame, DataOut: make([]byte, len(frame)+256), Repeat: times,
		Context: &context{
			Priority: with.Priority, IngressIfindex: with.Ingress, Ifindex: r.point.Ifindex,
			GSOSegs: with.Segments, GSOSize: with.SegmentSize,
		},
		ContextOut: &after,
	}
	verdict, err := r.program.Run(&options)
	return Outcome{Verdict: verdict, Frame: options.DataOut, Priority: after.Priority}, err
}
