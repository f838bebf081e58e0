package state_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/agent/state"
	"github.com/openifit/openifit/gen/yang"
)

var start = time.Unix(1_700_000_000, 0)

func TestChangesAreCopies(t *testing.T) {
	s := state.New(start, 4)
	var got []state.Change
	s.Watch(func(c state.Change) { got = append(got, c) })

	s.SetPolicy("p", func(st *yang.Policy_State) { st.OperStatus = yang.PolicyOperStatus_ACTIVE })
	held := s.Read(state.Everything())
	s.SetPolicy("p", func(st *yang.Policy_State) { st.OperStatus = yang.PolicyOperStatus_FAILED })
	s.DeletePolicy("p")
	s.DeletePolicy("p")

	if st := held.Policies.Policy["p"].State.OperStatus; st != yang.PolicyOperStatus_ACTIVE {
		t.Errorf("a tree that was read before changed to %v", st)
	}
	if len(got) != 3 {
		t.Fatalf("got %d changes, want 3", len(got))
	}
	status := func(i *yang.Ifit) string {
		if i == nil {
			return "none"
		}
		return i.Policies.Policy["p"].State.OperStatus.String()
	}
	var trace []string
	for _, c := range got {
		trace = append(trace, status(c.Before)+">"+status(c.After))
	}
	if want := []string{"none>ACTIVE", "ACTIVE>FAILED", "FAILED>none"}; !slices.Equal(trace, want) {
		t.Errorf("changes %v, want %v", trace, want)
	}
	if r := s.Read(state.Everything()); r.Policies != nil {
		t.Error("a deleted policy is still there")
	}
}

func TestReadFillsCopies(t *testing.T) {
	s := state.New(start, 4)
	s.SetPolicy("a", func(*yang.Policy_State) {})
	s.SetPolicy("b", func(*yang.Policy_State) {})
	s.SetCollector("c", func(*yang.Collector_State) {})
	var n uint64
	s.OnReadPolicy(func(_ string, p *yang.Policy) {
		n++
		p.GetOrCreateState().PacketsObserved = ygot.Uint64(n)
	})
	s.OnReadCollector(func(name string, c *yang.Collector_State) { c.LastError = ygot.String("about " + name) })
	s.OnReadNode(func(st *yang.State) { st.KernelRelease = ygot.String("6.18") })

	for _, tt := range []struct {
		name  string
		scope state.Scope
		want  string
	}{
		{"nothing", state.Scope{}, "policies [] collectors [] node none"},
		{"unknown name", state.Scope{Policies: state.Selection{Keys: []string{"x"}}}, "policies [] collectors [] node none"},
		{"one policy", state.Scope{Policies: state.Selection{Keys: []string{"b"}}}, "policies [b=1] collectors [] node none"},
		{
			"pushed only",
			state.Scope{Policies: state.Selection{All: true}, Node: true, PushedOnly: true},
			"policies [a=0 b=0] collectors [] node none",
		},
		{
			"collectors and node",
			state.Scope{Collectors: state.Selection{All: true}, Node: true},
			"policies [] collectors [c=about c] node 6.18",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n = 0
			r := s.Read(tt.scope)
			var policies, collectors []string
			for name, p := range policiesOf(r) {
				policies = append(policies, fmt.Sprintf("%s=%d", name, p.State.GetPacketsObserved()))
			}
			for name, c := range collectorsOf(r) {
				collectors = append(collectors, name+"="+c.State.GetLastError())
			}
			slices.Sort(policies)
			slices.Sort(collectors)
			node := "none"
			if r.State != nil {
				node = r.State.GetKernelRelease()
			}
			if got := fmt.Sprintf("policies %v collectors %v node %s", policies, collectors, node); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestEveryKind sets, reads and deletes one object of each kind.
func TestEveryKind(t *testing.T) {
	s := state.New(start, 4)
	s.OnReadInterface(func(_ string, i *yang.Interface) { i.GetOrCreateState().Mtu = ygot.Uint32(1500) })
	s.OnReadProbe(func(_ string, p *yang.Probe_State) { p.Attachments = ygot.Uint32(2) })
	changes := 0
	s.Watch(func(state.Change) { changes++ })
	s.SetInterface("eth0", func(i *yang.Interface_State) { i.Ifindex = ygot.Uint32(7) })
	s.SetCollector("c", func(*yang.Collector_State) {})
	s.SetProbe("p", func(p *yang.Probe_State) { p.Origin = yang.ProbeOrigin_BUILT_IN })
	s.SetNode(func(n *yang.State) { n.AgentVersion = ygot.String("1") })

	r := s.Read(state.Everything())
	if i := r.Interfaces.Interface["eth0"]; *i.Name != "eth0" || i.State.GetIfindex() != 7 || i.State.GetMtu() != 1500 {
		t.Errorf("interface %+v", i.State)
	}
	if p := r.Probes.Probe["p"]; *p.Name != "p" || p.State.GetAttachments() != 2 || p.State.Origin != yang.ProbeOrigin_BUILT_IN {
		t.Errorf("probe %+v", p.State)
	}
	if *r.Collectors.Collector["c"].Name != "c" || r.State.GetAgentVersion() != "1" {
		t.Error("collector or node is not what was set")
	}
	s.DeleteInterface("eth0")
	s.DeleteCollector("c")
	s.DeleteProbe("p")
	if r := s.Read(state.Everything()); r.Interfaces != nil || r.Collectors != nil || r.Probes != nil {
		t.Error("something is left")
	}
	if changes != 7 {
		t.Errorf("%d changes were reported, want 7", changes)
	}
}

func TestEventRing(t *testing.T) {
	s := state.New(start, 2)
	var trace []string
	s.Watch(func(c state.Change) {
		for _, e := range eventsOf(c.Before) {
			trace = append(trace, "-"+e.State.GetTrigger())
		}
		for _, e := range eventsOf(c.After) {
			trace = append(trace, "+"+e.State.GetTrigger())
		}
	})
	var last uint64
	for i := range 4 {
		id := s.AppendEvent(&yang.Event_State{Trigger: ygot.String(fmt.Sprint(i))})
		if id <= last {
			t.Errorf("event %d got identifier %d after %d", i, id, last)
		}
		last = id
	}
	if want := []string{"+0", "+1", "-0", "+2", "-1", "+3"}; !slices.Equal(trace, want) {
		t.Errorf("changes %v, want %v", trace, want)
	}
	s.SetMaxEvents(1)
	if r := s.Read(state.Scope{Events: true}); len(r.Events.Event) != 1 || r.Events.Event[last].State.GetTrigger() != "3" {
		t.Errorf("after shrinking: %d events, newest missing or old ones left", len(r.Events.Event))
	}
	later := state.New(start.Add(time.Second), 2)
	if id := later.AppendEvent(&yang.Event_State{}); id <= last {
		t.Errorf("an agent started a second later reuses identifier %d (last was %d)", id, last)
	}
}

func policiesOf(r *yang.Ifit) map[string]*yang.Policy {
	if p := r.GetPolicies(); p != nil {
		return p.Policy
	}
	return nil
}

func collectorsOf(r *yang.Ifit) map[string]*yang.Collector {
	if c := r.GetCollectors(); c != nil {
		return c.Collector
	}
	return nil
}

func eventsOf(r *yang.Ifit) map[uint64]*yang.Event {
	if e := r.GetEvents(); e != nil {
		return e.Event
	}
	return nil
}
