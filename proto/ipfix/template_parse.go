package ipfix

import (
	"bytes"
	"encoding/binary"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// templateRecord is a template record in the Message, not yet compiled.
type templateRecord struct {
	id     uint16
	count  int // 0 for a withdrawal
	scope  int
	wire   []byte // field specifiers
	length int    // of the record in octets
}

// parseTemplateRecord frames the record at the start of b. reason is not empty
// when it is malformed.
func parseTemplateRecord(b []byte, options bool) (r templateRecord, reason string) {
	if len(b) < 4 {
		return r, "template record ends inside its header"
	}
	r.id = binary.BigEndian.Uint16(b)
	r.count = int(binary.BigEndian.Uint16(b[2:]))
	at := 4
	if r.count == 0 {
		r.length = at
		return r, checkWithdrawal(r.id, options)
	}
	if r.id < FirstTemplateID {
		return r, "template ID is below 256"
	}
	if options {
		if len(b) < 6 {
			return r, "options template record ends inside its header"
		}
		r.scope = int(binary.BigEndian.Uint16(b[4:]))
		if r.scope == 0 || r.scope > r.count {
			return r, "scope field count is not in 1..field count"
		}
		at = 6
	}
	start := at
	for range r.count {
		if len(b)-at < 4 {
			return r, "template record ends inside a field specifier"
		}
		size := 4
		if b[at]&(enterpriseBit>>8) != 0 {
			size = 8
		}
		if len(b)-at < size {
			return r, "template record ends inside an enterprise number"
		}
		at += size
	}
	r.wire, r.length = b[start:at], at
	return r, ""
}

// checkWithdrawal accepts an ID of a template and the Set's own ID, which means
// all templates of that kind (RFC 7011 section 8.1).
func checkWithdrawal(id uint16, options bool) string {
	all := TemplateSetID
	if options {
		all = OptionsTemplateSetID
	}
	if id < FirstTemplateID && id != all {
		return "withdrawal names no template"
	}
	return ""
}

// describes says whether t is what the record defines.
func (r *templateRecord) describes(t *Template) bool {
	return t.scope == r.scope && bytes.Equal(t.wire, r.wire)
}

// compile makes the template. Fields whose element the model does not know, or
// has with another length, become octetArrays; unknown and odd count them.
func (r *templateRecord) compile(m *ie.Model, domain uint32) (t *Template, unknown, odd int, reason string) {
	t = &Template{
		id: r.id, domain: domain, scope: r.scope,
		fields: make([]Field, 0, r.count), wire: bytes.Clone(r.wire),
	}
	for b := r.wire; len(b) > 0; {
		number, length := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		b = b[4:]
		id := ie.NewID(0, number)
		if number&enterpriseBit != 0 {
			id = ie.NewID(binary.BigEndian.Uint32(b), number)
			b = b[4:]
		}
		f := Field{Length: length}
		var known bool
		if f.Element, known = m.Lookup(id); !known {
			unknown++
			f.Element.ID = id
		} else if f.check() != nil {
			odd++
			f.Element.Type = ie.TypeOctetArray
		}
		t.fields = append(t.fields, f)
	}
	return t, unknown, odd, t.compile()
}
