package ipfix_test

import (
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
)

// arrival is a message of some records.
type arrival struct {
	sequence uint32
	records  int
	when     uint32
}

func TestSequence(t *testing.T) {
	const wrap = 1<<32 - 1
	for _, c := range []struct {
		name     string
		arrivals []arrival
		want     ipfix.SessionStats
	}{
		{"in order", []arrival{{0, 2, 0}, {2, 3, 0}, {5, 1, 0}}, ipfix.SessionStats{}},
		{"joined late", []arrival{{1000, 2, 0}, {1002, 3, 0}}, ipfix.SessionStats{}},
		{"gap", []arrival{{0, 2, 0}, {12, 1, 0}}, ipfix.SessionStats{LostRecords: 10}},
		{"wrap", []arrival{{wrap - 1, 2, 0}, {0, 1, 0}}, ipfix.SessionStats{}},
		{"gap across the wrap", []arrival{{wrap, 1, 0}, {7, 1, 0}}, ipfix.SessionStats{LostRecords: 7}},
		{"overtaken", []arrival{{0, 2, 0}, {4, 2, 0}, {2, 2, 0}, {6, 1, 0}}, ipfix.SessionStats{LateMessages: 1}},
		{"overtaken, out of a wider gap", []arrival{{0, 2, 0}, {10, 2, 0}, {4, 2, 0}, {6, 2, 0}, {12, 1, 0}},
			ipfix.SessionStats{LostRecords: 4, LateMessages: 2}},
		{"repeated", []arrival{{0, 2, 0}, {2, 2, 0}, {0, 2, 0}, {4, 2, 0}}, ipfix.SessionStats{RepeatedMessages: 1}},
		{"repeated after a loss", []arrival{{0, 2, 0}, {2, 2, 0}, {9, 1, 0}, {2, 2, 0}},
			ipfix.SessionStats{LostRecords: 5, RepeatedMessages: 1}},
		{"late and then repeated", []arrival{{0, 2, 0}, {4, 2, 0}, {2, 2, 0}, {2, 2, 0}},
			ipfix.SessionStats{LateMessages: 1, RepeatedMessages: 1}},
		{"restart soon", []arrival{{0, 2, 0}, {2, 3, 0}, {0, 1, 5}, {1, 1, 5}}, ipfix.SessionStats{Restarts: 1}},
		{"restart after many", []arrival{{3_000_000_000, 2, 0}, {0, 1, 5}, {1, 1, 5}}, ipfix.SessionStats{Restarts: 1}},
		{"restart, its first message lost", []arrival{{3_000_000_000, 2, 0}, {20, 1, 5}, {21, 1, 5}}, ipfix.SessionStats{Restarts: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSession(ipfix.UDP)
			mustDecode(t, s, messageIn(1, c.arrivals[0].sequence, exportTime, set(2, portsTemplate)))
			for _, a := range c.arrivals {
				body := ""
				for range a.records {
					body += "01bb 06"
				}
				mustDecode(t, s, messageIn(1, a.sequence, exportTime+a.when, set(256, body)))
			}
			st := s.Stats()
			got := ipfix.SessionStats{
				LostRecords: st.LostRecords, LateMessages: st.LateMessages,
				RepeatedMessages: st.RepeatedMessages, Restarts: st.Restarts,
			}
			if got != c.want {
				t.Errorf("counted %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestSequenceAfterUnknownTemplate(t *testing.T) {
	s := newSession(ipfix.UDP)
	mustDecode(t, s, message(0, set(2, portsTemplate), set(256, "01bb 06")))
	mustDecode(t, s, message(1, set(300, "01020304")))
	// Nobody can tell how many records set 300 had, so none is called lost.
	mustDecode(t, s, message(5, set(256, "01bb 06")))
	mustDecode(t, s, message(8, set(256, "01bb 06")))
	if n := s.Stats().LostRecords; n != 2 {
		t.Errorf("%d records are lost, want 2", n)
	}
}

func TestMalformedMessageIsLoss(t *testing.T) {
	s := newSession(ipfix.UDP)
	mustDecode(t, s, message(0, set(2, portsTemplate), set(256, "01bb 06")))
	if err := s.Decode(now, message(1, set(256, "01bb 06"), set(1, "")), nil); err == nil {
		t.Fatal("a malformed message was taken")
	}
	mustDecode(t, s, message(2, set(256, "01bb 06")))
	if n := s.Stats().LostRecords; n != 1 {
		t.Errorf("%d records are lost, want the one of the malformed message", n)
	}
}
