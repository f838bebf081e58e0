package ipfix_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
)

// templatesIn counts the template records and withdrawals of a message.
func templatesIn(t *testing.T, msg []byte) (defined, withdrawn int) {
	t.Helper()
	for at := ipfix.HeaderLength; at < len(msg); {
		length := int(msg[at+2])<<8 | int(msg[at+3])
		if id := int(msg[at])<<8 | int(msg[at+1]); id == 2 {
			for b := msg[at+4 : at+length]; len(b) >= 4; {
				count := int(b[2])<<8 | int(b[3])
				b = b[4:]
				if count == 0 {
					withdrawn++
				} else {
					defined++
				}
				for range count {
					if b[0]&0x80 != 0 {
						b = b[4:]
					}
					b = b[4:]
				}
			}
		}
		at += length
	}
	return defined, withdrawn
}

func TestFirstCopies(t *testing.T) {
	for _, c := range []struct {
		cfg  ipfix.ExporterConfig
		want []int
	}{
		{ipfix.ExporterConfig{MaxLength: 60}, []int{1, 1, 1, 0, 0}},
		{ipfix.ExporterConfig{MaxLength: 60, FirstCopies: 2}, []int{1, 1, 0, 0, 0}},
		{ipfix.ExporterConfig{MaxLength: 60, Transport: ipfix.TCP, FirstCopies: 2}, []int{1, 0, 0, 0, 0}},
	} {
		e, p := newExporter(t, c.cfg)
		id := mustAdd(t, e, portTemplate(t))
		for range c.want {
			writePort(t, e, id, 443)
			mustFlush(t, e)
		}
		for i, want := range c.want {
			if got, _ := templatesIn(t, p.messages[i]); got != want {
				t.Errorf("%s: message %d has %d templates, want %d", c.cfg.Transport, i, got, want)
			}
		}
	}
}

func TestFirstCopiesWithoutData(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{})
	mustAdd(t, e, portTemplate(t))
	for range 5 {
		mustFlush(t, e)
	}
	if len(p.messages) != 3 {
		t.Errorf("%d messages left, want 3 copies of the template", len(p.messages))
	}
}

func TestRefresh(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{FirstCopies: 1})
	id := mustAdd(t, e, portTemplate(t))
	mustAdd(t, e, mustTemplate(t, "ipTTL"))
	writePort(t, e, id, 443)
	mustFlush(t, e)
	e.Refresh()
	writePort(t, e, id, 443)
	mustFlush(t, e)
	writePort(t, e, id, 443)
	mustFlush(t, e)
	for i, want := range []int{2, 2, 0} {
		if got, _ := templatesIn(t, p.messages[i]); got != want {
			t.Errorf("message %d has %d templates, want %d", i, got, want)
		}
	}
}

func TestManyTemplates(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 80, FirstCopies: 2})
	var ids []uint16
	for n := range 30 {
		ids = append(ids, mustAdd(t, e, mustTemplate(t, fmt.Sprintf("octetDeltaCount[%d]", n%8+1), fmt.Sprintf("packetDeltaCount[%d]", n/8+1))))
	}
	for i, id := range ids {
		b := e.Begin(id)
		b = append(b, make([]byte, i%8+1+i/8+1)...)
		if err := e.End(b); err != nil {
			t.Fatal(err)
		}
	}
	mustFlush(t, e)
	s := newSession(ipfix.UDP)
	var got []collected
	for _, m := range p.messages {
		if len(m) > 80 {
			t.Errorf("message of %d octets", len(m))
		}
		got = append(got, mustDecode(t, s, m)...)
	}
	if len(got) != len(ids) || s.Stats().PendingSets != 0 {
		t.Errorf("read %d records of %d, %d sets without template", len(got), len(ids), s.Stats().PendingSets)
	}
}

func TestSharedTemplates(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{FirstCopies: 1})
	first, second := mustAdd(t, e, portTemplate(t)), mustAdd(t, e, portTemplate(t))
	if first != second {
		t.Fatalf("the same fields have the templates %d and %d", first, second)
	}
	if err := e.Remove(first); err != nil {
		t.Fatal(err)
	}
	writePort(t, e, second, 443)
	if err := e.Remove(second); err != nil {
		t.Fatal(err)
	}
	if err := e.Remove(second); !errors.Is(err, ipfix.ErrNoTemplate) {
		t.Errorf("a third removal gave %v", err)
	}
	mustFlush(t, e)
	if got := mustDecode(t, newSession(ipfix.UDP), p.messages[0]); len(got) != 1 {
		t.Errorf("read %v, want the record written before the removal", got)
	}
}

func TestQuarantineOverUDP(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{FirstCopies: 1})
	id := mustAdd(t, e, portTemplate(t))
	mustFlush(t, e)
	if err := e.Remove(id); err != nil {
		t.Fatal(err)
	}
	for refresh := range 3 {
		if got := mustAdd(t, e, mustTemplate(t, "ipTTL", fmt.Sprintf("octetDeltaCount[%d]", refresh+1))); got == id {
			t.Fatalf("template %d is used anew after %d refreshes", id, refresh)
		}
		e.Refresh()
	}
	if got := mustAdd(t, e, mustTemplate(t, "ipTTL")); got != id {
		t.Errorf("template %d is not used again after 3 refreshes, but %d", id, got)
	}
	mustFlush(t, e)
	for i, m := range p.messages {
		if _, withdrawn := templatesIn(t, m); withdrawn != 0 {
			t.Errorf("message %d withdraws over UDP", i)
		}
	}
}

func TestSameTemplateComesBack(t *testing.T) {
	for _, transport := range []ipfix.Transport{ipfix.UDP, ipfix.TCP} {
		e, p := newExporter(t, ipfix.ExporterConfig{Transport: transport})
		id := mustAdd(t, e, portTemplate(t))
		mustFlush(t, e)
		if err := e.Remove(id); err != nil {
			t.Fatal(err)
		}
		if again := mustAdd(t, e, portTemplate(t)); again != id {
			t.Errorf("%s: came back as %d", transport, again)
		}
		writePort(t, e, id, 443)
		mustFlush(t, e)
		s := newSession(transport)
		var got int
		for _, m := range p.messages {
			got += len(mustDecode(t, s, m))
		}
		if got != 1 {
			t.Errorf("%s: read %d records", transport, got)
		}
	}
}

func TestWithdrawalOverTCP(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{Transport: ipfix.TCP})
	id := mustAdd(t, e, portTemplate(t))
	writePort(t, e, id, 443)
	if err := e.Remove(id); err != nil {
		t.Fatal(err)
	}
	if again := mustAdd(t, e, mustTemplate(t, "ipTTL")); again == id {
		t.Error("the ID is used anew before its withdrawal")
	}
	mustFlush(t, e)
	mustFlush(t, e)
	if again := mustAdd(t, e, mustTemplate(t, "ipVersion")); again != id {
		t.Errorf("the ID is not used again after its withdrawal, but %d", again)
	}
	mustFlush(t, e)
	s := newSession(ipfix.TCP)
	var got []collected
	for _, m := range p.messages {
		got = append(got, mustDecode(t, s, m)...)
	}
	if len(got) != 1 || got[0].values != "01bb 06" {
		t.Errorf("read %v", got)
	}
	if n := len(s.Templates()); n != 2 {
		t.Errorf("collector holds %d templates, want 2", n)
	}
}

func TestRemoveBeforeItWasSent(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{Transport: ipfix.TCP})
	if err := e.Remove(mustAdd(t, e, portTemplate(t))); err != nil {
		t.Fatal(err)
	}
	mustFlush(t, e)
	if len(p.messages) != 0 {
		t.Errorf("sent %s about a template that nobody knows", p.hex())
	}
}

func TestReset(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{Transport: ipfix.TCP})
	id := mustAdd(t, e, portTemplate(t))
	gone := mustAdd(t, e, mustTemplate(t, "ipTTL"))
	writePort(t, e, id, 1)
	mustFlush(t, e)
	writePort(t, e, id, 2)
	if err := e.Remove(gone); err != nil {
		t.Fatal(err)
	}
	e.Reset()
	if n := e.Stats().LostRecords; n != 1 {
		t.Errorf("%d records are counted as lost, want the one of the open message", n)
	}
	writePort(t, e, id, 3)
	mustFlush(t, e)
	second := p.messages[len(p.messages)-1]
	if h, err := ipfix.ParseHeader(second); err != nil || h.Sequence != 0 {
		t.Errorf("the new session begins with %+v, %v", h, err)
	}
	s := newSession(ipfix.TCP)
	if got := mustDecode(t, s, second); len(got) != 1 || got[0].values != "0003 06" {
		t.Errorf("read %v", got)
	}
	if n := len(s.Templates()); n != 1 {
		t.Errorf("the new session learnt %d templates, want 1", n)
	}
}

func TestFailingSinkDoesNotHang(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 60})
	var ids []uint16
	for n := range 20 {
		ids = append(ids, mustAdd(t, e, mustTemplate(t, fmt.Sprintf("octetDeltaCount[%d]", n%8+1), fmt.Sprintf("packetDeltaCount[%d]", n/8+1))))
	}
	p.fail = errors.New("no route")
	for i, id := range ids {
		if err := e.End(append(e.Begin(id), make([]byte, i%8+1+i/8+1)...)); errors.Is(err, ipfix.ErrMismatch) {
			t.Fatal(err)
		}
	}
	if err := e.Flush(); err == nil {
		t.Error("Flush hid the sink's error")
	}
}

func TestClosedStream(t *testing.T) {
	e, p := newExporter(t, ipfix.ExporterConfig{Transport: ipfix.TCP})
	closed, err := ipfix.NewStream[counters](e, mustTemplate(t, "octetDeltaCount", "packetDeltaCount"))
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	// Another template of the same length takes the ID.
	other, err := ipfix.NewStream[counters](e, mustTemplate(t, "packetDeltaCount", "octetDeltaCount"))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Write(&counters{Octets: 1, Packets: 2}); err != nil {
		t.Fatal(err)
	}
	if err := closed.Write(&counters{Octets: 1, Packets: 2}); !errors.Is(err, ipfix.ErrNoTemplate) {
		t.Errorf("writing to a closed stream gave %v", err)
	}
	if err := closed.Close(); !errors.Is(err, ipfix.ErrNoTemplate) {
		t.Errorf("closing it again gave %v", err)
	}
	mustFlush(t, e)
	if got := mustDecode(t, newSession(ipfix.TCP), p.messages[0]); len(got) != 1 {
		t.Errorf("read %v", got)
	}
}
