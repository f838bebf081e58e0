//go:build linux

package traffic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
)

const (
	// tick is the pace of sending: packets leave in bursts of what is due.
	tick = 2 * time.Millisecond
	// A sender that was held up does not catch up on more than this.
	maxBacklog = 20 * time.Millisecond
)

// Sent is what a sender knows of one flow.
type Sent struct {
	Packets uint64
	// Octets counts IP packets with their headers.
	Octets uint64
	// First and Last packet, in nanoseconds since 1970; 0 when none.
	First, Last int64
}

// Sender sends a profile's packets from a namespace, each built by hand, so
// that what it counts is exactly what is on the link.
type Sender struct {
	profile Profile
	run     uint64
	fd      int
	// Observe, when set before Run, is given every IP packet that was sent;
	// the octets are valid during the call.
	Observe func(flow uint32, ip []byte)

	mu      sync.Mutex
	flows   []outgoing
	refused uint64
}

type outgoing struct {
	frame *frame
	to    *unix.SockaddrLinklayer
	sent  Sent
}

// NewSender prepares everything that can fail before the first packet: the
// socket, routes and next hops of all destinations.
func NewSender(ctx context.Context, ns *namespace.NS, p Profile) (*Sender, error) {
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	s := &Sender{profile: p, run: rand.Uint64(), fd: -1}
	ways := map[netip.Addr]way{}
	for i, f := range p.Flows() {
		w, ok := ways[f.Destination.Addr()]
		if !ok {
			var err error
			if w, err = resolve(ctx, ns, f.Destination.Addr()); err != nil {
				return nil, err
			}
			ways[f.Destination.Addr()] = w
		}
		fr := newFrame(f, uint32(i), s.run, w.src, w.dst)
		s.flows = append(s.flows, outgoing{frame: fr, to: linkAddress(w, fr.v4)})
	}
	err := ns.Do(func() (err error) {
		// Protocol 0: the socket receives nothing.
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	return s, nil
}

func linkAddress(w way, v4 bool) *unix.SockaddrLinklayer {
	protocol := uint16(etherTypeIPv6)
	if v4 {
		protocol = etherTypeIPv4
	}
	a := &unix.SockaddrLinklayer{Ifindex: w.index, Protocol: protocol<<8 | protocol>>8, Halen: 6}
	copy(a.Addr[:], w.dst)
	return a
}

// RunID is the number in the stamps of this sender's packets.
func (s *Sender) RunID() uint64 { return s.run }

// Close releases the socket.
func (s *Sender) Close() error {
	if err := unix.Close(s.fd); err != nil {
		return fmt.Errorf("close packet socket: %w", err)
	}
	return nil
}

// Run sends until every group has sent its packets, or the context is done;
// both are no errors. It is called once.
func (s *Sender) Run(ctx context.Context) error {
	groups := schedule(s.profile)
	last := time.Now()
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for {
		now := time.Now()
		if err := s.burst(groups, min(now.Sub(last), maxBacklog)); err != nil {
			return err
		}
		last = now
		if finished(groups) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
	}
}

// burst sends what became due, the groups in turns.
func (s *Sender) burst(groups []*pacer, elapsed time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range groups {
		p.due += p.group.Rate * elapsed.Seconds()
	}
	for busy := true; busy; {
		busy = false
		for _, p := range groups {
			if p.due < 1 || p.finished() {
				continue
			}
			busy = true
			if err := s.send(p.next()); err != nil {
				return err
			}
		}
	}
	return nil
}

// send sends one packet of a flow. A packet that the link does not take is
// counted and was never sent: the flow's next one has its sequence number.
func (s *Sender) send(flow uint32) error {
	f := &s.flows[flow]
	now := time.Now().UnixNano()
	frame := f.frame.next(f.sent.Packets, now)
	err := unix.Sendto(s.fd, frame, 0, f.to)
	switch {
	case err == nil:
	case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		s.refused++
		return nil
	default:
		return fmt.Errorf("send packet of flow %d: %w", flow, err)
	}
	ip := frame[f.frame.ip:]
	if f.sent.Packets == 0 {
		f.sent.First = now
	}
	f.sent.Last = now
	f.sent.Packets++
	f.sent.Octets += uint64(len(ip))
	if s.Observe != nil {
		s.Observe(flow, ip)
	}
	return nil
}

// Sent is the truth about what was sent so far, by flow number. Refused
// counts the packets that the first link did not take.
func (s *Sender) Sent() (flows []Sent, refused uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	flows = make([]Sent, len(s.flows))
	for i := range s.flows {
		flows[i] = s.flows[i].sent
	}
	return flows, s.refused
}
