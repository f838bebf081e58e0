package ipfix

import (
	"errors"
	"fmt"
)

// ErrMalformed is what every *MalformedError is.
var ErrMalformed = errors.New("malformed IPFIX message")

// ErrTooLong says that a record does not fit into a Message of the length that
// the path allows. The record is not sent.
var ErrTooLong = errors.New("record is longer than a message may be")

// ErrMismatch says that a record does not have the form of its template. The
// record is not sent.
var ErrMismatch = errors.New("record does not match its template")

// ErrNoTemplate says that an Exporter holds no template under that ID.
var ErrNoTemplate = errors.New("template is not held")

// ErrLimit says that a peer asks for more than Limits grant it.
var ErrLimit = errors.New("limit of the session is reached")

// MalformedError tells where and why a Message breaks RFC 7011. The whole
// Message is discarded (section 9.1).
type MalformedError struct {
	// Offset in octets from the start of the Message.
	Offset int
	Reason string
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("%v: octet %d: %s", ErrMalformed, e.Offset, e.Reason)
}

// Is makes errors.Is(err, ErrMalformed) true.
func (e *MalformedError) Is(target error) bool { return target == ErrMalformed }

func malformed(offset int, reason string) error {
	return &MalformedError{Offset: offset, Reason: reason}
}
