package ipfix_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// tape keeps what an Exporter sends.
type tape struct {
	messages [][]byte
	records  uint32
	fail     error
}

func (p *tape) sink(m ipfix.Message) error {
	if p.fail != nil {
		return p.fail
	}
	p.messages = append(p.messages, bytes.Clone(m.Octets))
	p.records += m.Records
	return nil
}

func (p *tape) hex() string {
	var out []string
	for _, m := range p.messages {
		out = append(out, hex.EncodeToString(m))
	}
	return strings.Join(out, "\n")
}

func newExporter(t testing.TB, cfg ipfix.ExporterConfig) (*ipfix.Exporter, *tape) {
	t.Helper()
	cfg.Domain = 1
	cfg.Now = func() time.Time { return now }
	var p tape
	e, err := ipfix.NewExporter(cfg, p.sink)
	if err != nil {
		t.Fatal(err)
	}
	return e, &p
}

// writePort sends a record of portsTemplate's fields.
func writePort(t testing.TB, e *ipfix.Exporter, id, port uint16) {
	t.Helper()
	b := e.Begin(id)
	b = ipfix.AppendUint16(b, port)
	b = ipfix.AppendUint8(b, 6)
	if err := e.End(b); err != nil {
		t.Fatal(err)
	}
}

func mustAdd(t testing.TB, e *ipfix.Exporter, tmpl *ipfix.Template) uint16 {
	t.Helper()
	id, err := e.Add(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func mustFlush(t testing.TB, e *ipfix.Exporter) {
	t.Helper()
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
}

func portTemplate(t testing.TB) *ipfix.Template {
	return mustTemplate(t, "sourceTransportPort", "protocolIdentifier")
}

func TestNewExporterRefuses(t *testing.T) {
	var p tape
	for name, c := range map[string]struct {
		cfg  ipfix.ExporterConfig
		sink ipfix.Sink
	}{
		"no sink":               {ipfix.ExporterConfig{}, nil},
		"negative length":       {ipfix.ExporterConfig{MaxLength: -1}, p.sink},
		"no room for a record":  {ipfix.ExporterConfig{MaxLength: 20}, p.sink},
		"more than 16 bits say": {ipfix.ExporterConfig{MaxLength: 65536}, p.sink},
	} {
		if _, err := ipfix.NewExporter(c.cfg, c.sink); err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
}

func TestExporterGolden(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 100, FirstCopies: 1})
	id := mustAdd(t, e, portTemplate(t))
	options, err := ipfix.NewOptionsTemplate(1, mustFields(t, ie.ExperimentalPEN, "ifitPolicyId", "ifitPolicyName")...)
	if err != nil {
		t.Fatal(err)
	}
	optionsID := mustAdd(t, e, options)
	writePort(t, e, id, 443)
	b := e.Begin(optionsID)
	b = ipfix.AppendUint32(b, 7)
	if b, err = ipfix.AppendString(b, "web"); err != nil {
		t.Fatal(err)
	}
	if err := e.End(b); err != nil {
		t.Fatal(err)
	}
	writePort(t, e, id, 53)
	mustFlush(t, e)
	writePort(t, e, id, 80)
	mustFlush(t, e)
	want := []string{
		// version length export time sequence domain
		"000a 0054 6553f100 00000000 00000001" +
			"0002 0010 0100 0002 0007 0002 0004 0001" +
			"0003 001a 0101 0002 0001 8001 0004 00007ed9 800f ffff 00007ed9" +
			"0100 0007 01bb 06" +
			"0101 000c 00000007 03 776562" +
			"0100 0007 0035 06",
		// Three Data Records went before, the one of the options template included.
		"000a 0017 6553f100 00000003 00000001 0100 0007 0050 06",
	}
	wantHex := strings.ReplaceAll(strings.Join(want, "\n"), " ", "")
	if got := p.hex(); got != wantHex {
		t.Errorf("messages differ:\ngot\n%s\nwant\n%s", got, wantHex)
	}
}

func TestExporterPadsSets(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 100, FirstCopies: 1, PadSets: true})
	port := mustAdd(t, e, portTemplate(t))
	octet := mustAdd(t, e, mustTemplate(t, "protocolIdentifier"))
	writePort(t, e, port, 443)
	writePort(t, e, port, 443)
	// Padding as long as a record would be read as one.
	if err := e.End(ipfix.AppendUint8(e.Begin(octet), 6)); err != nil {
		t.Fatal(err)
	}
	writePort(t, e, port, 443)
	mustFlush(t, e)
	want := strings.ReplaceAll("0100 000c 01bb06 01bb06 0000 0101 0005 06 0100 0008 01bb06 00", " ", "")
	if got := p.hex(); !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want it to end in %s", got, want)
	}
	s := newSession(ipfix.UDP)
	if got := mustDecode(t, s, p.messages[0]); len(got) != 4 {
		t.Errorf("read %v", got)
	}
}

func TestExporterRefusesRecords(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 100, FirstCopies: 1})
	id := mustAdd(t, e, portTemplate(t))
	name := mustAdd(t, e, mustTemplate(t, "interfaceName", "ingressInterface"))
	long, err := ipfix.AppendString(nil, strings.Repeat("x", 80))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		id     uint16
		record []byte
		want   error
	}{
		{"unknown template", 999, []byte{1, 2, 3}, ipfix.ErrNoTemplate},
		{"set ID", 2, []byte{1, 2, 3}, ipfix.ErrNoTemplate},
		{"too short", id, []byte{1, 2}, ipfix.ErrMismatch},
		{"too long", id, []byte{1, 2, 3, 4}, ipfix.ErrMismatch},
		{"empty", id, nil, ipfix.ErrMismatch},
		{"variable, cut", name, []byte{3, 'e', 't', 'h', 0, 0}, ipfix.ErrMismatch},
		{"variable, with a rest", name, []byte{0, 0, 0, 0, 0, 0}, ipfix.ErrMismatch},
		{"longer than a message", name, append(long, 0, 0, 0, 1), ipfix.ErrTooLong},
	} {
		if err := e.End(append(e.Begin(c.id), c.record...)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	t.Run("of another buffer", func(t *testing.T) {
		b := bytes.Clone(e.Begin(id))
		if err := e.End(append(b, 1, 2, 3)); !errors.Is(err, ipfix.ErrMismatch) {
			t.Errorf("got %v", err)
		}
	})
	if n := e.Stats().RefusedRecords; n != 9 {
		t.Errorf("counted %d refused records, want 9", n)
	}
	writePort(t, e, id, 443)
	mustFlush(t, e)
	s := newSession(ipfix.UDP)
	var got []collected
	for _, m := range p.messages {
		got = append(got, mustDecode(t, s, m)...)
	}
	if len(got) != 1 || got[0].values != "01bb 06" {
		t.Errorf("read %v, want the one sound record", got)
	}
	for _, m := range p.messages {
		if bytes.Contains(m, unhex("0101 0004")) {
			t.Errorf("message %x has an empty set", m)
		}
	}
}

func TestExporterMovesVariableRecords(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 100, FirstCopies: 1})
	id := mustAdd(t, e, mustTemplate(t, "interfaceName", "ingressInterface"))
	var want []string
	for n := range 40 {
		text := strings.Repeat(string(rune('a'+n%26)), n)
		b, err := ipfix.AppendString(e.Begin(id), text)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.End(ipfix.AppendUint32(b, uint32(n))); err != nil {
			t.Fatal(err)
		}
		want = append(want, text)
	}
	mustFlush(t, e)
	s := newSession(ipfix.UDP)
	var got []string
	for _, m := range p.messages {
		if len(m) > 100 {
			t.Errorf("message of %d octets", len(m))
		}
		if err := s.Decode(now, m, func(r *ipfix.Record) { got = append(got, r.String(0)) }); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("got %v, want %v", got, want)
	}
	if s.Stats().LostRecords != 0 {
		t.Errorf("%d records are lost", s.Stats().LostRecords)
	}
}

func TestAddRefuses(t *testing.T) {
	e, _ := newExporter(t, ipfix.ExporterConfig{MaxLength: 60})
	for name, tmpl := range map[string]*ipfix.Template{
		"template record too long": mustTemplate(t, "octetDeltaCount", "packetDeltaCount", "flowStartNanoseconds", "flowEndNanoseconds",
			"ingressInterface", "egressInterface", "flowDirection", "vlanId", "ipVersion", "ipTTL"),
		"data record too long": mustTemplate(t, "sourceIPv6Address", "destinationIPv6Address", "octetDeltaCount[7]", "ipTTL", "ipVersion"),
	} {
		if _, err := e.Add(tmpl); !errors.Is(err, ipfix.ErrTooLong) {
			t.Errorf("%s: got %v, want ErrTooLong", name, err)
		}
	}
}

func TestSinkFailure(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 60, FirstCopies: 1})
	id := mustAdd(t, e, portTemplate(t))
	p.fail = errors.New("queue is full")
	writePort(t, e, id, 1)
	if err := e.Flush(); !errors.Is(err, p.fail) {
		t.Fatalf("got %v, want the sink's error", err)
	}
	if st := e.Stats(); st.LostMessages != 1 || st.LostRecords != 1 || st.Messages != 0 || st.DataRecords != 0 {
		t.Errorf("counted %+v", st)
	}
	p.fail = nil
	writePort(t, e, id, 2)
	mustFlush(t, e)
	s := newSession(ipfix.UDP)
	// The template was lost with its message, so it must come again.
	got := mustDecode(t, s, p.messages[0])
	if len(got) != 1 || got[0].values != "0002 06" {
		t.Errorf("read %v", got)
	}
	if h, err := ipfix.ParseHeader(p.messages[0]); err != nil || h.Sequence != 1 {
		t.Errorf("header %+v, %v: the collector cannot see what was lost", h, err)
	}
}

func TestSinkFailureReachesTheWriter(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 60, FirstCopies: 1})
	id := mustAdd(t, e, portTemplate(t))
	p.fail = errors.New("queue is full")
	var failures int
	for port := range uint16(40) {
		b := ipfix.AppendUint8(ipfix.AppendUint16(e.Begin(id), port), 6)
		if err := e.End(b); err != nil {
			failures++
		}
	}
	if st := e.Stats(); failures == 0 || uint64(failures) != st.LostMessages || st.RefusedRecords != 0 {
		t.Errorf("%d calls failed, counted %+v", failures, st)
	}
}
