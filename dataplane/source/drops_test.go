//go:build linux

package source_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/impair"
	"github.com/openifit/openifit/lab/packet"
)

const lossPolicy = 8

// losing is a policy that wants records of its flows' drops.
func losing() plan.Policy {
	return plan.Policy{
		PolicyRef: flow.PolicyRef{ID: lossPolicy, Generation: 2}, Name: "losing",
		Actions: plan.ActMeter | plan.ActDrop, Keys: plan.Key5Tuple, Rules: onlyUDP(),
	}
}

// lossy is a router between two hosts whose drops are counted.
type lossy struct {
	line   *probetest.Line
	router *probetest.Router
	engine *probe.Engine
	drops  *source.Drops
	wire   *wire
	got    map[flow.Drop]uint64
}

func lossPoints(r *probetest.Router, policies ...plan.Policy) plan.Plan {
	return plan.Plan{MaxFlows: 64, Points: []plan.Point{
		{ID: plan.PointID{Ifindex: r.Left, Direction: flow.Ingress}, Interface: probetest.LeftName, Policies: policies},
	}}
}

func newLossy(t *testing.T) *lossy {
	t.Helper()
	l := &lossy{line: probetest.NewLine(t, 1), got: make(map[flow.Drop]uint64)}
	l.router = l.line.Routers[0]
	l.engine = l.router.Open(t, lossPoints(l.router, losing()))
	if !l.engine.Has(probe.FeatureDropReasons) {
		t.Skip("the kernel does not tell why it drops packets")
	}
	var err error
	if l.drops, err = source.NewDrops(l.engine); err != nil {
		t.Fatal(err)
	}
	l.wire = openWire(t, l.line.Left, probetest.RightName, l.router.NS, probetest.LeftName)
	return l
}

// packet is one to the right host; its IP packet has the given octets.
func (l *lossy) packet(family, octets int) packet.Spec {
	from, to := l.line.Addresses(family)
	header := 28
	if family == 6 {
		header = 48
	}
	return packet.Spec{
		Source: netip.AddrPortFrom(from, domainPort), Destination: netip.AddrPortFrom(to, probetest.Port),
		Payload: make([]byte, octets-header),
	}
}

func (l *lossy) send(t *testing.T, p packet.Spec, n int) {
	t.Helper()
	for i := range n {
		p.Identification = uint16(i)
		l.wire.send(t, p)
	}
}

// read drains the drops and sums them up, without their times and places.
func (l *lossy) read(t *testing.T) {
	t.Helper()
	err := l.drops.Drain(func(d *flow.Drop) {
		if d.First == 0 || d.Last < d.First || time.Since(time.Unix(0, d.Last)) > time.Minute {
			t.Errorf("times of %+v", *d)
		}
		key := flow.Drop{ID: d.ID, Policy: d.Policy, Reason: d.Reason, IngressIfindex: d.IngressIfindex, EgressIfindex: d.EgressIfindex}
		l.got[key] += d.Packets
		key.Octets = 1 // that of octets
		l.got[key] += d.Octets
	})
	if err != nil {
		t.Fatal(err)
	}
}

// expect waits until n drops of a flow were counted for one of some reasons,
// and checks that there are no others of it.
func (l *lossy) expect(t *testing.T, p packet.Spec, n, octets int, egress uint32, reasons ...string) {
	t.Helper()
	id := idOf(p)
	sum := func() (packets, counted uint64, what []string) {
		l.read(t)
		for k, v := range l.got {
			if k.ID != id {
				continue
			}
			if k.Octets == 1 {
				counted += v
				continue
			}
			packets += v
			what = append(what, fmt.Sprintf("%d %s", v, k.Reason))
			if !slices.Contains(reasons, k.Reason) || k.Policy != losing().PolicyRef ||
				k.IngressIfindex != l.router.Left || k.EgressIfindex != egress {
				t.Fatalf("%d of %+v, want reasons %v", v, k, reasons)
			}
		}
		return packets, counted, what
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		packets, counted, what := sum()
		if packets == uint64(n) && counted == uint64(n*octets) {
			t.Logf("%v of %d octets", what, octets)
			return
		}
		if packets > uint64(n) || time.Now().After(deadline) {
			t.Fatalf("counted %d packets and %d octets (%v), the truth is %d and %d", packets, counted, what, n, n*octets)
		}
		time.Sleep(10 * time.Millisecond) // the time between two looks
	}
}

func TestDropsByReason(t *testing.T) {
	const n, octets = 500, 300
	for _, family := range []int{4, 6} {
		for _, c := range []struct {
			name    string
			change  func(*packet.Spec)
			reasons []string
		}{
			{"hop limit spent", func(p *packet.Spec) { p.HopLimit = 1 }, []string{"IP_INHDR"}},
			{"no route", func(p *packet.Spec) {
				to := "203.0.113.1"
				if family == 6 {
					to = "2001:db8::1"
				}
				p.Destination = netip.AddrPortFrom(netip.MustParseAddr(to), 9)
			}, []string{"IP_INNOROUTES"}},
			{"nobody listens", func(p *packet.Spec) {
				to := "10.0.0.2"
				if family == 6 {
					to = "fd00:0::2"
				}
				p.Destination = netip.AddrPortFrom(netip.MustParseAddr(to), 9)
			}, []string{"NO_SOCKET"}},
		} {
			t.Run(fmt.Sprintf("IPv%d, %s", family, c.name), func(t *testing.T) {
				l := newLossy(t)
				p := l.packet(family, octets)
				c.change(&p)
				l.send(t, p, n)
				l.expect(t, p, n, octets, 0, c.reasons...)
				counters, err := l.engine.DropCounters()
				if err != nil || counters.Packets-counters.Unknown != n || counters.Refused != 0 {
					t.Errorf("counted %+v, %v", counters, err)
				}
			})
		}
	}
}

// What a lossy link drops is the truth of its own program.
func TestDropsOfATrafficControlProgram(t *testing.T) {
	for _, family := range []int{4, 6} {
		l := newLossy(t)
		listen(t, l.line)
		if err := impair.SetLoss(l.router.NS, probetest.RightName, impair.Loss{Drop: 0.3, Seed: 7}); err != nil {
			t.Fatal(err)
		}
		p := l.packet(family, 200)
		const n = 2000
		l.send(t, p, n)
		waitFor(t, "all packets at the lossy link", func() bool {
			counts, err := impair.LossCounts(l.router.NS, probetest.RightName)
			return err == nil && counts.Packets >= n
		})
		counts, err := impair.ClearLoss(l.router.NS, probetest.RightName)
		if err != nil || counts.Dropped < n/5 {
			t.Fatalf("lost %+v, %v", counts, err)
		}
		l.expect(t, p, int(counts.Dropped), 200, l.router.Right, "TC_EGRESS")
	}
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Drops of a full queue are those packets that do not come out of it.
func TestDropsOfAFullQueue(t *testing.T) {
	l := newLossy(t)
	shape(t, l.router)
	right := openWire(t, l.line.Right, probetest.LeftName, nil, "")
	listen(t, l.line)
	const n, octets = 400, 1000
	p := l.packet(4, octets)
	l.send(t, p, n)
	// A packet with another payload, sent until one comes, is behind all others.
	arrived := 0
	last := p
	last.Source = netip.AddrPortFrom(p.Source.Addr(), domainPort)
	last.Destination = netip.AddrPortFrom(p.Destination.Addr(), probetest.Port+1)
	last.Payload = []byte("last")
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				l.wire.send(t, last)
			}
		}
	}()
	for {
		seen := right.receive(t)
		if len(seen.IP) < octets {
			break
		}
		arrived++
	}
	close(done)
	<-ended
	if arrived == n {
		t.Fatal("the queue lost nothing")
	}
	l.expect(t, p, n-arrived, octets, l.router.Right, "QDISC_DROP", "QDISC_OVERLIMIT")
}

// A socket that nobody reads keeps what it has room for.
func TestDropsOfAFullSocket(t *testing.T) {
	for _, family := range []int{4, 6} {
		l := newLossy(t)
		to := netip.MustParseAddrPort("10.0.0.2:7001")
		if family == 6 {
			to = netip.MustParseAddrPort("[fd00:0::2]:7001")
		}
		var socket *net.UDPConn
		err := l.router.NS.Do(func() (err error) {
			if socket, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(to)); err == nil {
				err = socket.SetReadBuffer(8192)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		const n, octets = 300, 400
		p := l.packet(family, octets)
		p.Destination = to
		l.send(t, p, n)
		waitFor(t, "all packets at the router", func() bool {
			counters, err := l.engine.PointCounters()
			return err == nil && counters[0].Packets >= n
		})
		// What was not dropped is readable.
		kept := 0
		buf := make([]byte, 2048)
		raw, err := socket.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		err = raw.Read(func(fd uintptr) bool {
			for {
				_, _, err := unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
				if err != nil {
					return true
				}
				kept++
			}
		})
		if err != nil || kept == 0 || kept == n {
			t.Fatalf("%d of %d packets kept, %v", kept, n, err)
		}
		l.expect(t, p, n-kept, octets, 0, "SOCKET_RCVBUFF")
	}
}

// Neither flows outside of the policy nor other namespaces count, and nothing
// is counted for a policy that is gone.
func TestDropsOfOthers(t *testing.T) {
	l := newLossy(t)
	p := l.packet(4, 100)
	p.HopLimit = 1
	icmp := p
	icmp.Protocol = packet.ICMP
	l.send(t, icmp, 50)
	l.send(t, p, 50)
	l.expect(t, p, 50, 100, 0, "IP_INHDR")
	waitFor(t, "the others", func() bool {
		c, err := l.engine.DropCounters()
		return err == nil && c.Unknown >= 50
	})
	for k := range l.got {
		if k.ID != idOf(p) {
			t.Errorf("counted %+v", k)
		}
	}
	l.router.Apply(t, l.engine, lossPoints(l.router, probetest.Metering(70, 1)))
	l.send(t, p, 50)
	waitFor(t, "all packets", func() bool {
		c, err := l.engine.PointCounters()
		return err == nil && c[0].Packets >= 150
	})
	clear(l.got)
	l.read(t)
	if len(l.got) != 0 {
		t.Errorf("counted %v for a policy that is gone", l.got)
	}
	l.router.Apply(t, l.engine, lossPoints(l.router, losing()))
	l.send(t, p, 50)
	l.expect(t, p, 50, 100, 0, "IP_INHDR")
}

// A kernel that tells no reasons has drops refused, with that reason.
func TestDropsNeedReasons(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Without: []string{probe.FeatureDropReasons}})
	err := pair.Do(func() error {
		change, err := engine.Prepare(plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(losing())}})
		if err == nil {
			change.Abort()
		}
		return err
	})
	if !errors.Is(err, probe.ErrNoDrops) {
		t.Errorf("got %v, want %v", err, probe.ErrNoDrops)
	}
}

// A drop trigger counts packets per second, of each flow by itself or of an
// interface as a whole, and names reason and place.
func TestDropTrigger(t *testing.T) {
	for _, perFlow := range []bool{false, true} {
		line := probetest.NewLine(t, 1)
		r := line.Routers[0]
		policy := monitoring(plan.Trigger{Name: "loss", Metric: flow.MetricPacketDrop, PerFlow: perFlow, Raise: 50, Clear: 10})
		policy.Actions = plan.ActEvent | plan.ActDrop
		engine := r.Open(t, lossPoints(r, policy))
		got := readRouterEvents(t, r, engine)
		l := &lossy{line: line, router: r, engine: engine}
		l.wire = openWire(t, line.Left, probetest.RightName, r.NS, probetest.LeftName)
		p := l.packet(4, 100)
		p.HopLimit = 1
		raised := got.until(t, "raised", func(flow.Event) bool { return true }, func() error {
			l.send(t, p, 5)
			return nil
		})
		want := flow.Event{
			Time: raised.Time, Policy: policy.PolicyRef, Metric: flow.MetricPacketDrop, State: flow.EventRaised, ID: idOf(p),
			PerFlow: perFlow, Ifindex: r.Left, IngressIfindex: r.Left, Value: raised.Value, Threshold: 50,
			DropReason: "IP_INHDR", DropLocation: raised.DropLocation,
		}
		if raised != want || raised.Value < 50 || raised.Value > 2000 || raised.DropLocation == "" {
			t.Errorf("raised: got %+v, want %+v", raised, want)
		}
		cleared := got.until(t, "cleared", func(flow.Event) bool { return true }, func() error { return nil })
		if cleared.State != flow.EventCleared || cleared.Value >= 10 || cleared.ID != want.ID || cleared.DropReason != "IP_INHDR" {
			t.Errorf("cleared: %+v", cleared)
		}
		got.none(t, "told more than once")
		counters, err := engine.TriggerCounters()
		if err != nil {
			t.Fatal(err)
		}
		if c := counters[0]; c.Events != 2 || c.Suppressed+c.Lost+c.Refused != 0 {
			t.Errorf("counted %+v", c)
		}
	}
}
