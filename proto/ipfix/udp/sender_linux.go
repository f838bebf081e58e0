package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/proto/ipfix"
)

// LE is the Differentiated Services code point for lower effort (RFC 8622):
// telemetry yields to what it observes.
const LE = 1

// SenderConfig says where Messages go, and how.
type SenderConfig struct {
	Remote netip.AddrPort
	// Source address and port; the zero value lets the kernel choose.
	Source netip.AddrPort
	// DSCP of the datagrams, LE unless an operator chose otherwise.
	DSCP uint8
	// Device binds to an interface, such as that of a VRF; empty for none.
	Device string
}

// SenderStats counts what a Sender did.
type SenderStats struct {
	Messages uint64
	Octets   uint64
	// Batches are the calls into the kernel.
	Batches uint64
	// Refused are the notes that nobody listens, which came back for datagrams
	// sent before.
	Refused uint64
	// Lost messages were not taken by the kernel.
	Lost uint64
}

// Sender sends Messages to one collector. It is not safe for concurrent use.
type Sender struct {
	conn *net.UDPConn
	// batch holds Messages of segment octets each, the last may be shorter.
	batch    []byte
	segment  int
	messages int
	// whole is false once the kernel has shown that it cannot cut a batch.
	whole   bool
	control []byte
	stats   SenderStats
}

const (
	// maxBatch is what a UDP datagram over IPv6 or IPv4 can hold.
	maxBatch = 65535 - 48
	// maxSegments is the kernel's limit, UDP_MAX_SEGMENTS.
	maxSegments = 64
)

// Dial makes a Sender. No packet is sent, and none need be answered: over UDP
// an absent collector shows at best as SenderStats.Refused.
func Dial(ctx context.Context, cfg SenderConfig) (*Sender, error) {
	if !cfg.Remote.IsValid() || cfg.Remote.Port() == 0 {
		return nil, fmt.Errorf("dial collector: %s is no address with a port", cfg.Remote)
	}
	if cfg.DSCP > 63 {
		return nil, fmt.Errorf("dial collector %s: DSCP %d is not in 0..63", cfg.Remote, cfg.DSCP)
	}
	d := net.Dialer{Control: control(func(fd int) error { return cfg.set(fd) })}
	if cfg.Source.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(cfg.Source)
	}
	conn, err := d.DialContext(ctx, network(cfg.Remote.Addr()), cfg.Remote.String())
	if err != nil {
		return nil, fmt.Errorf("dial collector %s: %w", cfg.Remote, err)
	}
	return &Sender{
		conn: conn.(*net.UDPConn), batch: make([]byte, 0, maxBatch), whole: true,
		control: make([]byte, unix.CmsgSpace(2)),
	}, nil
}

// set makes the socket options. Messages are never fragmented: a fragment lost
// loses all of the Message, and firewalls drop fragments.
func (cfg *SenderConfig) set(fd int) error {
	level, tos, discover, do := unix.IPPROTO_IPV6, unix.IPV6_TCLASS, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO
	if cfg.Remote.Addr().Is4() {
		level, tos, discover, do = unix.IPPROTO_IP, unix.IP_TOS, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO
	}
	if err := unix.SetsockoptInt(fd, level, tos, int(cfg.DSCP)<<2); err != nil {
		return fmt.Errorf("set DSCP %d: %w", cfg.DSCP, err)
	}
	if err := unix.SetsockoptInt(fd, level, discover, do); err != nil {
		return fmt.Errorf("forbid fragments: %w", err)
	}
	return bindToDevice(fd, cfg.Device)
}

// LocalAddr is the source of the datagrams.
func (s *Sender) LocalAddr() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Stats returns the counters.
func (s *Sender) Stats() SenderStats { return s.stats }

// MaxLength is the length in octets of the longest Message that fits the path
// MTU as far as it is known.
func (s *Sender) MaxLength() (int, error) {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("read path MTU: %w", err)
	}
	level, option, headers := unix.IPPROTO_IPV6, unix.IPV6_MTU, 48
	if s.conn.RemoteAddr().(*net.UDPAddr).AddrPort().Addr().Is4() {
		level, option, headers = unix.IPPROTO_IP, unix.IP_MTU, 28
	}
	var mtu int
	var failed error
	if err := raw.Control(func(fd uintptr) { mtu, failed = unix.GetsockoptInt(int(fd), level, option) }); err != nil {
		return 0, fmt.Errorf("read path MTU: %w", err)
	}
	if failed != nil {
		return 0, fmt.Errorf("read path MTU: %w", failed)
	}
	return min(mtu-headers, maxBatch), nil
}

// Write is the sink of an Exporter. Messages wait for others of the same
// length, until Flush. An error is about the batch that had to leave to make
// room; this Message waits.
func (s *Sender) Write(m ipfix.Message) error {
	n := len(m.Octets)
	var err error
	if !s.Fits(n) {
		err = s.Flush()
	}
	if s.messages == 0 {
		s.segment = n
	}
	s.batch = append(s.batch, m.Octets...)
	s.messages++
	if n < s.segment {
		// A shorter one can only be the last.
		err = errors.Join(err, s.Flush())
	}
	return err
}

// Fits tells whether a Message of n octets can wait with those that wait
// already, so that Write does not send them first.
func (s *Sender) Fits(n int) bool {
	return s.messages == 0 || n <= s.segment && s.messages < maxSegments && len(s.batch)+n <= maxBatch
}

// Check takes what the kernel has heard since the last datagram, an error that
// matches ECONNREFUSED when nobody listens. On one host it has heard that when
// Flush returns.
func (s *Sender) Check() error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("read error of session: %w", err)
	}
	var code int
	var failed error
	err = raw.Control(func(fd uintptr) { code, failed = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR) })
	if err := errors.Join(err, failed); err != nil {
		return fmt.Errorf("read error of session: %w", err)
	}
	if code == 0 {
		return nil
	}
	if unix.Errno(code) == unix.ECONNREFUSED {
		s.stats.Refused++
	}
	return fmt.Errorf("session with %s: %w", s.conn.RemoteAddr(), unix.Errno(code))
}

// Flush sends what waits. Messages that the kernel does not take are dropped
// and counted.
func (s *Sender) Flush() error {
	if s.messages == 0 {
		return nil
	}
	sent, err := s.sendBatch()
	s.stats.Messages += uint64(sent)
	s.stats.Lost += uint64(s.messages - sent)
	s.batch, s.messages = s.batch[:0], 0
	if err != nil {
		return fmt.Errorf("send to %s: %w", s.conn.RemoteAddr(), err)
	}
	return nil
}

// sendBatch lets the kernel cut the batch where it can.
func (s *Sender) sendBatch() (sent int, err error) {
	if !s.whole || s.messages == 1 {
		return s.sendEach()
	}
	err = s.send(s.batch, s.segmented())
	if err == nil {
		return s.messages, nil
	}
	if !isUnsupported(err) {
		return 0, err
	}
	// The same errors mean a segment beyond the path MTU, which each Message
	// by itself tells.
	sent, err = s.sendEach()
	s.whole = err != nil
	return sent, err
}

// sendEach sends each Message by itself.
func (s *Sender) sendEach() (sent int, failed error) {
	for rest := s.batch; len(rest) > 0; {
		n := min(s.segment, len(rest))
		if err := s.send(rest[:n], nil); err != nil {
			failed = err
		} else {
			sent++
		}
		rest = rest[n:]
	}
	return sent, failed
}

// send hands octets to the kernel. ECONNREFUSED tells about a datagram sent
// before and means that this one was not, so it is sent again.
func (s *Sender) send(b, control []byte) error {
	for range 2 {
		s.stats.Batches++
		_, _, err := s.conn.WriteMsgUDPAddrPort(b, control, netip.AddrPort{})
		if err == nil {
			s.stats.Octets += uint64(len(b))
			return nil
		}
		if !errors.Is(err, unix.ECONNREFUSED) {
			return err
		}
		s.stats.Refused++
	}
	return unix.ECONNREFUSED
}

// segmented is the control message that has the kernel cut the batch.
func (s *Sender) segmented() []byte {
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(s.control)))
	h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&s.control[unix.CmsgLen(0)])) = uint16(s.segment)
	return s.control
}

// isUnsupported recognises what a kernel or a device says that cannot cut
// batches.
func isUnsupported(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.EINVAL) ||
		errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EOPNOTSUPP)
}

// Close gives the socket back. What waits is not sent.
func (s *Sender) Close() error {
	s.stats.Lost += uint64(s.messages)
	s.messages = 0
	if err := s.conn.Close(); err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	return nil
}
