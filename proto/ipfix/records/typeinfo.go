package records

import (
	"fmt"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// TypeInformation describes an enterprise element to collectors that do not
// know it (RFC 5610 section 3.9).
type TypeInformation struct {
	PEN       uint32       `ipfix:"privateEnterpriseNumber"`
	Number    uint16       `ipfix:"informationElementId"`
	Type      ie.Type      `ipfix:"informationElementDataType"`
	Semantics ie.Semantics `ipfix:"informationElementSemantics"`
	Units     ie.Units     `ipfix:"informationElementUnits"`
	// The range of values; both 0 where the type alone limits them.
	RangeBegin  uint64 `ipfix:"informationElementRangeBegin"`
	RangeEnd    uint64 `ipfix:"informationElementRangeEnd"`
	Name        string `ipfix:"informationElementName"`
	Description string `ipfix:"informationElementDescription"`
}

// TypeInformationTemplate describes elements.
func TypeInformationTemplate(m *ie.Model) (*ipfix.Template, error) {
	return optionsTemplate(m, "type information", 2, []string{
		"privateEnterpriseNumber", "informationElementId", "informationElementDataType",
		"informationElementSemantics", "informationElementUnits", "informationElementRangeBegin",
		"informationElementRangeEnd", "informationElementName", "informationElementDescription",
	})
}

// DescribePrivate lists the records that describe the model's private elements.
func DescribePrivate(m *ie.Model) []TypeInformation {
	var out []TypeInformation
	for _, e := range m.Private() {
		out = append(out, TypeInformation{
			PEN: e.ID.PEN(), Number: e.ID.Number(),
			Type: e.Type, Semantics: e.Semantics, Units: e.Units, Name: e.Name,
		})
	}
	return out
}

// Element is what the record describes. Registered elements and types beyond
// the registry are refused: a peer must not redefine what all know.
func (t TypeInformation) Element() (ie.Element, error) {
	switch {
	case t.PEN == 0 || t.PEN == ie.ReversePEN:
		return ie.Element{}, fmt.Errorf("type information for %s: enterprise number %d is not a private one", t.Name, t.PEN)
	case t.Name == "":
		return ie.Element{}, fmt.Errorf("type information for %d/%d: it gives no name", t.PEN, t.Number)
	case t.Type > ie.TypeUnsigned256:
		return ie.Element{}, fmt.Errorf("type information for %s: data type %d is unknown", t.Name, t.Type)
	}
	return ie.Element{
		ID: ie.NewID(t.PEN, t.Number), Name: t.Name,
		Type: t.Type, Semantics: t.Semantics, Units: t.Units,
	}, nil
}
