package export

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/udp"
)

// Conn is an open transport connection to a Collecting Process.
type Conn interface {
	// MaxLength in octets of a Message that the path takes.
	MaxLength() (int, error)
	// Fits tells whether a Message of n octets can wait with those that wait.
	Fits(n int) bool
	// Write takes a Message that fits. An error concerns all that wait, this
	// one included.
	Write(m ipfix.Message) error
	// Flush sends what waits. After an error none of it counts as sent.
	Flush() error
	// Reusable tells whether the connection can go on after an error.
	Reusable(err error) bool
	Close() error
}

// udpConn is a Transport Session over UDP.
type udpConn struct{ *udp.Sender }

// DialUDP opens a connection to a collector over UDP. It sends nothing.
func DialUDP(ctx context.Context, c *Collector) (Conn, error) {
	config := udp.SenderConfig{Remote: c.Address, DSCP: c.DSCP}
	if c.Source.IsValid() {
		config.Source = netip.AddrPortFrom(c.Source, 0)
	}
	sender, err := udp.Dial(ctx, config)
	if err != nil {
		return nil, err
	}
	return udpConn{sender}, nil
}

// Flush sends what waits. A port that nobody listens on answers with an ICMP
// message, on one host before Flush returns: then the Messages count as lost
// rather than sent.
func (u udpConn) Flush() error {
	refused := u.Stats().Refused
	if err := u.Sender.Flush(); err != nil {
		return err
	}
	if err := u.Check(); err != nil {
		return err
	}
	if u.Stats().Refused != refused {
		return fmt.Errorf("earlier messages were refused: %w", unix.ECONNREFUSED)
	}
	return nil
}

// Reusable: a refusal says nothing against the socket, and going on with it
// keeps the Transport Session.
func (u udpConn) Reusable(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }
