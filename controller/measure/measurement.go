package measure

import "encoding/json"

// Provenance says how the controller came to know something.
type Provenance string

// Provenances. Only the first two may cause a decision.
const (
	GNMI        Provenance = "GNMI"
	IPFIXSecure Provenance = "IPFIX_SECURE"
	IPFIXPlain  Provenance = "IPFIX_PLAIN"
)

// Measurement is one observed quantity.
type Measurement struct {
	// Name says what was measured, such as "export-octets-per-second".
	Name string `json:"name"`
	// Node and Interface say where; empty for the whole domain or node.
	Node      string  `json:"node,omitempty"`
	Interface string  `json:"interface,omitempty"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
	// Time is in UNIX nanoseconds.
	Time       int64      `json:"time"`
	Provenance Provenance `json:"provenance"`
}

// Evidence is what else was known when a decision was taken. It goes to the
// log and nowhere else: it is closed, so that a loop that gets it cannot act on
// what an unauthenticated sender said.
type Evidence struct{ text json.RawMessage }

// Seal closes measurements.
func Seal(m []Measurement) Evidence {
	if len(m) == 0 {
		return Evidence{}
	}
	text, err := json.Marshal(m)
	if err != nil {
		// Not a number or infinite: no measurement.
		return Evidence{}
	}
	return Evidence{text}
}

// MarshalJSON writes the measurements as a list.
func (e Evidence) MarshalJSON() ([]byte, error) {
	if e.text == nil {
		return []byte("[]"), nil
	}
	return e.text, nil
}

// UnmarshalJSON takes what MarshalJSON wrote.
func (e *Evidence) UnmarshalJSON(text []byte) error {
	e.text = append(json.RawMessage(nil), text...)
	return nil
}
