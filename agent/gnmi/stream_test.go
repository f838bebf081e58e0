package gnmi_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// watcher is a client of Subscribe.
type watcher struct {
	t      testing.TB
	stream gpb.GNMI_SubscribeClient
	ch     chan *gpb.SubscribeResponse
	err    error // after ch is closed
}

// open starts a stream and sends its first message.
func (n *node) open(t testing.TB, first *gpb.SubscribeRequest) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := n.client.Subscribe(ctx)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	w := &watcher{t: t, stream: stream, ch: make(chan *gpb.SubscribeResponse, 1<<16)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(w.ch)
		for {
			r, err := stream.Recv()
			if err != nil {
				w.err = err
				return
			}
			w.ch <- r
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	if first != nil {
		if err := stream.Send(first); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	return w
}

func (n *node) subscribe(t testing.TB, list *gpb.SubscriptionList) *watcher {
	t.Helper()
	return n.open(t, &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}})
}

// sync returns all updates up to the sync_response.
func (w *watcher) sync() []string {
	w.t.Helper()
	var got []string
	for r := range w.ch {
		if r.GetSyncResponse() {
			return got
		}
		got = append(got, lines(w.t, r.GetUpdate())...)
	}
	w.t.Fatalf("the stream ended before its sync: %v", w.err)
	return nil
}

// next returns the lines of the next notification.
func (w *watcher) next() []string {
	w.t.Helper()
	r, ok := <-w.ch
	if !ok {
		w.t.Fatalf("the stream ended: %v", w.err)
	}
	if r.GetSyncResponse() {
		w.t.Fatal("another sync_response")
	}
	return lines(w.t, r.GetUpdate())
}

// until reads on to a line with that beginning and returns all lines read.
func (w *watcher) until(begin string) []string {
	w.t.Helper()
	var got []string
	for {
		for _, l := range w.next() {
			got = append(got, l)
			if strings.HasPrefix(l, begin) {
				return got
			}
		}
	}
}

// end returns the error that ends the stream.
func (w *watcher) end() error {
	w.t.Helper()
	for r := range w.ch {
		_ = r
	}
	if errors.Is(w.err, io.EOF) {
		return nil
	}
	return w.err
}

// quiet checks that nothing has been sent since the last read, by making a
// change of its own and looking for that.
func (w *watcher) quiet(n *node) {
	w.t.Helper()
	n.mustSet(w.t, update(w.t, "/ifit/limits/config/max-events", "77"))
	for _, l := range w.next() {
		if !strings.HasPrefix(l, "/ifit/limits/") {
			w.t.Errorf("subscribers saw %s", l)
		}
	}
}
