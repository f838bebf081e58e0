//go:build linux

package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
)

// StreamOptions describe a TCP connection to drive.
type StreamOptions struct {
	// Destination address and port that the stream listens at.
	Destination netip.AddrPort
	// Octets to send; without end when 0.
	Octets uint64
	// Rate in octets per second that the sender keeps to; as fast as it goes
	// when 0.
	Rate uint64
}

// StreamTruth is what is true of a TCP connection.
type StreamTruth struct {
	Source      netip.AddrPort `json:"source"`
	Destination netip.AddrPort `json:"destination"`
	// Octets that the sending application wrote, and that the receiving one
	// read.
	SentOctets     uint64 `json:"sent-octets"`
	ReceivedOctets uint64 `json:"received-octets"`
	// Segments that the sender's stack sent, retransmitted ones included,
	// and those that carried data.
	Segments      uint64 `json:"segments"`
	DataSegments  uint64 `json:"data-segments"`
	Retransmitted uint64 `json:"retransmitted"`
	// Seconds from the connection's start to the last octet, or until now.
	Seconds float64 `json:"seconds"`
}

// Stream is a TCP connection between two namespaces with ordinary sockets.
type Stream struct {
	conn     *net.TCPConn
	listener net.Listener
	accepted atomic.Pointer[net.TCPConn]
	opts     StreamOptions
	started  time.Time
	sent     atomic.Uint64
	received atomic.Uint64
	duration atomic.Int64
	stop     context.CancelFunc
	done     chan struct{}
	err      error
}

const streamChunk = 64 << 10

// NewStream connects and starts to send, until all octets are sent, the
// context is done, or Stop.
func NewStream(ctx context.Context, from, to *namespace.NS, opts StreamOptions) (*Stream, error) {
	s := &Stream{opts: opts, done: make(chan struct{})}
	// Multipath TCP would change what is on the wire.
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	err := to.Do(func() (err error) {
		s.listener, err = lc.Listen(ctx, "tcp", opts.Destination.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", opts.Destination, err)
	}
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { return pace(c, opts.Rate) }}
	dialer.SetMultipathTCP(false)
	err = from.Do(func() error {
		// An address, not a name: the dialer stays on this thread.
		c, err := dialer.DialContext(ctx, "tcp", opts.Destination.String())
		if err == nil {
			s.conn = c.(*net.TCPConn)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", opts.Destination, err), s.listener.Close())
	}
	s.started = time.Now()
	ctx, s.stop = context.WithCancel(ctx)
	go s.run(ctx)
	return s, nil
}

func pace(c syscall.RawConn, rate uint64) error {
	if rate == 0 {
		return nil
	}
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, rate)
	}); cerr != nil {
		return cerr
	}
	if err != nil {
		return fmt.Errorf("set pacing rate: %w", err)
	}
	return nil
}

func (s *Stream) run(ctx context.Context) {
	defer close(s.done)
	received := make(chan error, 1)
	go func() { received <- s.receive() }()
	err := s.send(ctx)
	// The end of the stream tells the receiver that this was all.
	err = errors.Join(err, s.conn.CloseWrite())
	s.err = errors.Join(err, <-received)
	s.duration.Store(int64(time.Since(s.started)))
}

func (s *Stream) send(ctx context.Context) error {
	// A deadline in the past ends the write that waits; it fails only on a
	// connection that is closed, where nothing waits.
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	chunk := make([]byte, streamChunk)
	for ctx.Err() == nil {
		if s.opts.Octets > 0 {
			left := s.opts.Octets - s.sent.Load()
			if left == 0 {
				return nil
			}
			chunk = chunk[:min(left, streamChunk)]
		}
		n, err := s.conn.Write(chunk)
		s.sent.Add(uint64(n))
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("send stream: %w", err)
		}
	}
	return nil
}

func (s *Stream) receive() error {
	c, err := s.listener.Accept()
	if err != nil {
		return fmt.Errorf("accept stream: %w", err)
	}
	defer c.Close()
	s.accepted.Store(c.(*net.TCPConn))
	buf := make([]byte, streamChunk)
	for {
		n, err := c.Read(buf)
		s.received.Add(uint64(n))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive stream: %w", err)
		}
	}
}

// Done is closed when everything has been sent and received.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Truth is the truth so far; after Done it is final.
func (s *Stream) Truth() (StreamTruth, error) {
	t := StreamTruth{
		Source: s.conn.LocalAddr().(*net.TCPAddr).AddrPort(), Destination: s.opts.Destination,
		ReceivedOctets: s.received.Load(), SentOctets: s.sent.Load(),
	}
	d := time.Duration(s.duration.Load())
	if d == 0 {
		d = time.Since(s.started)
	}
	t.Seconds = d.Seconds()
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return t, fmt.Errorf("read connection's counters: %w", err)
	}
	var info *unix.TCPInfo
	cerr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err := errors.Join(cerr, err); err != nil {
		return t, fmt.Errorf("read connection's counters: %w", err)
	}
	t.Segments, t.DataSegments, t.Retransmitted = uint64(info.Segs_out), uint64(info.Data_segs_out), uint64(info.Total_retrans)
	return t, nil
}

// Stop ends sending and waits until what was sent has been received.
func (s *Stream) Stop() error {
	s.stop()
	<-s.done
	return s.err
}

// Close ends the stream at once, with what is on the way.
func (s *Stream) Close() error {
	s.stop()
	select {
	case <-s.done:
		return errors.Join(s.conn.Close(), s.listener.Close())
	default:
	}
	err := errors.Join(s.conn.Close(), s.listener.Close())
	// Its peer's end may never come through a broken network.
	if c := s.accepted.Load(); c != nil {
		c.Close()
	}
	<-s.done
	return err
}
