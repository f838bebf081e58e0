package object

// member is one of struct ifit_packet, as bpf/sdk/ifit_probe.h declares it.
type member struct {
	name         string
	offset, size int
}

// Offsets in struct ifit_packet.
const (
	LengthOffset         = 0
	CapturedOffset       = 4
	IfindexOffset        = 8
	IngressIfindexOffset = 12
	SegmentsOffset       = 16
	MarkOffset           = 20
	PriorityOffset       = 24
	HashOffset           = 28
	ProtocolOffset       = 32
	VLANOffset           = 34
	DirectionOffset      = 36
	DataOffset           = 38
)

// PacketSize is the size of struct ifit_packet in octets.
func PacketSize(capture int) int { return (DataOffset + capture + 3) &^ 3 }

// packetLayout lists what is before the packet's octets.
func packetLayout() []member {
	return []member{
		{"length", LengthOffset, 4}, {"captured", CapturedOffset, 4},
		{"ifindex", IfindexOffset, 4}, {"ingress_ifindex", IngressIfindexOffset, 4},
		{"segments", SegmentsOffset, 4}, {"mark", MarkOffset, 4}, {"priority", PriorityOffset, 4}, {"hash", HashOffset, 4},
		{"protocol", ProtocolOffset, 2}, {"vlan", VLANOffset, 2},
		{"direction", DirectionOffset, 1}, {"reserved", 37, 1},
	}
}
