//go:build linux

package traffic

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
)

// snapLength covers Ethernet, IPv6, and the extension headers that a domain
// could have left on a packet.
const snapLength = 512

// Capture looks at every packet that an interface receives, whatever its
// protocol: marks, extension headers and options that should not be there.
type Capture struct {
	fd      int
	name    string
	observe func(ip []byte)
	stop    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	seen    Seen
	dropped uint64
	err     error
	closed  bool
}

// NewCapture starts to look at an interface. observe, when not nil, is given
// the first octets of every IP packet, valid during the call.
func NewCapture(ns *namespace.NS, name string, observe func(ip []byte)) (*Capture, error) {
	c := &Capture{
		name: name, observe: observe, stop: make(chan struct{}), done: make(chan struct{}),
		seen: Seen{ExtensionHeaders: map[uint8]uint64{}},
	}
	h, err := ns.Netlink()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	link, err := h.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", name, err)
	}
	if err := ns.Do(func() error { return c.open(link) }); err != nil {
		return nil, fmt.Errorf("capture on %s: %w", name, err)
	}
	go c.run()
	return c, nil
}

func (c *Capture) open(link netlink.Link) error {
	// Protocol 0 until the filter is in place: nothing comes unfiltered.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open packet socket: %w", err)
	}
	c.fd = fd
	err = c.configure(link)
	if err != nil {
		unix.Close(fd)
	}
	return err
}

func (c *Capture) configure(link netlink.Link) error {
	if err := cut(c.fd, snapLength); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fmt.Errorf("ignore outgoing packets: %w", err)
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		return fmt.Errorf("size receive buffer: %w", err)
	}
	all := uint16(unix.ETH_P_ALL)
	address := &unix.SockaddrLinklayer{Protocol: all<<8 | all>>8, Ifindex: link.Attrs().Index}
	if err := unix.Bind(c.fd, address); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

// cut lets the kernel copy the first octets of each packet only.
func cut(fd int, octets uint32) error {
	program, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: octets}})
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	filter := make([]unix.SockFilter, len(program))
	for i, p := range program {
		filter[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	if err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

func (c *Capture) run() {
	defer close(c.done)
	polls := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
	buf := make([]byte, snapLength)
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(gather):
		}
		_, err := unix.Poll(polls, int(receivePoll.Milliseconds()))
		if err == nil || errors.Is(err, unix.EINTR) {
			c.mu.Lock()
			err = c.drain(buf)
			c.mu.Unlock()
		}
		if err != nil {
			c.mu.Lock()
			c.err = errors.Join(c.err, fmt.Errorf("capture on %s: %w", c.name, err))
			c.mu.Unlock()
			return
		}
	}
}

// drain takes what has arrived; the caller holds mu.
func (c *Capture) drain(buf []byte) error {
	for {
		// The length before the cut, to tell short packets from cut ones.
		n, _, err := unix.Recvfrom(c.fd, buf, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return c.count()
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			return err
		}
		frame := buf[:min(n, len(buf))]
		c.seen.add(frame)
		if c.observe != nil && len(frame) > etherHeader {
			c.observe(frame[etherHeader:])
		}
	}
}

// count adds the packets that the socket's full buffer refused; the kernel
// resets its counter on reading.
func (c *Capture) count() error {
	st, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return fmt.Errorf("read statistics: %w", err)
	}
	c.dropped += uint64(st.Drops)
	return nil
}

// Seen is what passed so far, packets included that nobody has looked at yet.
// Missed counts the packets that the capture was too slow for: with any, it
// proves nothing about absence.
func (c *Capture) Seen() (seen Seen, missed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		if err := c.drain(make([]byte, snapLength)); err != nil {
			c.err = errors.Join(c.err, fmt.Errorf("capture on %s: %w", c.name, err))
		}
	}
	return c.seen.clone(), c.dropped
}

// Close ends the capture.
func (c *Capture) Close() error {
	close(c.stop)
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	unix.Close(c.fd)
	return c.err
}
