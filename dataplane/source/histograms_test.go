//go:build linux

package source_test

import (
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
)

// distribution is a policy with histograms of delay and queue by some keys.
func distribution(id uint32, keys plan.KeyField) plan.Policy {
	return plan.Policy{
		PolicyRef: flow.PolicyRef{ID: id, Generation: 2}, Name: fmt.Sprint("histograms", id), Keys: keys,
		Actions: plan.ActDelayHistogram | plan.ActQueueHistogram,
	}
}

// series names what a histogram is of.
type series struct {
	policy          flow.PolicyRef
	metric          flow.Metric
	key             flow.Key
	family          uint8
	ingress, egress uint32
}

// sampler drains histograms and adds them up.
type sampler struct {
	reader *source.Histograms
	router *probetest.Router
	engine *probe.Engine
	sum    map[series]*flow.Histogram
}

func newSampler(r *probetest.Router, engine *probe.Engine) *sampler {
	return &sampler{source.NewHistograms(engine), r, engine, make(map[series]*flow.Histogram)}
}

func (s *sampler) drain(t *testing.T) {
	t.Helper()
	err := s.router.NS.Do(func() error {
		return s.reader.Drain(func(h *flow.Histogram) {
			of := series{h.Policy, h.Metric, h.Key, h.Family, h.IngressIfindex, h.EgressIfindex}
			if s.sum[of] == nil {
				s.sum[of] = new(flow.Histogram)
			}
			s.sum[of].Add(h)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// packets is the number of packets in all series of a policy and a metric.
func (s *sampler) packets(policy uint32, metric flow.Metric) (n uint64) {
	for of, h := range s.sum {
		if of.policy.ID == policy && of.metric == metric {
			n += h.Packets
		}
	}
	return n
}

// until drains until all packets have come.
func (s *sampler) until(t *testing.T, want func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for s.drain(t); !want(); s.drain(t) {
		if time.Now().After(deadline) {
			for of, h := range s.sum {
				t.Logf("%d packets of metric %d of policy %d, %s, code point %d", h.Packets, of.metric, of.policy.ID, of.key.ID, of.key.DSCP)
			}
			refused, err := s.engine.HistogramsRefused()
			points, _ := s.engine.PointCounters()
			t.Fatalf("not all packets are in histograms: refused %v, %v; counters of points %+v", refused, err, points)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A queue of known rate gives known delays and depths, however often the
// tables are drained meanwhile.
func TestHistogramsBehindAQueue(t *testing.T) {
	const (
		packets = 40
		payload = 1200
		frame   = payload + 8 + 20 + 14
		rate    = 125_000 // octets per second, and
		burst   = 5000    // octets at once: see shape
		// On a busy machine the kernel has been seen not to call the tracing
		// program for a packet; why is not known. A packet that the program saw
		// is in all histograms.
		missed = 2
	)
	line := probetest.NewLine(t, 1)
	listen(t, line)
	r := line.Routers[0]
	shape(t, r)
	classes := distribution(8, plan.KeyDSCP)
	classes.ByIngress, classes.ByEgress = true, true
	engine := r.Open(t, delayPoints(r, distribution(7, plan.Key5Tuple), classes))
	s := newSampler(r, engine)
	conn := dial(t, line, 4, 1000)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for i := range packets {
		dscp := []int{0, 46}[i%2]
		if err := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TOS, dscp<<2) }); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(make([]byte, payload)); err != nil {
			t.Fatal(err)
		}
	}
	sending := time.Since(begin)
	s.until(t, func() bool {
		n := min(s.packets(7, flow.MetricTransitDelay), s.packets(8, flow.MetricQueueDepth))
		return n >= packets || n >= packets-missed && time.Since(begin) > 5*time.Second
	})
	s.drain(t)
	took := time.Since(begin)

	from, to := line.Addresses(4)
	id := flow.ID{Source: from, Destination: to, SourcePort: 1000, DestinationPort: probetest.Port, Protocol: 17}
	one := series{policy: flow.PolicyRef{ID: 7, Generation: 2}, key: flow.Key{ID: id}, family: 4}
	none := netip.IPv4Unspecified()
	class := series{policy: flow.PolicyRef{ID: 8, Generation: 2}, key: flow.Key{ID: flow.ID{Source: none, Destination: none}}, family: 4, ingress: r.Left, egress: r.Right}
	want := make(map[series]uint64)
	for _, metric := range []flow.Metric{flow.MetricTransitDelay, flow.MetricQueueDepth} {
		one.metric, class.metric = metric, metric
		want[one] = packets
		for _, dscp := range []uint8{0, 46} {
			class.key.DSCP = dscp
			want[class] = packets / 2
		}
	}
	for of, n := range want {
		if h := s.sum[of]; h == nil || h.Packets > n || h.Packets < n-missed {
			t.Errorf("%+v: %+v, want %d packets", of, h, n)
		}
	}
	for _, metric := range []flow.Metric{flow.MetricTransitDelay, flow.MetricQueueDepth} {
		if a, b := s.packets(7, metric), s.packets(8, metric); a != b {
			t.Errorf("metric %d: %d packets by flow, %d by class", metric, a, b)
		}
	}
	for of := range s.sum {
		// Neighbour discovery of the hosts is forwarded by nobody.
		if _, ok := want[of]; !ok {
			t.Errorf("a histogram of nothing sent: %+v", of)
		}
	}
	if t.Failed() {
		return
	}

	// All but the burst wait for tokens; sending at a known rate from when the
	// first packet was sent, the queue is empty not before:
	one.metric = flow.MetricTransitDelay
	delay := s.sum[one]
	drained := time.Duration((packets-missed)*frame-burst) * time.Second / rate
	if least := drained - sending; time.Duration(delay.Max) < least || time.Duration(delay.Max) > took {
		t.Errorf("the greatest delay is %s: want %s to %s", time.Duration(delay.Max), least, took)
	}
	half := time.Duration((packets/2-missed)*frame-burst) * time.Second / rate
	if p50 := time.Duration(delay.Quantile(0.5)); p50 < (half-sending)*15/16 || p50 > time.Duration(delay.Max) {
		t.Errorf("the median delay is %s: want at least %s", p50, half-sending)
	}
	if p99 := delay.Quantile(0.99); p99 < delay.Max*15/16 || p99 > delay.Max {
		t.Errorf("the 99th percentile of %d is %d, the greatest delay %d", packets, p99, delay.Max)
	}
	if mean := delay.Mean(); mean < delay.Min || mean > delay.Max || delay.Min == 0 {
		t.Errorf("delays are %d to %d, %d on average", delay.Min, delay.Max, mean)
	}
	// Nothing is left behind the last packet; the kernel may send a few small
	// ones of its own meanwhile.
	one.metric = flow.MetricQueueDepth
	depth := s.sum[one]
	if depth.Min != 0 || depth.Max > packets*frame || depth.Max < (packets-1)*frame-uint64(burst)-uint64(sending.Seconds()*rate)-frame {
		t.Errorf("the queue held %d to %d octets, in frames of %d", depth.Min, depth.Max, frame)
	}
	if depth.First < begin.UnixNano() || depth.Last > time.Now().UnixNano() || depth.First > depth.Last {
		t.Errorf("packets left from %d to %d", depth.First, depth.Last)
	}
	if refused, err := engine.HistogramsRefused(); err != nil || refused[7]+refused[8] != 0 {
		t.Errorf("refused %v, %v", refused, err)
	}
}

// What the node sends is counted for those who ask for it, and has no delay.
func TestHistogramsOfTheNodesOwnPackets(t *testing.T) {
	const packets = 10
	line := probetest.NewLine(t, 1)
	listen(t, line)
	r := line.Routers[0]
	shape(t, r)
	local := distribution(8, 0)
	local.Local = true
	engine := r.Open(t, delayPoints(r, distribution(7, 0), local))
	s := newSampler(r, engine)
	_, to := line.Addresses(4)
	var conn *net.UDPConn
	err := r.NS.Do(func() (err error) {
		conn, err = net.DialUDP("udp", nil, &net.UDPAddr{IP: to.AsSlice(), Port: probetest.Port})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range packets {
		if _, err := conn.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	s.until(t, func() bool { return s.packets(8, flow.MetricQueueDepth) >= packets })
	if n := s.packets(7, flow.MetricQueueDepth) + s.packets(7, flow.MetricTransitDelay) + s.packets(8, flow.MetricTransitDelay); n != 0 {
		t.Errorf("%d values that nobody asked for: %+v", n, s.sum)
	}

	// Without policies nothing is measured, and nothing stays.
	r.Apply(t, engine, delayPoints(r))
	if _, err := conn.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	s.sum = make(map[series]*flow.Histogram)
	s.drain(t)
	var keys []any
	it := engine.Notes().Iterate()
	for k, v := make([]byte, 48), make([]byte, 40); it.Next(&k, &v); {
		keys = append(keys, slices.Clone(k))
	}
	if len(s.sum) != 0 || len(keys) != 0 {
		t.Errorf("left are %+v and %d notes", s.sum, len(keys))
	}
}
