package ipfix

import "encoding/binary"

// Version is the version number of IPFIX in the Message header.
const Version uint16 = 10

// Sizes in octets (RFC 7011 section 3).
const (
	// HeaderLength is the length of the Message header.
	HeaderLength = 16
	// SetHeaderLength is the length of a Set header.
	SetHeaderLength = 4
	// MaxMessageLength is what the 16-bit length field can say.
	MaxMessageLength = 65535
	// DefaultPathMTU is assumed where the path MTU is unknown
	// (RFC 7011 section 10.3.3).
	DefaultPathMTU = 512
)

// Set IDs (RFC 7011 section 3.3.2).
const (
	TemplateSetID        uint16 = 2
	OptionsTemplateSetID uint16 = 3
	// FirstTemplateID is the lowest ID of a template, hence of a Data Set.
	FirstTemplateID uint16 = 256
)

// enterpriseBit in a field specifier announces an enterprise number.
const enterpriseBit = 1 << 15

// Header is the Message header without its version.
type Header struct {
	// Length of the Message in octets, this header included.
	Length uint16
	// ExportTime in seconds since the UNIX epoch, modulo 2^32.
	ExportTime uint32
	// Sequence counts the Data Records sent before this Message in the
	// session and domain, modulo 2^32.
	Sequence uint32
	// Domain is the Observation Domain ID, 0 when the Message is about none.
	Domain uint32
}

// ParseHeader reads the header of a Message and checks that b holds exactly
// the Message it announces. Its error is a *MalformedError.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLength {
		return Header{}, malformed(len(b), "message ends inside its header")
	}
	if v := binary.BigEndian.Uint16(b); v != Version {
		return Header{}, malformed(0, "version is not 10")
	}
	h := Header{
		Length:     binary.BigEndian.Uint16(b[2:]),
		ExportTime: binary.BigEndian.Uint32(b[4:]),
		Sequence:   binary.BigEndian.Uint32(b[8:]),
		Domain:     binary.BigEndian.Uint32(b[12:]),
	}
	if int(h.Length) != len(b) {
		return Header{}, malformed(2, "length field differs from the octets received")
	}
	return h, nil
}

// putHeader writes the header into the first HeaderLength octets of b.
func putHeader(b []byte, h Header) {
	_ = b[HeaderLength-1]
	binary.BigEndian.PutUint16(b, Version)
	binary.BigEndian.PutUint16(b[2:], h.Length)
	binary.BigEndian.PutUint32(b[4:], h.ExportTime)
	binary.BigEndian.PutUint32(b[8:], h.Sequence)
	binary.BigEndian.PutUint32(b[12:], h.Domain)
}
