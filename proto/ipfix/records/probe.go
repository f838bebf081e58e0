package records

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// ProbeField is a field of the structures of a probe that an operator brought,
// which it fills in in little endian.
type ProbeField struct {
	Name string
	// Offset and Size in octets.
	Offset, Size int
	Type         ie.Type
	Units        ie.Units
	Semantics    ie.Semantics
	Text         string
}

// ProbeElement is the private Information Element of a field.
type ProbeElement struct {
	ie.Element
	Number uint16
	// Field is the field's name in the probe, Counter whether it is one of its
	// counters.
	Field   string
	Counter bool
	Text    string
}

// ProbeElements numbers the fields of a probe from first on, counters before
// records, and names them after it.
func ProbeElements(probe string, first uint16, counters, record []ProbeField) []ProbeElement {
	var out []ProbeElement
	for n, of := range [][]ProbeField{counters, record} {
		for _, f := range of {
			e := ProbeElement{Number: first, Field: f.Name, Counter: n == 0, Text: f.Text}
			e.Element = ie.Element{
				Name: "ifitProbe" + camel(probe) + camel(f.Name), Type: f.Type, Units: f.Units, Semantics: f.Semantics,
			}
			if e.Counter {
				e.Name += "Count"
			}
			out = append(out, e)
			first++
		}
	}
	return out
}

// camel writes dns_query as DnsQuery.
func camel(name string) string {
	var b strings.Builder
	up := true
	for _, r := range name {
		switch {
		case r == '_' || r == '-' || r == '.' || r == ':':
			up = true
			continue
		case up && r >= 'a' && r <= 'z':
			r += 'A' - 'a'
		}
		up = false
		b.WriteRune(r)
	}
	return b.String()
}

// ProbeLayout makes Data Records of one of a probe's structures.
type ProbeLayout struct {
	Template *ipfix.Template
	// Types describe the structure's elements (RFC 5610).
	Types  []TypeInformation
	fields []ProbeField
	span   bool
}

// NewProbeLayout makes the layout of a probe's counters, or else of its
// records. It needs an enterprise number in the model.
func NewProbeLayout(m *ie.Model, elements []ProbeElement, fields []ProbeField, counters bool) (*ProbeLayout, error) {
	l := &ProbeLayout{fields: fields, span: counters}
	specs := append([]string{}, originFields...)
	if counters {
		specs = append(specs, "flowStartNanoseconds", "flowEndNanoseconds")
	} else {
		specs = append(specs, "observationTimeNanoseconds")
	}
	all, err := ipfix.Fields(m, specs...)
	if err != nil {
		return nil, fmt.Errorf("probe template: %w", err)
	}
	n := 0
	for _, e := range elements {
		if e.Counter != counters {
			continue
		}
		if n == len(fields) || fields[n].Name != e.Field {
			return nil, fmt.Errorf("probe template: element %s belongs to no field", e.Name)
		}
		e.ID = ie.NewID(m.PEN(), e.Number)
		all = append(all, ipfix.Field{Element: e.Element, Length: uint16(fields[n].Size)})
		l.Types = append(l.Types, TypeInformation{
			PEN: m.PEN(), Number: e.Number, Type: e.Type, Semantics: e.Semantics, Units: e.Units, Name: e.Name, Description: e.Text,
		})
		n++
	}
	if l.Template, err = ipfix.NewTemplate(all...); err != nil {
		return nil, fmt.Errorf("probe template: %w", err)
	}
	return l, nil
}

// Fits tells whether data is as long as the probe's structure must be.
func (l *ProbeLayout) Fits(data []byte) bool {
	for _, f := range l.fields {
		if f.Offset+f.Size > len(data) {
			return false
		}
	}
	return true
}

// Append writes a record behind b. data is the probe's structure; times of the
// kernel's clock become UNIX times by clock. start is left out of records.
func (l *ProbeLayout) Append(b []byte, o Origin, start, end ipfix.UnixNano, data []byte, clock func(uint64) int64) []byte {
	b = binary.BigEndian.AppendUint32(b, o.Policy)
	b = binary.BigEndian.AppendUint32(b, o.Generation)
	b = binary.BigEndian.AppendUint32(b, o.Node)
	if l.span {
		b = binary.BigEndian.AppendUint64(b, ipfix.ToNTP(start))
	}
	b = binary.BigEndian.AppendUint64(b, ipfix.ToNTP(end))
	for i := range l.fields {
		f := &l.fields[i]
		octets := data[f.Offset : f.Offset+f.Size]
		switch {
		case f.Type == ie.TypeDateTimeNanoseconds:
			b = binary.BigEndian.AppendUint64(b, ipfix.ToNTP(ipfix.UnixNano(clock(binary.LittleEndian.Uint64(octets)))))
		case f.Type == ie.TypeBoolean:
			// True is 1 and false is 2 (RFC 7011 section 6.1.5).
			v := byte(2)
			if octets[0] != 0 {
				v = 1
			}
			b = append(b, v)
		case f.Type.IsUnsigned() || f.Type.IsSigned():
			for j := len(octets) - 1; j >= 0; j-- {
				b = append(b, octets[j])
			}
		default:
			b = append(b, octets...)
		}
	}
	return b
}
