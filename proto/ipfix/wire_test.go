package ipfix_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// now is when test messages arrive; exportTime is in their headers.
var now = time.Unix(exportTime, 0)

const exportTime = 1_700_000_000

// unhex reads octets written in groups.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		panic(err)
	}
	return b
}

// set frames a body, given in hexadecimal.
func set(id uint16, body string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	octets := unhex(body)
	b = binary.BigEndian.AppendUint16(b, uint16(len(octets)+ipfix.SetHeaderLength))
	return append(b, octets...)
}

// message frames sets for Observation Domain 1.
func message(sequence uint32, sets ...[]byte) []byte {
	return messageIn(1, sequence, exportTime, sets...)
}

func messageIn(domain, sequence, when uint32, sets ...[]byte) []byte {
	b := make([]byte, ipfix.HeaderLength)
	for _, s := range sets {
		b = append(b, s...)
	}
	binary.BigEndian.PutUint16(b, ipfix.Version)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint32(b[4:], when)
	binary.BigEndian.PutUint32(b[8:], sequence)
	binary.BigEndian.PutUint32(b[12:], domain)
	return b
}

// portsTemplate is template 256: sourceTransportPort, protocolIdentifier.
const portsTemplate = "0100 0002 0007 0002 0004 0001"

// namesTemplate is template 257: interfaceName of variable length, ingressInterface.
const namesTemplate = "0101 0002 0052 ffff 000a 0004"

func newSession(transport ipfix.Transport) *ipfix.Session {
	return ipfix.NewSession(ie.NewModel(ie.ExperimentalPEN), transport, ipfix.Limits{})
}

// collected is what a visitor saw of a record.
type collected struct {
	template uint16
	values   string
}

func collect(out *[]collected) func(*ipfix.Record) {
	return func(r *ipfix.Record) {
		var fields []string
		for i := range r.Len() {
			fields = append(fields, hex.EncodeToString(r.Bytes(i)))
		}
		*out = append(*out, collected{r.Template().ID(), strings.Join(fields, " ")})
	}
}

func mustDecode(t *testing.T, s *ipfix.Session, msg []byte) []collected {
	t.Helper()
	var out []collected
	if err := s.Decode(now, msg, collect(&out)); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMalformed(t *testing.T) {
	template := set(2, portsTemplate)
	names := set(2, namesTemplate)
	for _, c := range []struct {
		name   string
		msg    []byte
		reason string
	}{
		{"empty", nil, "message ends inside its header"},
		{"15 octets", make([]byte, 15), "message ends inside its header"},
		{"NetFlow version 9", unhex("0009 0010 00000000 00000000 00000000"), "version is not 10"},
		{"length beyond the datagram", unhex("000a 0011 00000000 00000000 00000000"), "length field differs"},
		{"length before the datagram's end", unhex("000a 0010 00000000 00000000 00000000 00"), "length field differs"},
		{"cut in a set header", message(0, template, unhex("0100 00")), "message ends inside a set header"},
		{"set length 0", message(0, template, unhex("0100 0000")), "set length is below 4"},
		{"set length 3", message(0, template, unhex("0100 0003")), "set length is below 4"},
		{"set beyond the message", message(0, template, unhex("0100 0009 01bb06")), "set reaches beyond the message"},
		{"set ID 0", message(0, template, set(0, "")), "set ID is reserved"},
		{"set ID 1", message(0, template, set(1, "")), "set ID is reserved"},
		{"set ID 255", message(0, template, set(255, "")), "set ID is reserved"},
		{"data set shorter than its record", message(0, template, set(256, "01bb")), "no room for a record"},
		{"value beyond its set", message(0, names, set(257, "05 6574683000000002")), "value of variable length reaches beyond"},
		{"long form beyond its set", message(0, names, set(257, "ff 0100 6574683000000002")), "value of variable length reaches beyond"},
		{"long form cut", message(0, names, set(257, "00 00000002 ff 0000 00000001 ff00000000")), "value of variable length reaches beyond"},
		{"template ID 255", message(0, set(2, "00ff 0001 0007 0002")), "template ID is below 256"},
		{"template cut in its header", message(0, set(2, portsTemplate+"0101 0001 00")), "inside a field specifier"},
		{"template cut in a field", message(0, set(2, "0100 0002 0007 0002 0004")), "inside a field specifier"},
		{"template cut in an enterprise number", message(0, set(2, "0100 0001 8007 0002 0000")), "inside an enterprise number"},
		{"template of more fields than octets", message(0, set(2, "0100 ffff 0007 0002")), "inside a field specifier"},
		{"template of zero-length fields", message(0, set(2, "0100 0002 0060 0000 0052 0000")), "record has no octets"},
		{"template longer than a message", message(0, set(2, "0100 0002 0060 fff0 0060 00ff")), "record is longer than a message"},
		{"options template without scope", message(0, set(3, "0100 0001 0000 0007 0002")), "scope field count"},
		{"options template with too much scope", message(0, set(3, "0100 0001 0002 0007 0002")), "scope field count"},
		{"options template cut", message(0, set(3, "0100 0001")), "options template record ends inside its header"},
		{"withdrawal of template 3 in a template set", message(0, set(2, "0003 0000")), "withdrawal names no template"},
		{"withdrawal of template 2 in an options template set", message(0, set(3, "0002 0000")), "withdrawal names no template"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, transport := range []ipfix.Transport{ipfix.UDP, ipfix.TCP} {
				s := newSession(transport)
				err := s.Decode(now, c.msg, func(*ipfix.Record) { t.Error("a record was visited") })
				if !errors.Is(err, ipfix.ErrMalformed) || !strings.Contains(err.Error(), c.reason) {
					t.Fatalf("got error %v, want one with %q", err, c.reason)
				}
				// Nothing of the message may take effect, not even its sound sets.
				if n := len(s.Templates()); n != 0 {
					t.Errorf("%d templates were learnt", n)
				}
				if got, want := s.Stats(), (ipfix.SessionStats{MalformedMessages: 1}); got != want {
					t.Errorf("counted %+v", got)
				}
			}
		})
	}
}

func TestMalformedOffset(t *testing.T) {
	err := newSession(ipfix.UDP).Decode(now, message(0, set(2, portsTemplate), set(7, "")), nil)
	var m *ipfix.MalformedError
	if !errors.As(err, &m) || m.Offset != 16+16 {
		t.Errorf("got %v, want offset 32", err)
	}
}

func TestDecodeRecords(t *testing.T) {
	for _, c := range []struct {
		name string
		sets [][]byte
		want []collected
	}{
		{"two records", [][]byte{set(2, portsTemplate), set(256, "01bb 06 0035 11")},
			[]collected{{256, "01bb 06"}, {256, "0035 11"}}},
		{"padding of zeros", [][]byte{set(2, portsTemplate+"0000"), set(256, "01bb 06 0000")},
			[]collected{{256, "01bb 06"}}},
		{"padding of ones", [][]byte{set(2, portsTemplate), set(256, "01bb 06 ffff")},
			[]collected{{256, "01bb 06"}}},
		{"template set padded by more than a record's header", [][]byte{set(2, portsTemplate+"00000000 00"), set(256, "01bb 06")},
			[]collected{{256, "01bb 06"}}},
		{"both prefix forms", [][]byte{set(2, namesTemplate), set(257, "04 65746830 00000002 ff0004 65746831 00000003 00 00000004")},
			[]collected{{257, "65746830 00000002"}, {257, "65746831 00000003"}, {257, " 00000004"}}},
		{"padding behind variable length", [][]byte{set(2, namesTemplate), set(257, "04 65746830 00000002 000000")},
			[]collected{{257, "65746830 00000002"}}},
		{"options data", [][]byte{set(3, "0102 0002 0001 000a 0004 0052 ffff"), set(258, "00000002 04 65746830")},
			[]collected{{258, "00000002 65746830"}}},
		{"two templates in one set", [][]byte{set(2, portsTemplate+namesTemplate), set(257, "00 00000001"), set(256, "01bb 06")},
			[]collected{{257, " 00000001"}, {256, "01bb 06"}}},
		{"redefinition inside the message", [][]byte{
			set(2, portsTemplate), set(256, "01bb 06"), set(2, "0100 0001 0004 0001"), set(256, "06 11")},
			[]collected{{256, "01bb 06"}, {256, "06"}, {256, "11"}}},
		{"unknown elements and lengths", [][]byte{set(2, "0100 0003 8001 0003 0000d431 0008 0003 7fff 0001"), set(256, "010203 040506 07")},
			[]collected{{256, "010203 040506 07"}}},
		{"empty data set", [][]byte{set(2, portsTemplate), set(256, "")}, nil},
		{"no sets", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSession(ipfix.UDP)
			got := mustDecode(t, s, message(0, c.sets...))
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("record %d: got %v, want %v", i, got[i], c.want[i])
				}
			}
			if n := s.Stats().DataRecords; n != uint64(len(c.want)) {
				t.Errorf("counted %d records, want %d", n, len(c.want))
			}
		})
	}
}

func TestUnknownElementsAreCounted(t *testing.T) {
	s := newSession(ipfix.UDP)
	// An enterprise element, sourceIPv4Address with 3 octets, an unassigned number.
	mustDecode(t, s, message(0, set(2, "0100 0003 8001 0003 0000d431 0008 0003 7fff 0001")))
	if st := s.Stats(); st.UnknownElements != 2 || st.OddLengths != 1 {
		t.Errorf("counted %d unknown elements and %d odd lengths, want 2 and 1", st.UnknownElements, st.OddLengths)
	}
	for i, f := range s.Templates()[0].All() {
		if f.Element.Type != ie.TypeOctetArray {
			t.Errorf("field %d is %s", i, f.Element.Type)
		}
	}
}
