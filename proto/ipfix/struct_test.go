package ipfix_test

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/openifit/openifit/proto/ipfix"
)

type port uint16

// all has a field for each form of value.
type all struct {
	U8      uint8          `ipfix:"protocolIdentifier"`
	U16     port           `ipfix:"sourceTransportPort"`
	U32     uint32         `ipfix:"ingressInterface"`
	U64     uint64         `ipfix:"octetDeltaCount"`
	I32     int32          `ipfix:"mibObjectValueInteger"`
	F32     float32        `ipfix:"relativeError"`
	F64     float64        `ipfix:"samplingProbability"`
	Bool    bool           `ipfix:"hashDigestOutput"`
	NTP     ipfix.UnixNano `ipfix:"flowStartNanoseconds"`
	Micro   ipfix.UnixNano `ipfix:"flowStartMicroseconds"`
	Milli   ipfix.UnixNano `ipfix:"flowStartMilliseconds"`
	Second  ipfix.UnixNano `ipfix:"flowStartSeconds"`
	Address netip.Addr     `ipfix:"sourceIPv4Address|sourceIPv6Address"`
	MAC     [6]byte        `ipfix:"sourceMacAddress"`
	Wide    [32]byte       `ipfix:"ipv6ExtensionHeadersFull"`
	Fixed   string         `ipfix:"userName"`
	Text    string         `ipfix:"interfaceName"`
	Octets  []byte         `ipfix:"ipHeaderPacketSection"`
	List    []byte         `ipfix:"basicList"`
	First   uint64         `ipfix:"packetDeltaCount"`
	Second2 uint64         `ipfix:"packetDeltaCount"`
	Mine    int            // without a tag
}

func sample() all {
	return all{
		U8: 6, U16: 443, U32: 0x010203, U64: 0x0102030405, I32: -2, F32: 0.5, F64: 0.125, Bool: true,
		NTP: 1_700_000_000_123_456_789, Micro: 1_700_000_000_123_456_787, Milli: 1_700_000_000_123_000_000, Second: 1_700_000_000e9,
		Address: netip.MustParseAddr("192.0.2.1"), MAC: [6]byte{1, 2, 3, 4, 5, 6}, Wide: [32]byte{30: 1, 31: 2},
		Fixed: "root", Text: "eth0", Octets: []byte{0x45, 0}, List: []byte{0xff, 0, 1, 0, 8}, First: 1, Second2: 2,
	}
}

// exchange sends v under a template of the fields and reads it back.
func exchange[T any](t *testing.T, v *T, specs ...string) (got T, err error) {
	t.Helper()
	s := newSession(ipfix.UDP)
	d, derr := ipfix.NewDecoder[T]()
	if derr != nil {
		t.Fatal(derr)
	}
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 1400, FirstCopies: 1})
	stream, serr := ipfix.NewStream[T](e, mustTemplate(t, specs...))
	if serr != nil {
		t.Fatal(serr)
	}
	if err := stream.Write(v); err != nil {
		return got, err
	}
	mustFlush(t, e)
	n := 0
	if err := s.Decode(now, p.messages[0], func(r *ipfix.Record) {
		n++
		err = d.Decode(r, &got)
	}); err != nil {
		t.Fatal(err)
	}
	if n != 1 {
		t.Fatalf("%d records arrived", n)
	}
	return got, err
}

var fixedFields = []string{
	"protocolIdentifier", "sourceTransportPort", "ingressInterface", "octetDeltaCount", "mibObjectValueInteger",
	"relativeError", "samplingProbability", "hashDigestOutput", "flowStartNanoseconds", "flowStartMicroseconds",
	"flowStartMilliseconds", "flowStartSeconds", "sourceIPv4Address", "sourceMacAddress", "ipv6ExtensionHeadersFull",
	"userName[4]", "interfaceName[4]", "ipHeaderPacketSection[2]", "basicList[5]", "packetDeltaCount", "packetDeltaCount",
}

func TestStructRoundTrip(t *testing.T) {
	reduced := []string{
		"protocolIdentifier", "sourceTransportPort", "ingressInterface[3]", "octetDeltaCount[5]", "mibObjectValueInteger[1]",
		"relativeError[4]", "samplingProbability[4]", "hashDigestOutput", "flowStartNanoseconds", "flowStartMicroseconds",
		"flowStartMilliseconds", "flowStartSeconds", "sourceIPv4Address", "sourceMacAddress", "ipv6ExtensionHeadersFull[2]",
		"userName[4]", "interfaceName[4]", "ipHeaderPacketSection[2]", "basicList[5]", "packetDeltaCount[1]", "packetDeltaCount[7]",
	}
	variable := append(append([]string{}, fixedFields[:15]...),
		"userName", "interfaceName", "ipHeaderPacketSection", "basicList", "packetDeltaCount", "packetDeltaCount")
	for name, specs := range map[string][]string{"fixed": fixedFields, "reduced": reduced, "variable": variable} {
		t.Run(name, func(t *testing.T) {
			in := sample()
			got, err := exchange(t, &in, specs...)
			if err != nil {
				t.Fatal(err)
			}
			// Microseconds lose what 11 bits of fraction hold: half a microsecond.
			if d := in.Micro - got.Micro; d > 500 {
				t.Errorf("microseconds: %d came back as %d", in.Micro, got.Micro)
			}
			got.Micro = in.Micro
			if diff := cmp.Diff(in, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("written and read differ (-written +read):\n%s", diff)
			}
		})
	}
	t.Run("IPv6", func(t *testing.T) {
		in := all{Address: netip.MustParseAddr("2001:db8::1")}
		got, err := exchange(t, &in, "sourceIPv6Address")
		if err != nil || got.Address != in.Address {
			t.Errorf("got %v, %v", got.Address, err)
		}
	})
	t.Run("unknown time", func(t *testing.T) {
		got, err := exchange(t, &all{}, "flowStartNanoseconds", "ipHeaderPacketSection")
		if err != nil || got.NTP != 0 {
			t.Errorf("got %v, %v", got.NTP, err)
		}
	})
}

func TestStructRefusesValues(t *testing.T) {
	v6 := netip.MustParseAddr("2001:db8::1")
	for _, c := range []struct {
		name  string
		value all
		spec  string
	}{
		{"too large", all{U64: 1 << 32}, "octetDeltaCount[4]"},
		{"too large signed", all{I32: 128}, "mibObjectValueInteger[1]"},
		{"too small signed", all{I32: -129}, "mibObjectValueInteger[1]"},
		{"IPv6 in IPv4", all{Address: v6}, "sourceIPv4Address"},
		{"IPv4 in IPv6", all{Address: netip.MustParseAddr("192.0.2.1")}, "sourceIPv6Address"},
		{"no address", all{}, "sourceIPv4Address"},
		{"too wide", all{Wide: [32]byte{29: 1}}, "ipv6ExtensionHeadersFull[2]"},
		{"text too short", all{Fixed: "abc"}, "userName[4]"},
		{"text too long", all{Fixed: "abcde"}, "userName[4]"},
		{"octets too short", all{Octets: []byte{1}}, "ipHeaderPacketSection[2]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, specs := range [][]string{{c.spec}, {c.spec, "interfaceName"}} {
				if _, err := exchange(t, &c.value, specs...); !errors.Is(err, ipfix.ErrMismatch) {
					t.Errorf("%v: got %v, want ErrMismatch", specs, err)
				}
			}
		})
	}
	t.Run("text longer than its prefix can say", func(t *testing.T) {
		if _, err := exchange(t, &all{Text: strings.Repeat("x", 70000)}, "interfaceName"); !errors.Is(err, ipfix.ErrTooLong) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDecoderRefusesValues(t *testing.T) {
	for _, c := range []struct{ name, template, record string }{
		{"boolean 0", "0100 0001 014d 0001", "00"},
		{"boolean 3", "0100 0001 014d 0001", "03"},
	} {
		d, err := ipfix.NewDecoder[all]()
		if err != nil {
			t.Fatal(err)
		}
		var failed error
		if err := newSession(ipfix.UDP).Decode(now, message(0, set(2, c.template), set(256, c.record)), func(r *ipfix.Record) {
			var v all
			failed = d.Decode(r, &v)
		}); err != nil {
			t.Fatal(err)
		}
		if failed == nil || !strings.Contains(failed.Error(), "hashDigestOutput") {
			t.Errorf("%s: got %v, want an error that names hashDigestOutput", c.name, failed)
		}
	}
	t.Run("larger than its field", func(t *testing.T) {
		type narrow struct {
			Interface uint8 `ipfix:"ingressInterface"`
		}
		type wide struct {
			Interface uint32 `ipfix:"ingressInterface"`
		}
		e, p := newExporter(t, ipfix.ExporterConfig{FirstCopies: 1})
		s, err := ipfix.NewStream[wide](e, mustTemplate(t, "ingressInterface"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(&wide{256}); err != nil {
			t.Fatal(err)
		}
		mustFlush(t, e)
		d, err := ipfix.NewDecoder[narrow]()
		if err != nil {
			t.Fatal(err)
		}
		var failed error
		if err := newSession(ipfix.UDP).Decode(now, p.messages[0], func(r *ipfix.Record) {
			var v narrow
			failed = d.Decode(r, &v)
		}); err != nil {
			t.Fatal(err)
		}
		if failed == nil {
			t.Error("256 was read into 8 bits")
		}
	})
}

func TestDecoderClearsWhatIsMissing(t *testing.T) {
	s := newSession(ipfix.UDP)
	d, err := ipfix.NewDecoder[all]()
	if err != nil {
		t.Fatal(err)
	}
	v := sample()
	v.Mine = 7
	if err := s.Decode(now, message(0, set(2, portsTemplate), set(256, "0035 11")), func(r *ipfix.Record) {
		if err := d.Decode(r, &v); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	want := all{U16: 53, U8: 17, Octets: []byte{}, List: []byte{}, Mine: 7}
	if diff := cmp.Diff(want, v, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("read differs (-want +got):\n%s", diff)
	}
}

func TestDecoderReadsOtherWidths(t *testing.T) {
	s := newSession(ipfix.UDP)
	d, err := ipfix.NewDecoder[all]()
	if err != nil {
		t.Fatal(err)
	}
	// octetDeltaCount of 3 octets, sourceIPv4Address of 3: not an address.
	var v all
	if err := s.Decode(now, message(0, set(2, "0100 0002 0001 0003 0008 0003"), set(256, "010203 040506")), func(r *ipfix.Record) {
		if err := d.Decode(r, &v); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if v.U64 != 0x010203 || v.Address.IsValid() {
		t.Errorf("got %#x and %v", v.U64, v.Address)
	}
}

func TestStructsRefused(t *testing.T) {
	tmpl := mustTemplate(t, "octetDeltaCount")
	for name, make := range map[string]func() error{
		"no struct": func() error { _, err := ipfix.NewDecoder[int](); return err },
		"no tags":   func() error { _, err := ipfix.NewDecoder[struct{ X int }](); return err },
		"form": func() error {
			_, err := ipfix.NewDecoder[struct {
				X complex64 `ipfix:"octetDeltaCount"`
			}]()
			return err
		},
		"field missing": func() error {
			_, err := ipfix.NewEncoder[struct {
				X uint64 `ipfix:"packetDeltaCount"`
			}](tmpl)
			return err
		},
		"form of another type": func() error {
			_, err := ipfix.NewEncoder[struct {
				X string `ipfix:"octetDeltaCount"`
			}](tmpl)
			return err
		},
	} {
		if make() == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
}

func TestEncoderAppend(t *testing.T) {
	enc, err := ipfix.NewEncoder[counters](mustTemplate(t, "packetDeltaCount[2]", "octetDeltaCount"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := enc.Append([]byte{0xaa}, &counters{Octets: 1, Packets: math.MaxUint16})
	if err != nil || string(b) != string(unhex("aa ffff 0000000000000001")) {
		t.Errorf("got %x, %v", b, err)
	}
	b, err = enc.Append([]byte{0xaa}, &counters{Packets: math.MaxUint16 + 1})
	if err == nil || string(b) != "\xaa" {
		t.Errorf("got %x, %v", b, err)
	}
}

func TestOneValueInSeveralForms(t *testing.T) {
	type times struct {
		Start ipfix.UnixNano `ipfix:"flowStartNanoseconds|flowStartMilliseconds"`
	}
	in := times{1_700_000_000_123_456_789}
	for _, specs := range [][]string{
		{"flowStartMilliseconds", "flowStartNanoseconds"}, {"flowStartNanoseconds", "flowStartMilliseconds"},
	} {
		got, err := exchange(t, &in, specs...)
		if err != nil || got != in {
			t.Errorf("%v: got %v, %v, want the finer form of %v", specs, got, err, in)
		}
	}
	got, err := exchange(t, &in, "flowStartMilliseconds")
	if err != nil || got.Start != 1_700_000_000_123_000_000 {
		t.Errorf("milliseconds alone: got %v, %v", got, err)
	}
}
