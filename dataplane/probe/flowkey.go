package probe

import (
	"net/netip"
	"unsafe"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/gen/bpf/point"
)

// Octets of the two widths of a flow table's key.
const (
	narrowKey = 48
	wideKey   = uint32(unsafe.Sizeof(FlowKey{}))
)

// Parts of the words of a key; the constants are those of abi.h.
const (
	vlanBits       = 12
	vniShift       = 8
	overlayMask    = 7
	labelled       = 0x80
	labelRestShift = 3
	labelRestBits  = 4
)

// FlowKey is the key of a record in the flow tables. Its wide part is zero
// where the table has none.
type FlowKey struct{ point.BPFIfitFlowKey }

// Fields writes the header fields of the key. Those that no policy reads are
// zero.
func (k *FlowKey) Fields(out *flow.Key) {
	out.DSCP = uint8(k.DscpEpoch >> epochBits)
	out.FlowLabel = k.LabelVlan >> vlanBits
	out.VLAN = uint16(k.LabelVlan & (1<<vlanBits - 1))
	out.CustomerVLAN = uint16(k.Mpls & (1<<vlanBits - 1))
	out.Overlay, out.VNI = flow.Overlay(k.Vni&overlayMask), k.Vni>>vniShift
	if out.Labelled = k.Vni&labelled != 0; out.Labelled {
		out.MPLS = k.Mpls>>vlanBits<<labelRestBits | k.Vni>>labelRestShift&(1<<labelRestBits-1)
	}
	out.ActiveSegment = netip.Addr{}
	if k.Segment != [16]byte{} {
		out.ActiveSegment = netip.AddrFrom16(k.Segment)
	}
}

// Sampled tells whether the record is that of one policy's selected packets.
func (k *FlowKey) Sampled() bool { return k.DscpEpoch&epochSampled != 0 }

// Layer tells which policies a canonical record is about.
func (k *FlowKey) Layer() flow.Layer {
	if k.Sampled() {
		return flow.LayerOnly
	}
	return flow.Layer(k.DscpEpoch >> epochLayerShift & epochLayer)
}

// narrow is a key as it lies in a table without the wide part.
type narrow [narrowKey]byte

// octets is the part of a key that narrow tables hold.
func (k *FlowKey) octets() *narrow { return (*narrow)(unsafe.Pointer(k)) }

func (t *FlowTables) isNarrow() bool { return t.table(0).KeySize() == narrowKey }

// complete writes what was read out of a narrow table.
func complete(out []FlowKey, in []narrow) {
	for i := range in {
		out[i] = FlowKey{}
		*out[i].octets() = in[i]
	}
}
