package ipfix

import "encoding/binary"

// Message is a complete Message on its way out.
type Message struct {
	// Octets are valid until the sink returns.
	Octets []byte
	// Records is the number of Data Records inside, options data included.
	Records uint32
	// Templates is the number of template records inside. Who drops a Message
	// that has some must Refresh the Exporter.
	Templates int
}

// SetSequence renumbers the Message. An Exporting Process that queues Messages
// and drops old ones numbers them when they leave, because the Sequence Number
// counts what was sent (RFC 7011 section 3.1).
func (m Message) SetSequence(n uint32) { binary.BigEndian.PutUint32(m.Octets[8:], n) }

// Sink takes Messages from an Exporter: to a socket, a queue, a file. When it
// returns an error, the Message is counted as lost.
type Sink func(Message) error
