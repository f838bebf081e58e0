package agent

import (
	"slices"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/export"
	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/agent/notify"
	"github.com/openifit/openifit/agent/state"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/yang"
)

// readers fill in what moves all the time, when somebody asks for it.
type readers struct {
	current  func() *applied
	kernel   *kernel
	meter    *meter.Meter
	counters *counters
	drainer  *drainer
	exporter *export.Process
	notifier *notify.Notifier
	leases   *leases
	heavy    *heavyFlows
	losses   *losses
	overhead *overhead
	probes   *probeState
	// distributions are those of delays and queue depths.
	distributions *distributions
	// reactions are what triggers make the node do by itself.
	reactions *reactions
	guard     *guard
	// panics counts requests that failed by a fault of the agent.
	panics func() uint64
}

// register tells the state whom to ask.
func (r *readers) register(store *state.Store) {
	store.OnReadPolicy(r.policy)
	store.OnReadInterface(r.iface)
	store.OnReadCollector(r.collector)
	store.OnReadProbe(r.probes.probe)
	store.OnReadNode(r.node)
}

func ptr[T any](v T) *T { return &v }

func (r *readers) policy(name string, out *yang.Policy) {
	p := r.current().policy(name)
	if p == nil {
		return
	}
	s := out.GetOrCreateState()
	view := r.kernel.now()
	total, kernel, sent := r.counters.of(p.ID), view.policies[p.ID], r.exporter.Policy(p.ID)
	s.PacketsObserved, s.OctetsObserved = &total.PacketsObserved, &total.OctetsObserved
	s.PacketsSelected = ptr(selected(p, total, kernel.Selected))
	s.PacketsLimited, s.FlowsRefused = &kernel.Limited, &kernel.Refused
	s.RecordsExported, s.RecordsDropped = &sent.Exported, &sent.Dropped
	if len(p.Triggers) > 0 {
		dropped := view.triggers[p.ID]
		s.Events = ptr(r.notifier.Counts(p.ID).Events)
		s.EventsDropped, s.SamplesLost = ptr(dropped.Suppressed+dropped.Lost), ptr(dropped.Lost)
	}
	if until := r.leases.expiry(p.ID); !until.IsZero() {
		s.LeaseExpiresAt = ptr(uint64(until.UnixNano()))
	}
	showTriggers(p, view.perTrigger, s)
	r.losses.show(p, s)
	r.reactions.show(name, s)
	if held := r.reactions.throttle.of(name); held.Halvings > 0 || held.Suspended {
		s.RateHalvings, s.Suspended = ptr(held.Halvings), ptr(held.Suspended)
	}
	showSelection(p, &kernel, s)
	showMarking(p, &kernel, s)
	r.distributions.show(p, s)
	showTCPHealth(p, &kernel.TCP, view.points, s)
	r.programs(p, view, s)
	r.hits(p, out)
	if p.Custom.Object != nil {
		r.probes.policy(p, s)
	}
	if p.Technique == yang.TECHNIQUE_FLOW_SKETCH {
		r.heavy.show(p, s)
	}
}

// selected is what packet selection took, where the policy selects at all.
func selected(p *compile.Policy, total meter.Totals, kernel uint64) uint64 {
	switch {
	case p.Technique == yang.TECHNIQUE_FLOW_METERING:
		return total.PacketsSelected
	case p.Select.Algorithm == plan.SelectAll:
		return total.PacketsObserved
	}
	return kernel
}

// showSelection fills in why packets were not selected.
func showSelection(p *compile.Policy, c *probe.PolicyCounters, s *yang.Policy_State) {
	if p.Select.Algorithm.IsHash() {
		s.PacketsNotHashed, s.SuperPacketsSkipped = ptr(c.NoHash), ptr(c.NoHashSegments)
	}
	if p.Select.PerFlow && p.Select.Algorithm.Counts() {
		s.SelectionFlowsRefused = ptr(c.FlowsRefused)
	}
}

// showMarking fills in what concerns marks and postcards.
func showMarking(p *compile.Policy, c *probe.PolicyCounters, s *yang.Policy_State) {
	if p.Technique != yang.TECHNIQUE_PBT_M {
		return
	}
	s.PacketsMarked, s.Postcards = ptr(c.Marked), ptr(c.Postcards)
	s.PostcardsLimited, s.PostcardsLost = ptr(c.PostcardsSuppressed), ptr(c.PostcardsLost)
	s.SamplesLost = ptr(c.PostcardsLost)
	skips := s.GetOrCreateSkips()
	skips.Skip = make(map[yang.SkipReason]*yang.Policy_State_Skip)
	for reason, packets := range map[yang.SkipReason]uint64{
		yang.SkipReason_UNMAPPED_VALUE: c.NoMark, yang.SkipReason_NO_LEASE: c.LeaseExpired,
		yang.SkipReason_OTHER: c.NoPacketID,
	} {
		skips.Skip[reason] = &yang.Policy_State_Skip{Reason: reason, Packets: ptr(packets)}
	}
}

func (r *readers) hits(p *compile.Policy, out *yang.Policy) {
	configured := out.GetFlowSelection().GetRules()
	for _, h := range r.meter.Hits(p.ID) {
		if configured == nil {
			configured = out.GetOrCreateFlowSelection().GetOrCreateRules()
		}
		rule := configured.GetRule(h.Sequence)
		if rule == nil {
			rule = &yang.Policy_FlowSelection_Rule{SequenceId: ptr(h.Sequence)}
			if configured.Rule == nil {
				configured.Rule = make(map[uint32]*yang.Policy_FlowSelection_Rule)
			}
			configured.Rule[h.Sequence] = rule
		}
		rule.GetOrCreateState().Hits = ptr(h.Packets)
	}
}

func (r *readers) programs(p *compile.Policy, view kernelView, s *yang.Policy_State) {
	statistics := runStatistics()
	for i := range view.programs {
		prog := &view.programs[i]
		if prog.ID == 0 || !slices.ContainsFunc(prog.Policies, func(ref flow.PolicyRef) bool { return ref.ID == p.ID }) {
			continue
		}
		list := s.GetOrCreatePrograms()
		if list.Program == nil {
			list.Program = make(map[uint32]*yang.Policy_State_Program)
		}
		direction, kind := yang.ProgramDirection_INGRESS, yang.ObservationPointKind_TCX
		if prog.Point.Direction == flow.Egress {
			direction = yang.ProgramDirection_EGRESS
		}
		if prog.Filter {
			kind = yang.ObservationPointKind_CLSACT
		}
		shown := &yang.Policy_State_Program{
			Id: ptr(prog.ID), Name: ptr(prog.Name), Tag: ptr(prog.Tag), Kind: kind,
			Interface: ptr(prog.Interface), Direction: direction,
			LoadedAt: ptr(uint64(prog.LoadedAt.UnixNano())),
		}
		if measured(prog, statistics) {
			shown.RunTimeNs, shown.RunCount = ptr(uint64(prog.RunTime)), ptr(prog.RunCount)
		}
		list.Program[prog.ID] = shown
	}
}

func (r *readers) iface(_ string, out *yang.Interface) {
	s := out.GetOrCreateState()
	if s.Ifindex == nil {
		return
	}
	s.ProgramsRestored = ptr(r.guard.of(*s.Ifindex))
	view := r.kernel.now()
	var observed, refused, stripped, dropped, passed, unmarked uint64
	for _, d := range []flow.Direction{flow.Ingress, flow.Egress} {
		c, ok := view.points[plan.PointID{Ifindex: *s.Ifindex, Direction: d}]
		if !ok {
			continue
		}
		observed += c.Packets
		refused += c.Refused
		stripped += c.ForeignStripped
		dropped += c.ForeignDropped
		passed += c.ForeignPassed
		unmarked += c.Unmarked
	}
	for i := range view.programs {
		if prog := &view.programs[i]; prog.Point.Ifindex == *s.Ifindex && prog.ID != 0 {
			s.Probe = append(s.Probe, prog.Name)
		}
	}
	s.PacketsObserved, s.FlowsRefused = &observed, &refused
	s.ForeignMarksStripped, s.ForeignMarksDropped, s.ForeignMarksPassed = &stripped, &dropped, &passed
	s.PacketsUnmarked = &unmarked
	s.Flows = ptr(r.drainer.flowsAt(*s.Ifindex))
}

func (r *readers) collector(name string, s *yang.Collector_State) {
	for _, c := range r.exporter.Collectors() {
		if c.Collector.Name != name {
			continue
		}
		s.SessionState = sessionState(c.State)
		s.Messages, s.Octets, s.DataRecords = ptr(c.Messages), ptr(c.Octets), ptr(c.DataRecords)
		s.DroppedRecords, s.QueuedRecords, s.Reconnects = ptr(c.Dropped), ptr(c.Queued), ptr(c.Reconnects)
		if c.LastError != "" {
			s.LastError = ptr(c.LastError)
		}
	}
}

func sessionState(s export.SessionState) yang.SessionState {
	switch s {
	case export.Connecting:
		return yang.SessionState_CONNECTING
	case export.Established:
		return yang.SessionState_ESTABLISHED
	case export.BackingOff:
		return yang.SessionState_BACKOFF
	case export.Idle:
	}
	return yang.SessionState_IDLE
}

// lost shows what no policy is to blame for.
func (r *readers) lost(s *yang.State_Losses) {
	view := r.kernel.now()
	refused := uint64(0)
	for _, t := range view.triggers {
		refused += t.Refused
	}
	s.RecordsUnrouted, s.EventsUnknown = ptr(r.exporter.Unrouted()), ptr(r.notifier.Unknown())
	s.PacketsUnknown, s.ConditionsRefused = ptr(r.meter.Unknown()), ptr(refused)
	s.RequestPanics = ptr(r.panics())
}

func (r *readers) node(s *yang.State) {
	showDropMonitor(r.kernel.now().drops, s)
	r.overhead.show(s.GetOrCreateTelemetryOverhead())
	r.lost(s.GetOrCreateLosses())
	c := s.GetOrCreateCapabilities()
	showMultipath(c)
	showClock(c.GetOrCreateClock())
}
