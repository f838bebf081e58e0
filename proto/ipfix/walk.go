package ipfix

import "encoding/binary"

// walk measures the record at the start of b, -1 when it does not end inside
// b, and notes in spans, unless nil, where its fields lie.
func (t *Template) walk(b []byte, spans []span) int {
	if t.fixed > 0 {
		if len(b) < t.fixed {
			return -1
		}
		copy(spans, t.spans)
		return t.fixed
	}
	at := 0
	for i := range t.fields {
		length := int(t.fields[i].Length)
		if length == int(VariableLength) {
			var prefix int
			if length, prefix = variableLength(b[at:]); prefix == 0 {
				return -1
			}
			at += prefix
		}
		if length > len(b)-at {
			return -1
		}
		if spans != nil {
			spans[i] = span{uint16(at), uint16(length)}
		}
		at += length
	}
	return at
}

// variableLength reads the prefix of a value (RFC 7011 section 7); prefix is 0
// when it is cut off.
func variableLength(b []byte) (length, prefix int) {
	if len(b) == 0 {
		return 0, 0
	}
	if b[0] < 255 {
		return int(b[0]), 1
	}
	if len(b) < 3 {
		return 0, 0
	}
	return int(binary.BigEndian.Uint16(b[1:])), 3
}
