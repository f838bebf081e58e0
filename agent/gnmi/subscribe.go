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

// Sample intervals.
const (
	// fastestSample is what an interval of 0 means, and the least that is
	// served.
	fastestSample = 100 * time.Millisecond
	// targetDefinedSample is the interval at which TARGET_DEFINED
	// subscriptions see sampled leaves.
	targetDefinedSample = 10 * time.Second
)

// maxSubscriptions bounds the subscriptions of one request.
const maxSubscriptions = 1024

// Subscribe streams what the first message asks for.
func (s *Server) Subscribe(stream gpb.GNMI_SubscribeServer) error {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := refuseExtensions(first.GetExtension()); err != nil {
		return err
	}
	list := first.GetSubscribe()
	if list == nil {
		return status.Error(codes.InvalidArgument, "the first message of a stream must be a SubscriptionList")
	}
	sub, err := s.newSubscriber(list)
	if err != nil {
		return err
	}
	sub.stream = stream
	switch list.GetMode() {
	case gpb.SubscriptionList_ONCE:
		return sub.sendAll()
	case gpb.SubscriptionList_POLL:
		return sub.poll()
	case gpb.SubscriptionList_STREAM:
		return sub.run()
	}
	return status.Errorf(codes.InvalidArgument, "mode %d is not defined", list.GetMode())
}

// newSubscriber checks a SubscriptionList.
func (s *Server) newSubscriber(list *gpb.SubscriptionList) (*subscriber, error) {
	enc, err := newEncoder(list.GetEncoding())
	if err != nil {
		return nil, err
	}
	if err := checkModels(list.GetUseModels()); err != nil {
		return nil, err
	}
	r, err := newRequest(s.schema, list.GetPrefix())
	if err != nil {
		return nil, err
	}
	switch n := len(list.GetSubscription()); {
	case n == 0:
		return nil, status.Error(codes.InvalidArgument, "no subscription is given")
	case n > maxSubscriptions:
		return nil, status.Errorf(codes.ResourceExhausted, "%d subscriptions are more than %d", n, maxSubscriptions)
	}
	sub := &subscriber{tree: s.tree, now: s.now, request: r, encoder: enc, updatesOnly: list.GetUpdatesOnly(), queue: newQueue()}
	for _, x := range list.GetSubscription() {
		patterns, err := r.resolve(x.GetPath())
		if err != nil {
			return nil, err
		}
		sub.all = append(sub.all, patterns...)
		if list.GetMode() == gpb.SubscriptionList_STREAM {
			if err := sub.addStream(x, patterns); err != nil {
				return nil, err
			}
		}
	}
	sub.all = schema.Outermost(sub.all)
	sub.onChange = schema.Outermost(sub.onChange)
	return sub, nil
}

// addStream plans how one subscription of a STREAM is served.
func (sub *subscriber) addStream(x *gpb.Subscription, patterns []schema.Pattern) error {
	heartbeat, err := interval(x.GetHeartbeatInterval(), "heartbeat_interval")
	if err != nil {
		return err
	}
	if x.GetHeartbeatInterval() == 0 {
		heartbeat = 0
	}
	switch x.GetMode() {
	case gpb.SubscriptionMode_ON_CHANGE:
		for _, p := range patterns {
			if p.Node.SamplesOnly() {
				return status.Errorf(codes.InvalidArgument, "%v changes all the time: subscribe with SAMPLE or TARGET_DEFINED", p)
			}
		}
		sub.addOnChange(patterns, heartbeat)
	case gpb.SubscriptionMode_SAMPLE:
		every, err := interval(x.GetSampleInterval(), "sample_interval")
		if err != nil {
			return err
		}
		sub.samplers = append(sub.samplers, newSampler(patterns, schema.All, every, heartbeat, x.GetSuppressRedundant()))
	case gpb.SubscriptionMode_TARGET_DEFINED:
		sub.addOnChange(patterns, heartbeat)
		var moving []schema.Pattern
		for _, p := range patterns {
			if p.Node.Samples() {
				moving = append(moving, p)
			}
		}
		if len(moving) > 0 {
			sub.samplers = append(sub.samplers, newSampler(moving, schema.Sampled, targetDefinedSample, heartbeat, false))
		}
	default:
		return status.Errorf(codes.InvalidArgument, "subscription mode %d is not defined", x.GetMode())
	}
	return nil
}

func (sub *subscriber) addOnChange(patterns []schema.Pattern, heartbeat time.Duration) {
	sub.onChange = append(sub.onChange, patterns...)
	if heartbeat > 0 {
		s := newSampler(patterns, schema.Pushed, heartbeat, 0, false)
		s.repeats = true
		sub.samplers = append(sub.samplers, s)
	}
}

// interval reads an interval in nanoseconds; 0 means the fastest.
func interval(ns uint64, field string) (time.Duration, error) {
	switch {
	case ns == 0:
		return fastestSample, nil
	case ns < uint64(fastestSample):
		return 0, status.Errorf(codes.InvalidArgument, "%s of %d ns is below the fastest, %d ns", field, ns, fastestSample.Nanoseconds())
	case ns > uint64(time.Duration(1<<62)):
		return 0, status.Errorf(codes.InvalidArgument, "%s of %d ns is too long", field, ns)
	}
	return time.Duration(ns), nil
}
