//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/dataplane/probe/custom/signature"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// bringer is an operator with a key.
type bringer struct{ private string }

// trusting makes a key that the agent trusts.
func (w *world) trusting(t testing.TB) bringer {
	t.Helper()
	b := bringer{filepath.Join(w.dir, "operator-probes.key")}
	public := filepath.Join(w.dir, "probes.pem")
	if err := signature.Generate(b.private, public); err != nil {
		t.Fatal(err)
	}
	w.arguments = append(w.arguments, "--probe-keys", public)
	return b
}

func objectOf(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../dataplane/probe/custom/object/testdata/" + name + ".o")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// upload is the Set that brings an object, with leaves changed by edit.
func (b bringer) upload(t testing.TB, name string, object []byte, edit map[string]any) *gpb.SetRequest {
	t.Helper()
	private, err := signature.LoadPrivate(b.private)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(object)
	leaves := map[string]any{
		"name": name, "object": base64.StdEncoding.EncodeToString(object), "sha256": hex.EncodeToString(digest[:]),
		"signature": base64.StdEncoding.EncodeToString(signature.Sign(private, object)),
	}
	for k, v := range edit {
		leaves[k] = v
		if v == nil {
			delete(leaves, k)
		}
	}
	text, err := json.Marshal(leaves)
	if err != nil {
		t.Fatal(err)
	}
	return &gpb.SetRequest{Update: []*gpb.Update{update("/ifit/probes/probe[name="+name+"]/config", string(text))}}
}

func must(t testing.TB, c gpb.GNMIClient, r *gpb.SetRequest) {
	t.Helper()
	if _, err := c.Set(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

const (
	policyP = "/ifit/policies/policy[name=p]"
	probeP  = "/ifit/probes/probe[name=mine]"
	custom  = `{"name": "p", "config": {"name": "p", "technique": "CUSTOM_PROBE", "probe": "mine"},
	"observation-points": {"observation-point": [{"name": "in", "config": {"name": "in", "interface": "left", "direction": "BOTH"}}]},
	"probe-parameters": {"parameter": [{"name": "port", "config": {"name": "port", "value": "5001"}}]},
	"data-export": {"config": {"collector": ["c"], "batch-timeout": 20}}}`
)

// poke puts n packets to a port onto the wire at the left host.
func (w *world) poke(t testing.TB, n int, port int) {
	t.Helper()
	var conn *net.UDPConn
	err := w.left.Do(func() (err error) {
		// Not connected: that nobody listens there would fail the next packet.
		conn, err = net.ListenUDP("udp4", nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range n {
		if _, err := conn.WriteTo([]byte("0123456789abcdef"), &net.UDPAddr{IP: net.IPv4(10, 0, 2, 2), Port: port}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUploadedProbe(t *testing.T) {
	w := newWorld(t)
	b := w.trusting(t)
	w.start(t)
	c := w.client(t)
	got := w.collectProbe(t, collectorPort)
	set(t, c, base(collectorPort)...)
	must(t, c, b.upload(t, "mine", objectOf(t, "dns"), nil))
	set(t, c, update(policyP, custom))

	w.poke(t, 10, trafficPort)
	wait(t, "the records have come", func() bool { return number(t, c, policyP+"/state/probe-values/records") == 10 })
	if n := number(t, c, policyP+"/state/probe-values/counter[name=queries]/value"); n != 10 {
		t.Errorf("%d queries are counted", n)
	}
	if text := string(get(t, c, policyP+"/state/probe-values/last-record[name=client]/value")); text != `"10.0.1.2"` {
		t.Errorf("the client is %s", text)
	}
	wait(t, "the collector has ten records and the counters", func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		return len(got.records) == 10 && got.queries == 10
	})
	got.mu.Lock()
	if r := got.records[0]; r["ifitProbeMineClient"] != "10.0.1.2" || r["ifitProbeMineId"] != "12337" || !strings.HasPrefix(r["ifitProbeMineTime"], "20") {
		t.Errorf("the first record is %v", r)
	}
	got.mu.Unlock()

	// Everything that is refused leaves what runs as it is.
	state := func() string {
		return string(get(t, c, probeP+"/state/digest")) + string(get(t, c, probeP+"/state/attached")) + string(get(t, c, probeP+"/config/sha256"))
	}
	before := state()
	foreign := bringer{filepath.Join(w.dir, "foreign.key")}
	if err := signature.Generate(foreign.private, filepath.Join(w.dir, "foreign.pub")); err != nil {
		t.Fatal(err)
	}
	type refusal struct {
		set    *gpb.SetRequest
		code   codes.Code
		reason string
	}
	good := objectOf(t, "dns")
	refusals := map[string]refusal{
		"foreign key":    {foreign.upload(t, "mine", good, nil), codes.InvalidArgument, "/config/signature: the signature is of none of the 1 keys"},
		"no signature":   {b.upload(t, "new", good, map[string]any{"signature": nil}), codes.InvalidArgument, "/config/signature: unsigned probes refused"},
		"wrong digest":   {b.upload(t, "mine", good, map[string]any{"sha256": strings.Repeat("0", 64)}), codes.InvalidArgument, "/config/sha256: the object has SHA-256"},
		"no object":      {b.upload(t, "new", good, map[string]any{"object": nil}), codes.InvalidArgument, "/config/object: a probe needs an object"},
		"corrupt":        {b.upload(t, "mine", append([]byte("MZ"), good[2:]...), nil), codes.InvalidArgument, "/config/object: the object is no ELF file"},
		"too big":        {b.upload(t, "mine", append(good, make([]byte, 300<<10)...), nil), codes.InvalidArgument, "binary allows 1..262144"},
		"same elements":  {b.upload(t, "new", good, nil), codes.InvalidArgument, "overlap with 1000 to 1006 of probe mine"},
		"lost parameter": {b.upload(t, "mine", objectOf(t, "scribble"), nil), codes.InvalidArgument, "parameter port is unknown: the probe has no parameters"},
		"still in use":   {&gpb.SetRequest{Delete: []*gpb.Path{path(probeP)}}, codes.InvalidArgument, "policy[name=p] still refers to it"},
	}
	for name, reason := range map[string]string{
		"kprobe": "section \"kprobe/tcp_v4_connect\"", "redirect": "bpf_redirect", "hugemap": "1073741824 octets", "tailcall": "bpf_tail_call",
		"kfunc": "(kfunc)", "context": "struct __sk_buff *", "endless": "infinite loop", "packet": "invalid mem access", "beyond": "outside of the allowed memory",
		"long": "the verifier had to walk", "leak": "reference leak", "descriptor": "a map that is not in the object",
	} {
		refusals[name] = refusal{b.upload(t, "mine", objectOf(t, "hostile_"+name), nil), codes.InvalidArgument, reason}
	}
	for _, n := range []int{0, 1, 63, 64, 1000, len(good) / 2, len(good) - 1} {
		refusals[fmt.Sprintf("cut to %d", n)] = refusal{b.upload(t, "mine", good[:n], nil), codes.InvalidArgument, "/config/object"}
	}
	for name, r := range refusals {
		_, err := c.Set(t.Context(), r.set)
		if status.Code(err) != r.code || !strings.Contains(err.Error(), r.reason) {
			t.Errorf("%s: %v, want %v with %q", name, err, r.code, r.reason)
		}
		if after := state(); after != before {
			t.Fatalf("%s: %s, before %s", name, after, before)
		}
	}
	w.poke(t, 5, trafficPort)
	wait(t, "the probe goes on", func() bool { return number(t, c, policyP+"/state/probe-values/records") == 15 })
}

func TestUploadedProbeSurvivesRestarts(t *testing.T) {
	w := newWorld(t)
	b := w.trusting(t)
	w.start(t)
	c := w.client(t)
	set(t, c, base(collectorPort)...)
	must(t, c, b.upload(t, "mine", objectOf(t, "dns"), nil))
	set(t, c, update(policyP, custom), update(policyM, metering))
	w.end(t, syscall.SIGTERM)

	w.start(t)
	if s := string(get(t, c, policyP+"/state/oper-status")); s != `"ACTIVE"` {
		t.Errorf("after a restart the policy is %s", s)
	}
	if s := string(get(t, c, probeP+"/state/attachments")); s != "2" {
		t.Errorf("after a restart the probe runs at %s points", s)
	}
	w.end(t, syscall.SIGTERM)

	// Without its key the probe stays out, and nothing else does.
	w.arguments = nil
	w.start(t)
	if s := string(get(t, c, policyP+"/state/oper-status")); s != `"FAILED"` {
		t.Errorf("without its key the policy is %s", s)
	}
	if s := string(get(t, c, probeP+"/state/last-error")); !strings.Contains(s, "unsigned probes refused") {
		t.Errorf("the probe says %s", s)
	}
	if s := string(get(t, c, policyM+"/state/oper-status")); s != `"ACTIVE"` {
		t.Errorf("the other policy is %s", s)
	}
	_, err := c.Set(t.Context(), b.upload(t, "other", objectOf(t, "size"), map[string]any{"first-element": 2000}))
	if err == nil || !strings.Contains(err.Error(), "unsigned probes refused: this agent trusts no key") {
		t.Errorf("an upload is answered with %v", err)
	}
}

func TestUploadedProbeThatCostsTooMuch(t *testing.T) {
	w := newWorld(t)
	b := w.trusting(t)
	w.start(t)
	c := w.client(t)
	set(t, c, base(collectorPort)...)
	must(t, c, b.upload(t, "mine", objectOf(t, "slow"), map[string]any{"max-ns-per-packet": 500}))
	set(t, c, update(policyP, strings.ReplaceAll(custom, `"probe-parameters": {"parameter": [{"name": "port", "config": {"name": "port", "value": "5001"}}]},`, "")),
		update(policyM, metering))
	wait(t, "the probe is detached", func() bool {
		w.poke(t, 100, trafficPort)
		return string(get(t, c, policyP+"/state/oper-status")) == `"FAILED"`
	})
	if s := string(get(t, c, policyP+"/state/last-error")); !strings.Contains(s, "the budget is 500 ns") {
		t.Errorf("the policy says %s", s)
	}
	if n := number(t, c, probeP+"/state/attachments"); n != 0 {
		t.Errorf("the probe is still at %d points", n)
	}
	if events := string(get(t, c, "/ifit/events")); !strings.Contains(events, "PROBE_TIME") {
		t.Errorf("events are %s", events)
	}
	if s := string(get(t, c, policyM+"/state/oper-status")); s != `"ACTIVE"` {
		t.Errorf("the other policy is %s", s)
	}
	// A better object under the same name starts anew.
	must(t, c, b.upload(t, "mine", objectOf(t, "scribble"), map[string]any{"max-ns-per-packet": 100_000}))
	if s := string(get(t, c, policyP+"/state/oper-status")); s != `"ACTIVE"` {
		t.Errorf("with another object the policy is %s", s)
	}
}

// probeRecords is what a collector knows of a probe that it hears of for the
// first time: names and types come in-band.
type probeRecords struct {
	collecting
	records []map[string]string
	queries uint64
}

func (w *world) collectProbe(t testing.TB, port int) *probeRecords {
	t.Helper()
	p := new(probeRecords)
	p.session = ipfix.NewSession(ie.NewModel(enterprise), ipfix.UDP, ipfix.Limits{})
	types := make(map[ie.ID]ie.Element)
	reader, err := records.NewReader(records.Visitor{
		TypeInformation: func(_ ipfix.Header, i *records.TypeInformation) {
			if e, err := i.Element(); err == nil {
				types[e.ID] = e
			}
		},
		Other: func(r *ipfix.Record) {
			named := make(map[string]string)
			for i, f := range r.Template().All() {
				e := f.Element
				if known, ok := types[e.ID]; ok {
					e = known
				}
				named[e.Name] = probeText(e.Type, r.Bytes(i))
			}
			if n, ok := named["ifitProbeMineQueriesCount"]; ok {
				var sum uint64
				_, _ = fmt.Sscan(n, &sum)
				p.queries += sum
				return
			}
			if _, ok := named["ifitProbeMineClient"]; ok {
				p.records = append(p.records, named)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.reader = reader
	w.receive(t, &p.collecting, port)
	return p
}

func probeText(t ie.Type, octets []byte) string {
	switch {
	case t == ie.TypeIPv4Address:
		return fmt.Sprintf("%d.%d.%d.%d", octets[0], octets[1], octets[2], octets[3])
	case t == ie.TypeDateTimeNanoseconds:
		var n uint64
		for _, o := range octets {
			n = n<<8 | uint64(o)
		}
		return time.Unix(0, int64(ipfix.FromNTP(n))).UTC().Format(time.RFC3339)
	}
	var n uint64
	for _, o := range octets {
		n = n<<8 | uint64(o)
	}
	return fmt.Sprint(n)
}

// What a probe answers to a packet is on the packet's postcard.
func TestPostcardsCarryAnswersOfProbes(t *testing.T) {
	w := newWorld(t)
	b := w.trusting(t)
	collector := w.collect(t, collectorPort)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), marks())...)
	must(t, c, b.upload(t, "mine", objectOf(t, "size"), nil))
	const plain = `"encapsulation"`
	set(t, c, update(policyM, strings.Replace(postcards, plain, `"data-selection": {"config": {"probe": "mine"}}, `+plain, 1)))
	cards := func(n int) []records.Postcard {
		wait(t, "the postcards have come", func() bool {
			collector.mu.Lock()
			defer collector.mu.Unlock()
			return len(collector.cards) >= n
		})
		collector.mu.Lock()
		defer collector.mu.Unlock()
		return collector.cards
	}
	w.poke(t, 10, trafficPort)
	for _, card := range cards(10) {
		// The probe answers how many bits the length has: 14 + 20 + 8 + 16 octets.
		if card.Answer != 6 {
			t.Errorf("postcard with answer %d", card.Answer)
		}
	}
	if n := number(t, c, policyM+"/state/probe-values/counter[name=packets]/value"); n < 10 {
		t.Errorf("the probe has counted %d packets", n)
	}
	// Another policy has none, and no trace of what was answered before.
	must(t, c, &gpb.SetRequest{Replace: []*gpb.Update{update(policyM, postcards)}})
	w.poke(t, 10, trafficPort)
	for _, card := range cards(20)[10:] {
		if card.Answer != 0 {
			t.Errorf("without a probe, a postcard has answer %d", card.Answer)
		}
	}
}
