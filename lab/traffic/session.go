//go:build linux

package traffic

import (
	"context"
	"errors"
	"time"

	"github.com/openifit/openifit/lab/namespace"
)

// Session is a sender, its receiver and a capture beside the receiver.
type Session struct {
	profile  Profile
	sender   *Sender
	receiver *Receiver
	capture  *Capture
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
}

// Ends says where a session's packets come from and go to.
type Ends struct {
	From, To *namespace.NS
	// Interface of To that the capture looks at.
	Interface string
}

// SessionOptions change what a session records.
type SessionOptions struct {
	ReceiverOptions
	// OnSend is given every IP packet that was sent, OnCapture the beginning
	// of every one that reached the interface; valid during the call.
	OnSend    func(flow uint32, ip []byte)
	OnCapture func(ip []byte)
}

// NewSession starts to receive, then to send. It sends until the profile is
// done, the context is done, or Stop.
func NewSession(ctx context.Context, ends Ends, p Profile, opts SessionOptions) (*Session, error) {
	sender, err := NewSender(ctx, ends.From, p)
	if err != nil {
		return nil, err
	}
	sender.Observe = opts.OnSend
	receiver, err := NewReceiver(ends.To, p.Flows(), sender.RunID(), opts.ReceiverOptions)
	if err != nil {
		return nil, errors.Join(err, sender.Close())
	}
	capture, err := NewCapture(ends.To, ends.Interface, opts.OnCapture)
	if err != nil {
		return nil, errors.Join(err, receiver.Close(), sender.Close())
	}
	s := &Session{profile: p, sender: sender, receiver: receiver, capture: capture, done: make(chan struct{})}
	ctx, s.cancel = context.WithCancel(ctx)
	go func() {
		defer close(s.done)
		s.err = sender.Run(ctx)
	}()
	return s, nil
}

// Done is closed when everything has been sent.
func (s *Session) Done() <-chan struct{} { return s.done }

// Stop ends sending and waits until what is on the way has arrived: until
// every packet is there, or none has come for the idle time.
func (s *Session) Stop(ctx context.Context, idle time.Duration) error {
	s.cancel()
	<-s.done
	if s.err != nil {
		return s.err
	}
	sent, _ := s.sender.Sent()
	var want uint64
	for _, f := range sent {
		want += f.Packets
	}
	last, since := s.receiver.Total(), time.Now()
	for last < want && time.Since(since) < idle {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(gather):
		}
		if n := s.receiver.Total(); n != last {
			last, since = n, time.Now()
		}
	}
	return nil
}

// Report is the truth so far. While packets are on the way, they count as
// lost.
func (s *Session) Report() (Report, error) {
	// What was sent is read first: a packet that it misses is no loss.
	sent, refused := s.sender.Sent()
	r := makeReport(s.profile, sent, s.receiver.Received())
	overrun, err := s.receiver.Overrun()
	if err != nil {
		return Report{}, err
	}
	r.Run, r.Totals.Refused = s.sender.RunID(), refused
	r.Totals.Overrun, r.Totals.Foreign = overrun, s.receiver.Foreign()
	r.Seen, r.Missed = s.capture.Seen()
	return r, nil
}

// Close ends sending and receiving.
func (s *Session) Close() error {
	s.cancel()
	<-s.done
	return errors.Join(s.err, s.sender.Close(), s.receiver.Close(), s.capture.Close())
}
