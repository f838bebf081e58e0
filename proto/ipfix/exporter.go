package ipfix

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Transport is what carries a Transport Session; the rules for templates
// depend on it (RFC 7011 section 8).
type Transport uint8

// The transports.
const (
	UDP Transport = iota
	TCP
	SCTP
)

func (t Transport) String() string {
	switch t {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case SCTP:
		return "SCTP"
	}
	return fmt.Sprintf("Transport(%d)", uint8(t))
}

// ExporterConfig is what an Exporter needs to know.
type ExporterConfig struct {
	// Domain is the Observation Domain ID of all Messages.
	Domain    uint32
	Transport Transport
	// MaxLength of a Message in octets: the path MTU less the headers below.
	// 0 means what fits DefaultPathMTU in IPv6 over UDP.
	MaxLength int
	// FirstCopies is how many Messages of a UDP session repeat a new template;
	// 0 means 3.
	FirstCopies int
	// PadSets fills each Set up to a multiple of 4 octets.
	PadSets bool
	// Now gives the Export Time; nil means time.Now.
	Now func() time.Time
}

// ExporterStats counts what an Exporter did since it was made.
type ExporterStats struct {
	Messages        uint64
	Octets          uint64
	DataRecords     uint64
	TemplateRecords uint64
	// RefusedRecords did not fit a Message or their template.
	RefusedRecords uint64
	// LostMessages and LostRecords are those that the sink did not take.
	LostMessages uint64
	LostRecords  uint64
}

// Exporter encodes the Messages of one Observation Domain in one Transport
// Session. It is not safe for concurrent use.
type Exporter struct {
	cfg   ExporterConfig
	sink  Sink
	slots []slot
	// owed is the number of slots that owe a record, due of those that owe one
	// to the open Message, carried that of template records in it.
	owed, due, carried int
	refreshes          uint64

	buf      []byte // the open Message
	room     int    // MaxLength
	setStart int    // offset of the open Set, 0 when none is open
	setID    uint16
	begun    *Template // of the record being written
	records  uint32    // Data Records in the open Message
	serial   uint64    // of the open Message, counted from 1
	sequence uint32
	failed   error // of the sink, for the next End or Flush to return
	stats    ExporterStats
}

const (
	ipv6UDPHeaders     = 48
	defaultFirstCopies = 3
)

// NewExporter starts a session that hands its Messages to sink.
func NewExporter(cfg ExporterConfig, sink Sink) (*Exporter, error) {
	if sink == nil {
		return nil, fmt.Errorf("make exporter: it has no sink")
	}
	if cfg.MaxLength == 0 {
		cfg.MaxLength = DefaultPathMTU - ipv6UDPHeaders
	}
	if cfg.MaxLength < HeaderLength+SetHeaderLength+4 || cfg.MaxLength > MaxMessageLength {
		return nil, fmt.Errorf("make exporter: messages of %d octets", cfg.MaxLength)
	}
	switch {
	case cfg.Transport != UDP:
		cfg.FirstCopies = 1
	case cfg.FirstCopies <= 0:
		cfg.FirstCopies = defaultFirstCopies
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	e := &Exporter{cfg: cfg, sink: sink, room: cfg.MaxLength, serial: 1}
	// A record that outgrows the Message is written whole before it moves to
	// the next one.
	e.buf = make([]byte, HeaderLength, 2*cfg.MaxLength)
	return e, nil
}

// Stats returns the counters.
func (e *Exporter) Stats() ExporterStats { return e.stats }

// Sequence is the Sequence Number that the next Message will carry.
func (e *Exporter) Sequence() uint32 { return e.sequence }

// Begin opens a Data Record under the template. The caller appends the values
// of all its fields, in order, and hands the result to End. Nothing else may
// be called in between.
func (e *Exporter) Begin(id uint16) []byte {
	s := e.slot(id)
	if s == nil {
		e.begun = nil
		return e.buf
	}
	e.begun = s.template
	if id != e.setID || e.due > 0 || len(e.buf)+s.template.least > e.room {
		e.openSet(id, s.template)
	}
	return e.buf
}

// openSet makes the open Set one of the template with room for a record.
func (e *Exporter) openSet(id uint16, t *Template) {
	e.writeTemplates()
	if !e.fits(id, t.least) {
		e.send()
		e.writeTemplates()
	}
	if !e.fits(id, t.least) {
		// Templates alone filled the Message. What is still owed waits for the
		// next one, since a failing sink would be owed them for ever.
		e.send()
	}
	if id != e.setID {
		e.closeSet()
		e.startSet(id)
	}
}

// fits says whether the open Message has room for size octets in the Set.
func (e *Exporter) fits(id uint16, size int) bool {
	if id != e.setID {
		size += SetHeaderLength + e.padding()
	}
	return len(e.buf)+size <= e.room
}

// End takes the record begun last. It returns ErrTooLong, ErrMismatch or
// ErrNoTemplate, and leaves the record out, when that cannot be sent, and the
// sink's error when a full Message had to leave; that Message is counted as
// lost, the record is not.
func (e *Exporter) End(b []byte) error {
	start, t := len(e.buf), e.begun
	if t == nil {
		return e.refuse(ErrNoTemplate)
	}
	if t.fixed > 0 {
		if len(b) != start+t.fixed || &b[0] != &e.buf[0] {
			return e.refuse(ErrMismatch)
		}
		e.buf = b
	} else if err := e.endVariable(b, start, t); err != nil {
		return err
	}
	e.records++
	if e.failed != nil {
		return e.takeFailure()
	}
	return nil
}

func (e *Exporter) endVariable(b []byte, start int, t *Template) error {
	if len(b) <= start || t.walk(b[start:], nil) != len(b)-start {
		return e.refuse(ErrMismatch)
	}
	if len(b) <= e.room {
		e.buf = b
		return nil
	}
	record, id := b[start:], e.setID
	if HeaderLength+SetHeaderLength+len(record) > e.room {
		return e.refuse(ErrTooLong)
	}
	e.send()
	e.startSet(id)
	// The record lies further behind in the same array, or in another one.
	e.buf = append(e.buf, record...)
	return nil
}

func (e *Exporter) refuse(why error) error {
	e.stats.RefusedRecords++
	if err := e.takeFailure(); err != nil {
		return fmt.Errorf("end record: %w (and %w)", why, err)
	}
	return fmt.Errorf("end record: %w", why)
}

func (e *Exporter) takeFailure() error {
	err := e.failed
	e.failed = nil
	return err
}

// Flush sends the open Message, and templates that are still owed. The caller
// calls it when its batch timeout ends; on a UDP session without data these
// calls space the first copies of the templates.
func (e *Exporter) Flush() error {
	e.writeTemplates()
	e.send()
	return e.takeFailure()
}

// Pending is the number of Data Records in the open Message.
func (e *Exporter) Pending() int { return int(e.records) }

func (e *Exporter) startSet(id uint16) {
	e.setStart, e.setID = len(e.buf), id
	e.buf = binary.BigEndian.AppendUint16(e.buf, id)
	e.buf = append(e.buf, 0, 0)
}

// padding is what closing the open Set will add.
func (e *Exporter) padding() int {
	if !e.cfg.PadSets || e.setStart == 0 {
		return 0
	}
	pad := -(len(e.buf) - e.setStart) & 3
	// Padding must be shorter than any record of the Set (RFC 7011 section
	// 3.3.1), or it would be read as one.
	if s := e.slot(e.setID); s != nil && pad >= s.template.least {
		return 0
	}
	return pad
}

func (e *Exporter) closeSet() {
	if e.setStart == 0 {
		return
	}
	if len(e.buf) == e.setStart+SetHeaderLength {
		// It was opened for a record that was then refused.
		e.buf = e.buf[:e.setStart]
	} else {
		if pad := e.padding(); len(e.buf)+pad <= e.room {
			e.buf = append(e.buf, make([]byte, pad)...)
		}
		binary.BigEndian.PutUint16(e.buf[e.setStart+2:], uint16(len(e.buf)-e.setStart))
	}
	e.setStart, e.setID = 0, 0
}

// send closes the Message, numbers it and hands it to the sink. A Message that
// the sink refuses keeps its numbers, so that the collector sees the gap.
func (e *Exporter) send() {
	e.closeSet()
	if len(e.buf) == HeaderLength {
		return
	}
	putHeader(e.buf, Header{
		Length: uint16(len(e.buf)), ExportTime: uint32(e.cfg.Now().Unix()),
		Sequence: e.sequence, Domain: e.cfg.Domain,
	})
	m := Message{Octets: e.buf, Records: e.records, Templates: e.carried}
	err := e.sink(m)
	if err != nil {
		e.stats.LostMessages++
		e.stats.LostRecords += uint64(e.records)
		e.failed = fmt.Errorf("send message of %d records: %w", e.records, err)
	} else {
		e.stats.Messages++
		e.stats.Octets += uint64(len(e.buf))
		e.stats.DataRecords += uint64(e.records)
		e.stats.TemplateRecords += uint64(e.carried)
	}
	if e.carried > 0 {
		e.settle(err != nil)
	}
	e.sequence += e.records
	e.records = 0
	e.buf = e.buf[:HeaderLength]
	if e.serial++; e.owed > 0 || e.carried > 0 {
		e.carried = 0
		e.count()
	}
}
