package gnmi

import (
	"errors"
	"io"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/agent/intent/schema"
)

// subscriber serves one Subscribe stream. One goroutine reads the tree,
// encodes and sends; what changes in the meantime waits in the queue, so that
// a slow reader slows nobody else.
type subscriber struct {
	tree        *tree
	now         func() time.Time
	request     request
	encoder     encoder
	updatesOnly bool
	all         []schema.Pattern // everything that is subscribed
	onChange    []schema.Pattern
	samplers    []*sampler
	queue       *queue
	stream      gpb.GNMI_SubscribeServer
}

// wants reports whether changes of a unit may matter to the subscriber.
func (sub *subscriber) wants(unit schema.Path) bool {
	for _, p := range sub.onChange {
		if p.Meets(unit) {
			return true
		}
	}
	return false
}

// notify queues a change. It runs under the tree's lock.
func (sub *subscriber) notify(unit schema.Path, d schema.Difference, at int64) {
	sub.queue.add(unit, d, at, sub.wantsPath)
}

// wantsPath reports whether a changed leaf or a deleted place matters: it lies
// in what is subscribed, or the other way round.
func (sub *subscriber) wantsPath(p schema.Path) bool {
	for _, x := range sub.onChange {
		if x.Matches(p) || !p.Node.IsLeaf() && x.Meets(p) {
			return true
		}
	}
	return false
}

// sendAll sends the current values and the mark that they are complete.
func (sub *subscriber) sendAll() error {
	if !sub.updatesOnly {
		if err := sub.sendCurrent(sub.all, schema.All, nil); err != nil {
			return err
		}
	}
	return sub.sendSync()
}

func (sub *subscriber) sendSync() error {
	return sub.stream.Send(&gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_SyncResponse{SyncResponse: true}})
}

// begin sends the current values of a STREAM and starts its samplers. With
// updates_only they are taken note of, not sent.
func (sub *subscriber) begin() error {
	if !sub.updatesOnly {
		if err := sub.sendCurrent(sub.onChange, schema.Pushed, nil); err != nil {
			return err
		}
	}
	for _, s := range sub.samplers {
		if err := s.begin(sub); err != nil {
			return err
		}
	}
	return sub.sendSync()
}

// sendCurrent sends what the patterns mean now, leaf by leaf. keep, when not
// nil, decides about each leaf.
func (sub *subscriber) sendCurrent(patterns []schema.Pattern, c schema.Content, keep func(schema.Path, schema.Value) bool) error {
	view := sub.tree.view(patterns, c != schema.Pushed)
	b := bundle{sub: sub, at: sub.now().UnixNano()}
	for _, p := range patterns {
		for _, l := range sub.tree.schema.Find(p, view) {
			l.Leaves(c, func(p schema.Path, v schema.Value) {
				if keep == nil || keep(p, v) {
					b.add(p, v, 0)
				}
			}, nil)
			if b.err != nil {
				return b.err
			}
		}
	}
	return b.flush()
}

// poll answers each Poll message with everything.
func (sub *subscriber) poll() error {
	// The list itself asks for the first answer.
	if err := sub.sendAll(); err != nil {
		return err
	}
	for {
		req, err := sub.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if req.GetPoll() == nil {
			return status.Error(codes.InvalidArgument, "a POLL stream takes Poll messages only")
		}
		if err := sub.sendAll(); err != nil {
			return err
		}
	}
}

// run serves a STREAM until the client ends it.
func (sub *subscriber) run() error {
	// Registered first: what changes while the current values are read waits
	// in the queue and is sent after them.
	if len(sub.onChange) > 0 {
		sub.tree.subscribe(sub)
		defer sub.tree.unsubscribe(sub)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := sub.stream.Recv()
		if err == nil {
			err = status.Error(codes.InvalidArgument, "a STREAM takes one message only")
		}
		ended <- err
	}()
	if err := sub.begin(); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s, wait := sub.next()
		timer.Reset(wait)
		select {
		case <-sub.stream.Context().Done():
			return status.FromContextError(sub.stream.Context().Err()).Err()
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				// The client will send nothing more, but still listens.
				ended = nil
				continue
			}
			return err
		case <-sub.queue.wake:
			if err := sub.drain(); err != nil {
				return err
			}
		case <-timer.C:
			if s == nil {
				continue
			}
			if err := s.sample(sub); err != nil {
				return err
			}
		}
	}
}

// next returns the sampler that is due first, and the time until then.
func (sub *subscriber) next() (*sampler, time.Duration) {
	var first *sampler
	for _, s := range sub.samplers {
		if first == nil || s.due.Before(first.due) {
			first = s
		}
	}
	if first == nil {
		return nil, time.Hour
	}
	return first, max(first.due.Sub(sub.now()), 0)
}

// drain sends what waits in the queue.
func (sub *subscriber) drain() error {
	for {
		w, ok := sub.queue.take()
		if !ok {
			return status.Errorf(codes.ResourceExhausted, "the subscriber is too slow: more than %d changes were waiting for it", maxQueued)
		}
		if w == nil {
			return nil
		}
		b := bundle{sub: sub, at: w.at}
		b.remove(w.unit, w.deletes)
		for _, u := range w.updates {
			if !u.gone {
				b.add(u.Path, u.Value, u.duplicates)
			}
		}
		if err := b.flush(); err != nil {
			return err
		}
	}
}
