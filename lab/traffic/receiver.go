//go:build linux

package traffic

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
)

const (
	// The receiver lets packets gather for a moment: a wake-up per packet
	// would cost more than the packet.
	gather = 2 * time.Millisecond
	// receiveBuffer bridges more than a second of 20,000 packets/s, for a
	// machine that is busy with something else.
	receiveBuffer = 64 << 20
	receivePoll   = 50 * time.Millisecond
	maxDatagram   = 2048
)

// Received is what a receiver knows of one flow.
type Received struct {
	// Packets that arrived, without the duplicates.
	Packets uint64
	// Octets counts UDP payloads of these packets.
	Octets uint64
	// Duplicates of packets that had arrived already.
	Duplicates uint64
	// Reordered packets came behind one with a higher sequence number.
	Reordered uint64
	// Stale packets are so late that duplicates of them are not recognised.
	Stale uint64
	// Marked packets came with another DSCP than they were sent with.
	Marked uint64
	// HopLimits are the lowest and the highest hop limit.
	MinHopLimit, MaxHopLimit uint8
	// Delays from sending to arrival, when the receiver takes time stamps.
	MinDelay, MaxDelay, SumDelay time.Duration
}

// Receiver takes the packets of one sender out of ordinary UDP sockets: what
// it counts has passed the host's whole stack, checksums included.
type Receiver struct {
	run     uint64
	expect  []Flow
	sockets []socket
	stop    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	flows   []incoming
	total   uint64
	dscp    DSCPCounts
	foreign uint64
	err     error
}

type incoming struct {
	window window
	got    Received
}

type socket struct {
	fd int
	v4 bool
}

// ReceiverOptions change what a receiver records.
type ReceiverOptions struct {
	// Delays takes the kernel's time stamps. While such a socket is open the
	// kernel stamps every packet of the machine.
	Delays bool
}

// NewReceiver opens a socket for each destination of the flows and starts to
// receive what the sender with this run sends.
func NewReceiver(ns *namespace.NS, flows []Flow, run uint64, opts ReceiverOptions) (*Receiver, error) {
	r := &Receiver{
		run: run, expect: flows, flows: make([]incoming, len(flows)),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	var destinations []netip.AddrPort
	for _, f := range flows {
		destinations = append(destinations, f.Destination)
	}
	slices.SortFunc(destinations, netip.AddrPort.Compare)
	for _, d := range slices.Compact(destinations) {
		err := ns.Do(func() error { return r.open(d, opts) })
		if err != nil {
			r.closeSockets()
			return nil, fmt.Errorf("open socket %s: %w", d, err)
		}
	}
	go r.receive()
	return r, nil
}

func (r *Receiver) open(d netip.AddrPort, opts ReceiverOptions) error {
	v4 := d.Addr().Is4()
	family, level, wanted := unix.AF_INET6, unix.IPPROTO_IPV6, []int{unix.IPV6_RECVTCLASS, unix.IPV6_RECVHOPLIMIT, unix.IPV6_V6ONLY}
	var address unix.Sockaddr = &unix.SockaddrInet6{Port: int(d.Port()), Addr: d.Addr().As16()}
	if v4 {
		family, level, wanted = unix.AF_INET, unix.IPPROTO_IP, []int{unix.IP_RECVTOS, unix.IP_RECVTTL}
		address = &unix.SockaddrInet4{Port: int(d.Port()), Addr: d.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	r.sockets = append(r.sockets, socket{fd, v4})
	for _, o := range wanted {
		if err := unix.SetsockoptInt(fd, level, o, 1); err != nil {
			return fmt.Errorf("socket option %d: %w", o, err)
		}
	}
	if opts.Delays {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			return fmt.Errorf("take time stamps: %w", err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		return fmt.Errorf("size receive buffer: %w", err)
	}
	return unix.Bind(fd, address)
}

// Close stops receiving.
func (r *Receiver) Close() error {
	close(r.stop)
	<-r.done
	r.closeSockets()
	return r.err
}

func (r *Receiver) closeSockets() {
	for _, s := range r.sockets {
		unix.Close(s.fd)
	}
}

func (r *Receiver) receive() {
	defer close(r.done)
	var polls []unix.PollFd
	for _, s := range r.sockets {
		polls = append(polls, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
	}
	buf, oob := make([]byte, maxDatagram), make([]byte, 256)
	for {
		select {
		case <-r.stop:
			return
		case <-time.After(gather):
		}
		if _, err := unix.Poll(polls, int(receivePoll.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
			r.err = fmt.Errorf("wait for packets: %w", err)
			return
		}
		for i, p := range polls {
			if p.Revents == 0 {
				continue
			}
			if err := r.drain(r.sockets[i], buf, oob); err != nil {
				r.err = fmt.Errorf("receive packet: %w", err)
				return
			}
		}
	}
}

// drain empties a socket.
func (r *Receiver) drain(s socket, buf, oob []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		n, oobn, _, _, err := unix.Recvmsg(s.fd, buf, oob, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		m, err := readControl(oob[:oobn])
		if err != nil {
			return err
		}
		r.take(buf[:n], m)
	}
}

func (r *Receiver) take(payload []byte, c control) {
	r.dscp[c.class>>2]++
	stamp, ok := ReadStamp(payload)
	if !ok || stamp.Run != r.run || int(stamp.Flow) >= len(r.flows) {
		r.foreign++
		return
	}
	r.total++
	f := &r.flows[stamp.Flow]
	if c.class>>2 != r.expect[stamp.Flow].DSCP {
		f.got.Marked++
	}
	if first := f.got.Packets+f.got.Stale == 0; first || c.hopLimit < f.got.MinHopLimit {
		f.got.MinHopLimit = c.hopLimit
	}
	f.got.MaxHopLimit = max(f.got.MaxHopLimit, c.hopLimit)
	switch f.window.arrive(stamp.Sequence) {
	case duplicate:
		f.got.Duplicates++
		return
	case stale:
		f.got.Stale++
		return
	case reordered:
		f.got.Reordered++
	}
	if c.arrived != 0 {
		d := time.Duration(c.arrived - stamp.Sent)
		if f.got.Packets == 0 || d < f.got.MinDelay {
			f.got.MinDelay = d
		}
		f.got.MaxDelay = max(f.got.MaxDelay, d)
		f.got.SumDelay += d
	}
	f.got.Packets++
	f.got.Octets += uint64(len(payload))
}

// Received is what arrived so far, by flow number.
func (r *Receiver) Received() []Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	flows := make([]Received, len(r.flows))
	for i := range r.flows {
		flows[i] = r.flows[i].got
	}
	return flows
}

// Total counts the packets of the run that arrived, duplicates included.
func (r *Receiver) Total() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// DSCP counts the packets that arrived by their DSCP.
func (r *Receiver) DSCP() DSCPCounts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dscp
}

// Foreign counts the packets to our sockets that are not of the run.
func (r *Receiver) Foreign() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.foreign
}

// Overrun counts the packets that reached a socket whose buffer was full:
// the network delivered them, the receiver did not take them.
func (r *Receiver) Overrun() (uint64, error) {
	var sum uint64
	for _, s := range r.sockets {
		n, err := socketDrops(s.fd)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
