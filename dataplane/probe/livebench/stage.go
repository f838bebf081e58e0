//go:build linux

// Package livebench measures probes under live frames: real packets that XDP
// injects into the kernel's network stack, batch after batch, timed there.
package livebench

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/bpf/bench"
	"github.com/openifit/openifit/lab/namespace"
)

// BatchFrames is the number of frames that the kernel hands on at once.
const BatchFrames = 64

// maxBatches is the number of batches whose times the generator keeps.
const maxBatches = 16384

// tableFlows is the usual size of flow tables.
const tableFlows = 131072

// liveFrames makes a test run hand its frames to the network stack.
const liveFrames = 1 << 1 // BPF_F_TEST_XDP_LIVE_FRAMES

// loopback is where the frames arrive: the interface with the least around it.
const loopback = 1

// stage is a network namespace of its own into which frames are injected.
// They end at the last program of the loopback interface's tcx ingress.
type stage struct {
	ns      *namespace.NS
	objects bench.BPFObjects
	links   []link.Link
	places  []*place
	pinDir  string
	engine  *probe.Engine
	quiet   uint32
	made    []plan.Point
	frame   []byte
	// maxFlows is the size of the engine's flow tables.
	maxFlows uint32
}

func newStage() (_ *stage, err error) {
	s := &stage{frame: frame(), maxFlows: tableFlows}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.ns, err = namespace.New(); err != nil {
		return nil, err
	}
	nl, err := s.ns.Netlink()
	if err != nil {
		return nil, err
	}
	defer nl.Close()
	lo, err := nl.LinkByIndex(loopback)
	if err != nil {
		return nil, fmt.Errorf("find loopback: %w", err)
	}
	if err := nl.LinkSetUp(lo); err != nil {
		return nil, fmt.Errorf("set loopback up: %w", err)
	}
	if err := bench.LoadBPFObjects(&s.objects, nil); err != nil {
		return nil, fmt.Errorf("load benchmark programs: %w", err)
	}
	return s, nil
}

func (s *stage) close() error {
	var errs []error
	if s.engine != nil {
		errs = append(errs, s.engine.Destroy())
	}
	for _, p := range s.places {
		errs = append(errs, p.close())
	}
	for _, l := range s.links {
		errs = append(errs, l.Close())
	}
	errs = append(errs, s.objects.Close())
	if s.ns != nil {
		errs = append(errs, s.ns.Close())
	}
	return errors.Join(errs...)
}

// open starts an engine inside the namespace.
func (s *stage) open() error {
	s.pinDir = filepath.Join("/sys/fs/bpf", "openifit-bench-"+strconv.Itoa(os.Getpid()))
	return s.ns.Do(func() (err error) {
		s.engine, err = probe.Open(probe.Config{PinDir: s.pinDir})
		return err
	})
}

// attach puts a program behind those that are there at loopback's ingress,
// where the frames arrive.
func (s *stage) attach(p *ebpf.Program) (link.Link, error) {
	return s.attachAt(loopback, ebpf.AttachTCXIngress, p)
}

func (s *stage) attachAt(ifindex int, at ebpf.AttachType, p *ebpf.Program) (link.Link, error) {
	var l link.Link
	err := s.ns.Do(func() (err error) {
		l, err = link.AttachTCX(link.TCXOptions{Interface: ifindex, Program: p, Attach: at})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", p, err)
	}
	s.links = append(s.links, l)
	return l, nil
}

// mix says which flows the frames belong to: one after the other, or
// scattered, so that no cache knows the next one.
type mix struct {
	flows   uint32
	scatter bool
}

// inject sends frames of that many flows, one after the other.
func (s *stage) inject(frames, flows uint32) (uint64, error) {
	return s.injectMix(frames, mix{flows: flows})
}

// injectMix sends frames and returns how many the kernel really took: it may
// start over when a signal comes.
func (s *stage) injectMix(frames uint32, of mix) (uint64, error) {
	start := bench.BPFBenchGenerator{Flows: of.flows}
	if of.scatter {
		start.Scatter = 1
	}
	if err := s.objects.Generator.Put(uint32(0), start); err != nil {
		return 0, fmt.Errorf("set up generator: %w", err)
	}
	err := s.ns.Do(func() error {
		_, err := s.objects.BenchGenerate.Run(&ebpf.RunOptions{
			Data: s.frame, Repeat: frames, Flags: liveFrames, BatchSize: BatchFrames,
		})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("inject %d frames: %w", frames, err)
	}
	var end bench.BPFBenchGenerator
	if err := s.objects.Generator.Lookup(uint32(0), &end); err != nil {
		return 0, fmt.Errorf("read generator: %w", err)
	}
	return end.Sent, nil
}

// batchTimes returns the times of the first n batches of the last run, in
// nanoseconds per frame.
func (s *stage) batchTimes(n int) ([]float64, error) {
	out := make([]float64, min(n, maxBatches))
	for i := range out {
		var took uint64
		if err := s.objects.BatchTimes.Lookup(uint32(i), &took); err != nil {
			return nil, fmt.Errorf("read batch time: %w", err)
		}
		out[i] = float64(took) / BatchFrames
	}
	return out, nil
}

// framePort is the port that frames are sent from; they go to the next one.
const framePort = 7000

func frameDestination() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) }

// frame is an Ethernet frame with 18 octets of UDP payload.
func frame() []byte {
	f := make([]byte, 60)
	copy(f[12:], []byte{
		0x08, 0x00, // IPv4
		0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 0, 192, 0, 2, 1,
		0x1b, 0x58, 0x1b, 0x59, 0, 26, 0, 0,
	})
	return f
}
