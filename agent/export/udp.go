package export

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// writeTimeout bounds how long a full socket buffer can hold up a session.
const writeTimeout = time.Second

// Conn is an open transport connection to a Collecting Process.
type Conn interface {
	// Send hands over one Message whole, or fails.
	Send(message []byte) error
	// Reusable tells whether the connection can go on after an error.
	Reusable(err error) bool
	Close() error
}

// udp is a connected UDP socket. Being connected, it hears of ICMP errors.
type udp struct {
	conn *net.UDPConn
	raw  syscall.RawConn
}

// DialUDP opens a connection to a collector over UDP. It sends nothing.
func DialUDP(ctx context.Context, c *Collector) (Conn, error) {
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return setDSCP(raw, c.Address.Addr(), c.DSCP)
	}}
	if c.Source.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.Source, 0))
	}
	conn, err := d.DialContext(ctx, "udp", c.Address.String())
	if err != nil {
		return nil, fmt.Errorf("open UDP socket to collector %s: %w", c.Name, err)
	}
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open UDP socket to collector %s: %w", c.Name, err), conn.Close())
	}
	return &udp{conn.(*net.UDPConn), raw}, nil
}

// setDSCP marks telemetry's own packets.
func setDSCP(raw syscall.RawConn, to netip.Addr, dscp uint8) error {
	level, option := unix.IPPROTO_IP, unix.IP_TOS
	if to.Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = os.NewSyscallError("set DSCP", unix.SetsockoptInt(int(fd), level, option, int(dscp)<<2))
	})
	return errors.Join(err, failed)
}

// Send sends a datagram. A port that nobody listens on answers with an ICMP
// message, on one host before Send returns: then the Message counts as lost
// rather than sent.
func (u *udp) Send(message []byte) error {
	if err := u.pending(); err != nil {
		return err
	}
	if err := u.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	if _, err := u.conn.Write(message); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return u.pending()
}

// pending takes the error that the kernel holds for the socket.
func (u *udp) pending() error {
	var code int
	var failed error
	err := u.raw.Control(func(fd uintptr) {
		code, failed = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	})
	switch {
	case err != nil || failed != nil:
		return fmt.Errorf("read socket error: %w", errors.Join(err, failed))
	case code != 0:
		return fmt.Errorf("send message: %w", syscall.Errno(code))
	}
	return nil
}

// Reusable: a refusal says nothing against the socket, and going on with it
// keeps the Transport Session.
func (u *udp) Reusable(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

func (u *udp) Close() error { return u.conn.Close() }
