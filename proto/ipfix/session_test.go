package ipfix_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

func TestWithdrawal(t *testing.T) {
	options := set(3, "0102 0002 0001 000a 0004 0052 ffff")
	for _, c := range []struct {
		name string
		sets [][]byte
		left []uint16
	}{
		{"one", [][]byte{set(2, "0100 0000")}, []uint16{257, 258}},
		{"one that is not held", [][]byte{set(2, "0200 0000")}, []uint16{256, 257, 258}},
		{"all templates", [][]byte{set(2, "0002 0000")}, []uint16{258}},
		{"all options templates", [][]byte{set(3, "0003 0000")}, []uint16{256, 257}},
		{"all, then one anew", [][]byte{set(2, "0002 0000"), set(2, portsTemplate)}, []uint16{256, 258}},
		{"anew, then all", [][]byte{set(2, "0100 0001 0004 0001"), set(2, "0002 0000")}, []uint16{258}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, transport := range []ipfix.Transport{ipfix.UDP, ipfix.TCP} {
				s := newSession(transport)
				mustDecode(t, s, message(0, set(2, portsTemplate+namesTemplate), options))
				mustDecode(t, s, message(0, c.sets...))
				held := map[uint16]bool{}
				for _, tmpl := range s.Templates() {
					held[tmpl.ID()] = true
				}
				want := c.left
				if transport == ipfix.UDP {
					// Withdrawals over UDP are ignored (RFC 7011 section 8.4).
					want = []uint16{256, 257, 258}
					if s.Stats().IgnoredWithdrawals == 0 {
						t.Error("UDP: no withdrawal was counted as ignored")
					}
				}
				if len(held) != len(want) {
					t.Errorf("%s: holds %v, want %v", transport, held, want)
				}
				for _, id := range want {
					if !held[id] {
						t.Errorf("%s: holds %v, want %v", transport, held, want)
					}
				}
			}
		})
	}
}

func TestWithdrawnWithinMessage(t *testing.T) {
	s := newSession(ipfix.TCP)
	mustDecode(t, s, message(0, set(2, portsTemplate)))
	got := mustDecode(t, s, message(0, set(256, "01bb 06"), set(2, "0100 0000"), set(256, "01bb 06")))
	if len(got) != 1 {
		t.Errorf("%d records were read, want the one before the withdrawal", len(got))
	}
	if n := s.Stats().PendingSets; n != 1 {
		t.Errorf("%d sets wait for a template, want 1", n)
	}
}

func TestDomainsHaveTheirOwnTemplates(t *testing.T) {
	s := newSession(ipfix.UDP)
	mustDecode(t, s, messageIn(1, 0, exportTime, set(2, portsTemplate)))
	mustDecode(t, s, messageIn(2, 0, exportTime, set(2, "0100 0001 0004 0001")))
	for domain, want := range map[uint32]string{1: "01bb 06", 2: "01"} {
		got := mustDecode(t, s, messageIn(domain, 0, exportTime, set(256, "01bb 06")))
		if len(got) == 0 || got[0].values != want {
			t.Errorf("domain %d: got %v, want first record %s", domain, got, want)
		}
	}
}

func TestDataBeforeTemplate(t *testing.T) {
	s := newSession(ipfix.UDP)
	if got := mustDecode(t, s, messageIn(1, 0, exportTime-1, set(256, "01bb 06"))); len(got) != 0 {
		t.Fatalf("%v was read without a template", got)
	}
	var headers []ipfix.Header
	err := s.Decode(now, message(1, set(2, portsTemplate), set(256, "0035 11")), func(r *ipfix.Record) {
		headers = append(headers, r.Header)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(headers) != 2 || headers[0].ExportTime != exportTime-1 || headers[1].ExportTime != exportTime {
		t.Errorf("records had the headers %+v, want the early one's first", headers)
	}
	if st := s.Stats(); st.DataRecords != 2 || st.LostRecords != 0 || st.PendingSets != 1 || st.DroppedSets != 0 {
		t.Errorf("counted %+v", st)
	}
}

func TestPendingLimits(t *testing.T) {
	t.Run("age", func(t *testing.T) {
		s := ipfix.NewSession(ie.NewModel(0), ipfix.UDP, ipfix.Limits{PendingAge: time.Second})
		mustDecode(t, s, message(0, set(256, "01bb 06")))
		var got []collected
		if err := s.Decode(now.Add(2*time.Second), message(1, set(2, portsTemplate)), collect(&got)); err != nil {
			t.Fatal(err)
		}
		if len(got) != 0 || s.Stats().DroppedSets != 1 {
			t.Errorf("read %v, dropped %d sets", got, s.Stats().DroppedSets)
		}
	})
	t.Run("octets", func(t *testing.T) {
		s := ipfix.NewSession(ie.NewModel(0), ipfix.UDP, ipfix.Limits{PendingOctets: 300})
		for i := range 5 {
			mustDecode(t, s, message(uint32(i), set(256, fmt.Sprintf("%04x 06", i))))
		}
		got := mustDecode(t, s, message(5, set(2, portsTemplate)))
		if len(got) != 2 || got[0].values != "0003 06" || got[1].values != "0004 06" {
			t.Errorf("read %v, want the last two", got)
		}
		if n := s.Stats().DroppedSets; n != 3 {
			t.Errorf("dropped %d sets, want 3", n)
		}
	})
	t.Run("too long for the limit", func(t *testing.T) {
		s := ipfix.NewSession(ie.NewModel(0), ipfix.UDP, ipfix.Limits{PendingOctets: 100})
		mustDecode(t, s, message(0, set(256, "01bb 06")))
		if st := s.Stats(); st.PendingSets != 0 || st.DroppedSets != 1 {
			t.Errorf("counted %+v", st)
		}
	})
	t.Run("meant for another template", func(t *testing.T) {
		s := newSession(ipfix.UDP)
		mustDecode(t, s, message(0, set(257, "01bb 06")))
		got := mustDecode(t, s, message(1, set(2, namesTemplate)))
		if len(got) != 0 || s.Stats().DroppedSets != 1 {
			t.Errorf("read %v, dropped %d sets", got, s.Stats().DroppedSets)
		}
	})
}

func TestTemplateLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits ipfix.Limits
	}{
		{"count", ipfix.Limits{Templates: 2}},
		{"fields", ipfix.Limits{TemplateFields: 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ipfix.NewSession(ie.NewModel(0), ipfix.UDP, c.limits)
			for id := range 10 {
				template := fmt.Sprintf("%04x 0002 0007 0002 0004 0001", 256+id)
				got := mustDecode(t, s, message(uint32(id), set(2, template), set(uint16(256+id), "01bb 06")))
				if len(got) != 1 {
					t.Errorf("template %d: a message that explains itself was not read", 256+id)
				}
			}
			if n := len(s.Templates()); n != 2 {
				t.Errorf("%d templates are held, want 2", n)
			}
			if n := s.Stats().RefusedTemplates; n != 8 {
				t.Errorf("%d templates were refused, want 8", n)
			}
		})
	}
	t.Run("expired ones make room", func(t *testing.T) {
		s := ipfix.NewSession(ie.NewModel(0), ipfix.UDP, ipfix.Limits{Templates: 1, TemplateLifetime: time.Minute})
		mustDecode(t, s, message(0, set(2, portsTemplate)))
		if err := s.Decode(now.Add(2*time.Minute), message(0, set(2, namesTemplate)), nil); err != nil {
			t.Fatal(err)
		}
		if held := s.Templates(); len(held) != 1 || held[0].ID() != 257 {
			t.Errorf("holds %v", held)
		}
	})
}

func TestTemplateLifetime(t *testing.T) {
	for _, c := range []struct {
		transport ipfix.Transport
		repeated  bool
		want      int
	}{{ipfix.UDP, false, 0}, {ipfix.UDP, true, 1}, {ipfix.TCP, false, 1}} {
		s := ipfix.NewSession(ie.NewModel(0), c.transport, ipfix.Limits{TemplateLifetime: time.Minute})
		mustDecode(t, s, message(0, set(2, portsTemplate)))
		if c.repeated {
			if err := s.Decode(now.Add(50*time.Second), message(0, set(2, portsTemplate)), nil); err != nil {
				t.Fatal(err)
			}
		}
		var got []collected
		if err := s.Decode(now.Add(70*time.Second), message(0, set(256, "01bb 06")), collect(&got)); err != nil {
			t.Fatal(err)
		}
		if len(got) != c.want {
			t.Errorf("%s, repeated %v: read %d records, want %d", c.transport, c.repeated, len(got), c.want)
		}
	}
}

func TestRepeatedTemplateIsTheSame(t *testing.T) {
	s := newSession(ipfix.UDP)
	mustDecode(t, s, message(0, set(2, portsTemplate)))
	first := s.Templates()[0]
	mustDecode(t, s, message(0, set(2, portsTemplate)))
	if s.Templates()[0] != first {
		t.Error("a repeated template was compiled anew")
	}
	if n := s.Stats().TemplatesLearnt; n != 1 {
		t.Errorf("%d templates were learnt", n)
	}
}

func TestDomainLimit(t *testing.T) {
	s := ipfix.NewSession(ie.NewModel(0), ipfix.UDP, ipfix.Limits{Domains: 2})
	for domain := range uint32(2) {
		mustDecode(t, s, messageIn(domain, 0, exportTime, set(2, portsTemplate)))
	}
	err := s.Decode(now, messageIn(2, 0, exportTime, set(2, portsTemplate)), nil)
	if !errors.Is(err, ipfix.ErrLimit) {
		t.Errorf("got %v, want ErrLimit", err)
	}
	if st := s.Stats(); st.RefusedMessages != 1 || st.MalformedMessages != 0 {
		t.Errorf("counted %+v", st)
	}
	mustDecode(t, s, messageIn(1, 0, exportTime, set(256, "01bb 06")))
}
