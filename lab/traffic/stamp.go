// Package traffic generates packets and knows the truth about them: which
// were sent, which arrived, and in what state.
package traffic

import (
	"encoding/binary"
)

// StampSize is the number of octets that every generated UDP payload starts
// with.
const StampSize = 32

// Sequence comes first: packet identifiers read a short prefix of the IP
// payload, and must differ from packet to packet.
const (
	offsetSequence = 0
	offsetMagic    = 8
	offsetFlow     = 12
	offsetRun      = 16
	offsetTime     = 24
)

const magic = 0x6f494654 // "oIFT"

// Stamp is the beginning of a generated UDP payload, in network byte order.
type Stamp struct {
	// Sequence counts the packets of a flow from 0.
	Sequence uint64
	// Flow is the flow's number in its run.
	Flow uint32
	// Run tells the runs of generators from each other.
	Run uint64
	// Sent is the time of sending in nanoseconds since 1970.
	Sent int64
}

func (s Stamp) put(b []byte) {
	binary.BigEndian.PutUint64(b[offsetSequence:], s.Sequence)
	binary.BigEndian.PutUint32(b[offsetMagic:], magic)
	binary.BigEndian.PutUint32(b[offsetFlow:], s.Flow)
	binary.BigEndian.PutUint64(b[offsetRun:], s.Run)
	binary.BigEndian.PutUint64(b[offsetTime:], uint64(s.Sent))
}

// ReadStamp reads the beginning of a UDP payload; it returns false for one
// that no generator made.
func ReadStamp(payload []byte) (Stamp, bool) {
	if len(payload) < StampSize || binary.BigEndian.Uint32(payload[offsetMagic:]) != magic {
		return Stamp{}, false
	}
	return Stamp{
		Sequence: binary.BigEndian.Uint64(payload[offsetSequence:]),
		Flow:     binary.BigEndian.Uint32(payload[offsetFlow:]),
		Run:      binary.BigEndian.Uint64(payload[offsetRun:]),
		Sent:     int64(binary.BigEndian.Uint64(payload[offsetTime:])),
	}, true
}
