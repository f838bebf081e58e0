package agent

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/state"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe/custom"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/gen/yang"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// refuseCustom blames the policy whose probe the kernel refuses.
func refuseCustom(err error) error {
	var which *custom.InstanceError
	if errors.As(err, &which) {
		leaf := "/config/probe"
		if which.Answers {
			leaf = "/data-selection/config/probe"
		}
		return refuse(&compile.Error{
			Path: "/ifit/policies/policy[name=" + which.Policy + "]" + leaf, Code: compile.Invalid,
			Reason: fmt.Sprintf("probe %s: %v", which.Probe, which.Err),
		})
	}
	return refuse(fmt.Errorf("prepare uploaded probes: %w", err))
}

// probeState shows uploaded probes.
type probeState struct {
	store   *state.Store
	manager *custom.Manager
	current func() *applied
	log     *slog.Logger
}

// publish shows the probes of a configuration that has come into force.
func (p *probeState) publish(before, now *applied) {
	for _, name := range uploadNames(before) {
		if now.uploads[name] == nil {
			p.store.DeleteProbe(name)
		}
	}
	for _, name := range uploadNames(now) {
		u, config := now.uploads[name], now.snapshot.Root.GetProbes().GetProbe(name).GetConfig()
		p.store.SetProbe(name, func(s *yang.Probe_State) { showUpload(name, u, config, s) })
	}
	for _, s := range p.manager.States() {
		policy := now.policy(s.Policy)
		if policy == nil {
			continue
		}
		p.store.SetPolicy(s.Policy, func(st *yang.Policy_State) {
			showPolicy(policy, st)
			if s.Excess != nil {
				st.OperStatus, st.LastError = yang.PolicyOperStatus_FAILED, ptr(exceeded(&s.Instance, s.Excess))
			}
		})
		if s.Excess != nil || len(s.Points) > 0 {
			p.store.SetProbe(s.Probe, func(st *yang.Probe_State) { showRunning(&s, st) })
		}
	}
}

func exceeded(i *custom.Instance, e *custom.Excess) string {
	return fmt.Sprintf("probe %s: %s", i.Probe, e.String())
}

// exceed tells that a probe was detached for what it costs.
func (p *probeState) exceed(i custom.Instance, e custom.Excess) {
	text := exceeded(&i, &e)
	p.store.SetPolicy(i.Policy, func(s *yang.Policy_State) {
		s.OperStatus, s.LastError = yang.PolicyOperStatus_FAILED, &text
	})
	p.store.SetProbe(i.Probe, func(s *yang.Probe_State) {
		s.OperStatus, s.LastError = yang.PolicyOperStatus_FAILED, &text
	})
	value, threshold := uint64(e.PerPacket), uint64(e.Budget.PerPacket)
	metric := yang.METRIC_PROBE_TIME
	if !e.OfPacket {
		metric = yang.METRIC_PROBE_CPU
		value, threshold = uint64(math.Round(100*e.CPU)), uint64(math.Round(100*e.Budget.CPU))
	}
	p.store.AppendEvent(&yang.Event_State{
		Time: ptr(uint64(e.At.UnixNano())), Policy: ptr(i.Policy), Generation: ptr(i.Generation),
		Metric: metric, EventState: yang.EventState_RAISED, Value: &value, Threshold: &threshold,
	})
}

// showUpload writes down what is known of an object by itself.
func showUpload(name string, u *upload, c *yang.Probe_Config, s *yang.Probe_State) {
	*s = yang.Probe_State{
		Name: &name, Description: c.Description, Sha256: c.Sha256,
		FirstElement: ptr(c.GetFirstElement()), MaxNsPerPacket: ptr(c.GetMaxNsPerPacket()), MaxCpuPercent: ptr(c.GetMaxCpuPercent()),
		Origin: yang.ProbeOrigin_UPLOADED, OperStatus: yang.PolicyOperStatus_INACTIVE,
		Technique: []yang.TECHNIQUE{yang.TECHNIQUE_CUSTOM_PROBE, yang.TECHNIQUE_PBT_M},
	}
	if u.refused != nil {
		s.OperStatus, s.LastError = yang.PolicyOperStatus_FAILED, ptr(u.refused.Reason)
		return
	}
	o := u.object
	s.SignedBy, s.Digest, s.Size = ptr(u.signedBy), ptr(hex.EncodeToString(o.Digest[:])), ptr(uint32(o.Size))
	s.Function, s.License = ptr(o.Name), ptr(o.License)
	s.Instructions, s.CaptureOctets, s.MapOctets = ptr(uint32(o.Instructions)), ptr(uint32(o.Capture)), ptr(o.MapOctets())
	parameters := s.GetOrCreateParameters()
	for i := range o.Parameters {
		f := &o.Parameters[i]
		shown, err := parameters.NewParameter(f.Name)
		if err != nil {
			continue
		}
		shown.Type, shown.Default = ptr(f.Type.String()), ptr(f.Default)
		shown.Units, shown.Text = given(f.Units.String()), given(f.Text)
	}
	fields := s.GetOrCreateFields()
	for _, e := range records.ProbeElements(name, c.GetFirstElement(), layout(o.Counters), layout(o.Record)) {
		shown, err := fields.NewField(e.Number)
		if err != nil {
			continue
		}
		shown.ElementName, shown.Name, shown.Type = ptr(e.Name), ptr(e.Field), ptr(e.Type.String())
		shown.Units, shown.Semantics, shown.Text = given(e.Units.String()), ptr(e.Semantics.String()), given(e.Text)
		shown.Kind = yang.ProbeFieldKind_RECORD
		if e.Counter {
			shown.Kind = yang.ProbeFieldKind_COUNTER
		}
	}
}

// given leaves out what nobody said.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// layout writes a structure in the terms of records.
func layout(s *object.Struct) []records.ProbeField {
	if s == nil {
		return nil
	}
	out := make([]records.ProbeField, len(s.Fields))
	for i, f := range s.Fields {
		out[i] = records.ProbeField(f)
	}
	return out
}

// showRunning adds what the kernel made of a probe.
func showRunning(i *custom.State, s *yang.Probe_State) {
	s.VerifiedInstructions = ptr(max(i.Verified, s.GetVerifiedInstructions()))
	switch {
	case i.Excess != nil:
		s.OperStatus, s.LastError = yang.PolicyOperStatus_FAILED, ptr(exceeded(&i.Instance, i.Excess))
	case s.OperStatus != yang.PolicyOperStatus_FAILED:
		s.OperStatus = yang.PolicyOperStatus_ACTIVE
	}
}

// probe fills in what moves all the time.
func (p *probeState) probe(name string, s *yang.Probe_State) {
	now := p.current()
	if now == nil || now.uploads[name] == nil {
		return
	}
	names := now.links.names()
	var runTime, runs uint64
	var attached uint32
	for _, i := range p.manager.States() {
		if i.Probe != name {
			continue
		}
		runTime, runs = runTime+uint64(i.RunTime), runs+i.Runs
		attached += uint32(len(i.Attached))
		for _, at := range i.Attached {
			direction, side := yang.ProgramDirection_INGRESS, "in"
			if at.Direction == flow.Egress {
				direction, side = yang.ProgramDirection_EGRESS, "out"
			}
			id := strings.Join([]string{i.Policy, names[at.Ifindex], side}, "/")
			if a, err := s.GetOrCreateAttached().NewAttachment(id); err == nil {
				a.Policy, a.Interface, a.Direction = ptr(i.Policy), ptr(names[at.Ifindex]), direction
			}
		}
	}
	s.RunTimeNs, s.RunCount, s.Attachments = &runTime, &runs, &attached
}

// policy fills in what a policy's probe has to say.
func (p *probeState) policy(of *compile.Policy, s *yang.Policy_State) {
	states := p.manager.States()
	at := slices.IndexFunc(states, func(i custom.State) bool { return i.Policy == of.Name })
	if at < 0 {
		return
	}
	i := &states[at]
	if of.Technique == yang.TECHNIQUE_CUSTOM_PROBE {
		s.PacketsObserved, s.PacketsSelected = ptr(i.Runs), ptr(i.Runs)
		s.SamplesLost = ptr(i.Lost)
	}
	v := s.GetOrCreateProbeValues()
	v.RunTimeNs, v.RunCount = ptr(uint64(i.RunTime)), ptr(i.Runs)
	v.Records, v.RecordsLost = ptr(i.Records), ptr(i.Lost)
	for n, sum := range i.Counters {
		if c, err := v.NewCounter(i.Object.Counters.Fields[n].Name); err == nil {
			c.Value = ptr(sum)
		}
	}
	if i.LastRecord == nil {
		return
	}
	var clock source.Clock
	if err := clock.Set(); err != nil {
		p.log.Warn("the time of a record is unknown", "error", err)
	}
	for n := range i.Object.Record.Fields {
		f := &i.Object.Record.Fields[n]
		if shown, err := v.NewLastRecord(f.Name); err == nil {
			shown.Value = ptr(fieldText(f, i.LastRecord, &clock))
		}
	}
}

// fieldText writes a value for people.
func fieldText(f *object.Field, of []byte, clock *source.Clock) string {
	octets := of[f.Offset : f.Offset+f.Size]
	switch t := f.Type; {
	case t == ie.TypeIPv4Address, t == ie.TypeIPv6Address:
		a, _ := netip.AddrFromSlice(octets)
		return a.String()
	case t == ie.TypeDateTimeNanoseconds:
		return time.Unix(0, clock.UNIX(f.Unsigned(of))).UTC().Format(time.RFC3339Nano)
	case t == ie.TypeString:
		text, _, _ := strings.Cut(string(octets), "\x00")
		return strings.ToValidUTF8(text, "?")
	case t.IsSigned():
		shift := 64 - 8*f.Size
		return strconv.FormatInt(int64(f.Unsigned(of)<<shift)>>shift, 10)
	case t.IsUnsigned():
		return strconv.FormatUint(f.Unsigned(of), 10)
	case t == ie.TypeBoolean:
		return strconv.FormatBool(f.Unsigned(of) != 0)
	}
	return hex.EncodeToString(octets)
}
