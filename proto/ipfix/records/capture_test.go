package records_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// sentFlows are flow records of both families, all different.
func sentFlows() []records.Flow {
	var out []records.Flow
	for n := range 50 {
		f := records.Flow{
			Origin: origin, Tuple: v4, IngressInterface: uint32(2 + n), EgressInterface: uint32(300 + n),
			Direction: records.Direction(n % 2), Octets: 1<<33 + uint64(n), Packets: uint64(77 + n),
			Start: start + ipfix.UnixNano(n)*1e9, End: start + ipfix.UnixNano(n)*3e9, TCPControlBits: 0x12,
			MinimumHopLimit: uint8(n), MaximumHopLimit: uint8(64 + n), EndReason: records.EndActive,
			DelayMin: 1000, DelayMax: 3000 + uint32(n), DelayMean: 2000, DelaySum: 4000, DelayPackets: 2,
		}
		f.Source = netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})
		if n%2 == 1 {
			f.Tuple, f.TCPControlBits = v6, 0
			a := f.Source.As16()
			a[15] = byte(n)
			f.Source = netip.AddrFrom16(a)
		}
		f.SourcePort = uint16(1024 + n)
		out = append(out, f)
	}
	return out
}

// export writes options data, the description of the private elements among
// them, and flows of both families, and gives the Messages to sink.
func export(t *testing.T, flows []records.Flow, sink ipfix.Sink) {
	t.Helper()
	exportBy(t, exporterTo(t, sink), flows)
}

func exportBy(t *testing.T, e *ipfix.Exporter, flows []records.Flow) {
	t.Helper()
	tmpl, err := records.TypeInformationTemplate(model)
	write(t, e, tmpl, err, records.DescribePrivate(model)...)
	tmpl, err = records.PolicyNameTemplate(model)
	write(t, e, tmpl, err, records.PolicyName{Policy: origin.Policy, Name: "baseline", Owner: "lab"})
	tmpl, err = records.InterfaceNameTemplate(model)
	write(t, e, tmpl, err, records.InterfaceName{Interface: 2, Name: "eth0"})
	// Agents send these ahead of all else.
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	exportFlows(t, e, flows)
}

func exporterTo(t *testing.T, sink ipfix.Sink) *ipfix.Exporter {
	t.Helper()
	e, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: 9, MaxLength: 1400, Now: func() time.Time { return start.Time() }}, sink)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func exportFlows(t *testing.T, e *ipfix.Exporter, flows []records.Flow) {
	t.Helper()
	for _, f := range flows {
		tmpl, err := records.FlowTemplate(model, records.FamilyOf(f.Source), records.DefaultFlowKeys(), records.FlowOptions{TransitDelay: true})
		write(t, e, tmpl, err, f)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
}

func write[T any](t *testing.T, e *ipfix.Exporter, tmpl *ipfix.Template, err error, values ...T) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ipfix.NewStream[T](e, tmpl)
	if err != nil {
		t.Fatal(err)
	}
	for i := range values {
		if err := s.Write(&values[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// pcap is a capture file of UDP over IPv4 without link layer.
type pcap struct{ bytes.Buffer }

func newPcap() *pcap {
	const magic, rawIP = 0xa1b2c3d4, 101
	p := &pcap{}
	for _, v := range []any{uint32(magic), uint16(2), uint16(4), int32(0), uint32(0), uint32(65535), uint32(rawIP)} {
		_ = binary.Write(p, binary.BigEndian, v) // a Buffer takes everything
	}
	return p
}

// add captures a Message on its way to the IPFIX port.
func (p *pcap) add(m ipfix.Message) error {
	const port = 4739
	total := 28 + len(m.Octets)
	for _, v := range []uint32{uint32(start / 1e9), 0, uint32(total), uint32(total)} {
		_ = binary.Write(p, binary.BigEndian, v)
	}
	ip := []byte{0x45, 0, byte(total >> 8), byte(total), 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}
	sum := uint32(0)
	for i := 0; i < len(ip); i += 2 {
		sum += uint32(ip[i])<<8 | uint32(ip[i+1])
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum&0xffff+sum>>16))
	p.Write(ip)
	udpLength := 8 + len(m.Octets)
	p.Write([]byte{port >> 8, port & 0xff, port >> 8, port & 0xff, byte(udpLength >> 8), byte(udpLength), 0, 0})
	p.Write(m.Octets)
	return nil
}

// file keeps octets for a program to read.
func file(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
