//go:build linux

package demo

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

// eventsSince lists the events of one metric that nodes observed after a
// moment.
func (w *world) eventsSince(ctx context.Context, since time.Time, metric openifitv1.EventMetric) ([]*openifitv1.Event, error) {
	r, err := w.events.ListEvents(ctx, connect.NewRequest(&openifitv1.ListEventsRequest{Filter: &openifitv1.EventFilter{
		Metrics: []openifitv1.EventMetric{metric}, SinceUnixNs: proto.Int64(since.UnixNano()),
	}}))
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return r.Msg.GetEvents(), nil
}
