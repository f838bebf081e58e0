package source

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
	"unsafe"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/bpf/point"
)

// eventWait bounds how late the reader notices that it should sweep; events
// themselves wake it at once.
const eventWait = 100 * time.Millisecond

// sweepInterval is how often conditions are looked at whose packets may have
// stopped.
const sweepInterval = 250 * time.Millisecond

// Events reads the events of all triggers of an engine, and ends those
// conditions that no packet ends any more.
type Events struct {
	ring   *ring[flow.Event]
	engine *probe.Engine
	log    *slog.Logger
	swept  time.Time
	causes *causes
}

// NewEvents opens the engine's ring buffer of events, which can have one
// reader at a time. log may be nil.
func NewEvents(engine *probe.Engine, log *slog.Logger) (*Events, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c, err := newCauses(engine)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	e := &Events{engine: engine, log: log, causes: c}
	r, err := openRing(engine.EventRing(), &ring[flow.Event]{
		wait: eventWait, size: int(unsafe.Sizeof(point.BPFIfitEvent{})),
		larger: int(unsafe.Sizeof(point.BPFIfitBurstEvent{})), decode: e.decode, idle: e.sweep,
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	e.ring = r
	return e, nil
}

// Run hands on events in batches until ctx ends, and then returns its error.
// A batch is only valid during the call. Run can be called once.
func (e *Events) Run(ctx context.Context, deliver func([]flow.Event)) error {
	return e.ring.run(ctx, func(batch []flow.Event) {
		deliver(batch)
		e.sweep()
	})
}

// Count is the number of events handed on, and of samples that were none.
func (e *Events) Count() (events, malformed uint64) {
	return e.ring.samples.Load(), e.ring.malformed.Load()
}

func (e *Events) sweep() {
	now := time.Now()
	if now.Sub(e.swept) < sweepInterval {
		return
	}
	e.swept = now
	if err := e.engine.SweepTriggers(); err != nil {
		e.log.Warn("conditions of triggers were not looked through", "error", err)
	}
}

func (e *Events) decode(sample []byte, clock *Clock, out *flow.Event) {
	in := (*point.BPFIfitEvent)(unsafe.Pointer(unsafe.SliceData(sample)))
	*out = flow.Event{
		Time:                   clock.UNIX(in.TimeNs),
		Policy:                 flow.PolicyRef{ID: in.Policy, Generation: in.Generation},
		Trigger:                in.Trigger,
		Metric:                 flow.Metric(in.Metric),
		State:                  flow.EventState(in.State),
		ID:                     ID(&in.Id),
		PerFlow:                in.PerFlow != 0,
		Ifindex:                in.Ifindex,
		Direction:              flow.Direction(in.Direction),
		Value:                  in.Value,
		Threshold:              in.Threshold,
		IngressIfindex:         in.IngressIfindex,
		EgressIfindex:          in.EgressIfindex,
		PreviousIngressIfindex: in.PreviousIngressIfindex,
		PreviousEgressIfindex:  in.PreviousEgressIfindex,
		HopLimit:               in.HopLimit,
		PreviousHopLimit:       in.PreviousHopLimit,
	}
	if out.Metric == flow.MetricPacketDrop {
		out.DropReason, out.DropLocation = e.causes.reason(in.Reason), e.causes.symbols.name(in.Location)
	}
	if len(sample) > int(unsafe.Sizeof(point.BPFIfitEvent{})) && out.State == flow.EventRaised {
		readCulprits((*point.BPFIfitBurstEvent)(unsafe.Pointer(unsafe.SliceData(sample))), out)
	}
}

// readCulprits sorts the flows of a burst by size.
func readCulprits(in *point.BPFIfitBurstEvent, out *flow.Event) {
	n := 0
	for i := range in.Culprit {
		if c := &in.Culprit[i]; c.Octets > 0 && n < len(out.Culprits) {
			out.Culprits[n] = flow.Culprit{ID: ID(&c.Id), Octets: c.Octets}
			n++
		}
	}
	slices.SortFunc(out.Culprits[:n], func(a, b flow.Culprit) int {
		return cmp.Or(cmp.Compare(b.Octets, a.Octets), a.ID.Compare(b.ID))
	})
}
