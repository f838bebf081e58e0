package target

import (
	"context"
	"fmt"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/gen/yang"
)

// Subscription is one path of a subscription.
type Subscription struct {
	Path string
	// Sample is the interval of a SAMPLE subscription; 0 means ON_CHANGE.
	Sample time.Duration
}

// Update is one notification.
type Update struct {
	// Device holds what the notification said, and nothing else.
	Device *yang.Device
	// Deleted are the paths that are gone.
	Deleted []string
	// Time is when the values were taken, by the node's clock. One sample of
	// many values may come in several notifications of the same time.
	Time int64
	// Synchronized is true from the moment that all there was had been sent.
	Synchronized bool
}

// Subscribe follows paths until the context ends or the stream breaks, and
// calls handle for each notification, and once without one when what there was
// has been sent. It ends with an error if nothing arrives for the duration
// silence: a connection without a sample is dead.
func (t *Target) Subscribe(ctx context.Context, subs []Subscription, silence time.Duration, handle func(Update) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	list := &gnmi.SubscriptionList{Mode: gnmi.SubscriptionList_STREAM, Encoding: gnmi.Encoding_PROTO}
	for _, s := range subs {
		path, err := parsePath(s.Path)
		if err != nil {
			return fmt.Errorf("node %s: subscribe: %w", t.name, err)
		}
		sub := &gnmi.Subscription{Path: path, Mode: gnmi.SubscriptionMode_ON_CHANGE}
		if s.Sample > 0 {
			sub.Mode, sub.SampleInterval = gnmi.SubscriptionMode_SAMPLE, uint64(s.Sample)
		}
		list.Subscription = append(list.Subscription, sub)
	}
	stream, err := t.client.Subscribe(ctx)
	if err == nil {
		err = stream.Send(&gnmi.SubscribeRequest{Request: &gnmi.SubscribeRequest_Subscribe{Subscribe: list}})
	}
	if err != nil {
		return t.wrap("subscribe", err)
	}
	watchdog := time.AfterFunc(silence, func() {
		cancel(fmt.Errorf("nothing arrived for %v", silence))
	})
	defer watchdog.Stop()
	synchronized := false
	for {
		response, err := stream.Recv()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return fmt.Errorf("node %s: subscription: %w: %w", t.name, ErrUnreachable, cause)
			}
			return t.wrap("subscription", err)
		}
		watchdog.Reset(silence)
		update := Update{Synchronized: synchronized, Device: &yang.Device{}}
		switch r := response.GetResponse().(type) {
		case *gnmi.SubscribeResponse_SyncResponse:
			synchronized = true
			update.Synchronized = true
		case *gnmi.SubscribeResponse_Update:
			update.Time = r.Update.GetTimestamp()
			if err := merge(update.Device, r.Update); err != nil {
				return fmt.Errorf("node %s: subscription: %w", t.name, err)
			}
			for _, p := range r.Update.GetDelete() {
				update.Deleted = append(update.Deleted, pathString(join(r.Update.GetPrefix(), p)))
			}
		}
		if err := handle(update); err != nil {
			return err
		}
	}
}
