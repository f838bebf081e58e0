package udp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/proto/ipfix"
)

// ReceiverConfig says where Messages are expected.
type ReceiverConfig struct {
	// Address to listen on. The unspecified IPv6 address serves IPv6 only.
	Address netip.AddrPort
	// Buffer asks the kernel for a receive queue of that many octets; 0 leaves
	// it at the system's default. It may grant less.
	Buffer int
	// Device binds to an interface; empty for none.
	Device string
}

// ReceiverStats counts what a Receiver did.
type ReceiverStats struct {
	Datagrams uint64
	Octets    uint64
	// Reads are the calls into the kernel; one may bring many datagrams.
	Reads uint64
	// Dropped is what found the kernel's receive queue full. Datagrams that the
	// kernel had joined count as one; gaps in the Sequence Numbers tell the rest.
	Dropped uint64
}

// Receiver takes Messages from any exporter.
type Receiver struct {
	conn  *net.UDPConn
	local netip.AddrPort

	datagrams, octets, reads, dropped atomic.Uint64
}

// Listen makes a Receiver.
func Listen(ctx context.Context, cfg ReceiverConfig) (*Receiver, error) {
	if !cfg.Address.IsValid() {
		return nil, fmt.Errorf("listen for messages: no address")
	}
	lc := net.ListenConfig{Control: control(func(fd int) error { return cfg.set(fd) })}
	conn, err := lc.ListenPacket(ctx, network(cfg.Address.Addr()), cfg.Address.String())
	if err != nil {
		return nil, fmt.Errorf("listen for messages on %s: %w", cfg.Address, err)
	}
	c := conn.(*net.UDPConn)
	return &Receiver{conn: c, local: c.LocalAddr().(*net.UDPAddr).AddrPort()}, nil
}

func (cfg *ReceiverConfig) set(fd int) error {
	if cfg.Buffer > 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, cfg.Buffer); err != nil {
			return fmt.Errorf("set receive buffer of %d octets: %w", cfg.Buffer, err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1); err != nil {
		return fmt.Errorf("ask for the count of drops: %w", err)
	}
	// Kernels before 5.0 cannot join datagrams; each read then brings one.
	_ = unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1)
	return bindToDevice(fd, cfg.Device)
}

// LocalAddr is where the Receiver listens.
func (r *Receiver) LocalAddr() netip.AddrPort { return r.local }

// Stats returns the counters; any goroutine may call it.
func (r *Receiver) Stats() ReceiverStats {
	return ReceiverStats{
		Datagrams: r.datagrams.Load(), Octets: r.octets.Load(),
		Reads: r.reads.Load(), Dropped: r.dropped.Load(),
	}
}

// Run hands each datagram to handle, with the time at which it was read, until
// ctx ends or the Receiver is closed; both give nil. The octets are valid until
// handle returns.
func (r *Receiver) Run(ctx context.Context, handle func(time.Time, ipfix.PeerKey, []byte)) error {
	stop := context.AfterFunc(ctx, func() { _ = r.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, ipfix.MaxMessageLength)
	control := make([]byte, 128)
	for {
		n, oobn, _, from, err := r.conn.ReadMsgUDPAddrPort(buf, control)
		switch {
		case ctx.Err() != nil, errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return fmt.Errorf("read message on %s: %w", r.local, err)
		}
		r.reads.Add(1)
		r.octets.Add(uint64(n))
		segment := r.readControl(control[:oobn])
		if segment == 0 {
			segment = n
		}
		now := time.Now()
		key := ipfix.PeerKey{Exporter: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), Collector: r.local}
		for at := 0; at < n || at == 0; at += segment {
			r.datagrams.Add(1)
			handle(now, key, buf[at:min(at+segment, n)])
			if segment == 0 {
				break
			}
		}
	}
}

// readControl notes the kernel's count of drops and returns the length of the
// datagrams that it has joined, 0 for none.
func (r *Receiver) readControl(b []byte) (segment int) {
	for len(b) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(b)
		if err != nil {
			return segment
		}
		switch {
		case len(data) < 4:
		case header.Level == unix.SOL_SOCKET && header.Type == unix.SO_RXQ_OVFL:
			// The kernel counts in 32 bits from the socket's beginning.
			total := r.dropped.Load()
			r.dropped.Add(uint64(binary.NativeEndian.Uint32(data) - uint32(total)))
		case header.Level == unix.SOL_UDP && header.Type == unix.UDP_GRO:
			segment = int(binary.NativeEndian.Uint32(data))
		}
		b = rest
	}
	return segment
}

// Close ends Run.
func (r *Receiver) Close() error {
	if err := r.conn.Close(); err != nil {
		return fmt.Errorf("close receiver on %s: %w", r.local, err)
	}
	return nil
}
