package gnmi_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc/codes"

	"github.com/openifit/openifit/gen/yang"
)

func onChange(t testing.TB, at ...string) *gpb.SubscriptionList {
	t.Helper()
	l := &gpb.SubscriptionList{Encoding: gpb.Encoding_JSON_IETF}
	for _, p := range at {
		l.Subscription = append(l.Subscription, &gpb.Subscription{Path: path(t, p), Mode: gpb.SubscriptionMode_ON_CHANGE})
	}
	return l
}

func sample(t testing.TB, at string, every time.Duration) *gpb.SubscriptionList {
	t.Helper()
	return &gpb.SubscriptionList{Encoding: gpb.Encoding_JSON_IETF, Subscription: []*gpb.Subscription{{
		Path: path(t, at), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(every),
	}}}
}

func once(t testing.TB, at ...string) *gpb.SubscriptionList {
	t.Helper()
	l := onChange(t, at...)
	l.Mode = gpb.SubscriptionList_ONCE
	return l
}

func with(l *gpb.SubscriptionList, edit func(*gpb.SubscriptionList)) *gpb.SubscribeRequest {
	edit(l)
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: l}}
}

func TestSubscribeRefuses(t *testing.T) {
	n := start(t)
	n.fill(t)
	for _, tt := range []struct {
		name string
		req  *gpb.SubscribeRequest
		code codes.Code
		part string
	}{
		{"empty message", &gpb.SubscribeRequest{}, codes.InvalidArgument, "SubscriptionList"},
		{"poll first", &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Poll{Poll: &gpb.Poll{}}}, codes.InvalidArgument, "SubscriptionList"},
		{"no subscription", with(onChange(t), func(*gpb.SubscriptionList) {}), codes.InvalidArgument, "no subscription"},
		{"too many subscriptions", with(onChange(t, "/ifit"), func(l *gpb.SubscriptionList) { l.Subscription = slices.Repeat(l.Subscription, 10_000) }),
			codes.ResourceExhausted, "1024"},
		{"unknown path", with(onChange(t, "/ifit/nothing"), func(*gpb.SubscriptionList) {}), codes.Unimplemented, "/ifit/nothing"},
		{"malformed path", with(onChange(t, "/ifit[x=1]"), func(*gpb.SubscriptionList) {}), codes.InvalidArgument, "no list"},
		{"undefined mode of the list", with(onChange(t, "/ifit"), func(l *gpb.SubscriptionList) { l.Mode = 42 }), codes.InvalidArgument, "42"},
		{"undefined mode", with(onChange(t, "/ifit"), func(l *gpb.SubscriptionList) { l.Subscription[0].Mode = 42 }), codes.InvalidArgument, "42"},
		{"encoding", with(onChange(t, "/ifit"), func(l *gpb.SubscriptionList) { l.Encoding = gpb.Encoding_BYTES }), codes.Unimplemented, "BYTES"},
		{"model", with(onChange(t, "/ifit"), func(l *gpb.SubscriptionList) { l.UseModels = []*gpb.ModelData{{Name: "nothing"}} }), codes.InvalidArgument, "nothing"},
		{"1 ms samples", with(sample(t, "/ifit", time.Millisecond), func(*gpb.SubscriptionList) {}), codes.InvalidArgument, "100000000 ns"},
		{"endless interval", with(sample(t, "/ifit", 0), func(l *gpb.SubscriptionList) { l.Subscription[0].SampleInterval = 1 << 63 }), codes.InvalidArgument, "too long"},
		{"1 ms heartbeat", with(onChange(t, "/ifit"), func(l *gpb.SubscriptionList) { l.Subscription[0].HeartbeatInterval = 1e6 }), codes.InvalidArgument, "heartbeat_interval"},
		{"ON_CHANGE of a counter", with(onChange(t, atX+"/state/packets-observed"), func(*gpb.SubscriptionList) {}), codes.InvalidArgument, "SAMPLE"},
		{"ON_CHANGE of heavy flows", with(onChange(t, atX+"/state/heavy-flows"), func(*gpb.SubscriptionList) {}), codes.InvalidArgument, "SAMPLE"},
		{"config subscription", &gpb.SubscribeRequest{Extension: []*extpb.Extension{{Ext: &extpb.Extension_ConfigSubscription{}}}}, codes.Unimplemented, "config subscription"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantCode(t, n.open(t, tt.req).end(), tt.code, tt.part)
		})
	}
	t.Run("second message", func(t *testing.T) {
		w := n.subscribe(t, onChange(t, "/ifit"))
		w.sync()
		if err := w.stream.Send(with(onChange(t, "/ifit"), func(*gpb.SubscriptionList) {})); err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.end(), codes.InvalidArgument, "one message only")
	})
	t.Run("not a poll", func(t *testing.T) {
		w := n.open(t, with(onChange(t, "/ifit"), func(l *gpb.SubscriptionList) { l.Mode = gpb.SubscriptionList_POLL }))
		w.sync()
		if err := w.stream.Send(with(onChange(t, "/ifit"), func(*gpb.SubscriptionList) {})); err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.end(), codes.InvalidArgument, "Poll messages only")
	})
	t.Run("no message at all", func(t *testing.T) {
		w := n.open(t, nil)
		if err := w.stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := w.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestSubscribeOnce(t *testing.T) {
	n := start(t)
	n.fill(t)
	n.state.SetPolicy("x", func(st *yang.Policy_State) { st.PacketsObserved = ygot.Uint64(5) })
	w := n.subscribe(t, once(t, "/ifit/collectors/collector[name=*]/config/address", atX+"/state/packets-observed", atX+"/state", "/ifit/probes"))
	got := w.sync()
	slices.Sort(got)
	p := n.server.Snapshot().Policies["x"]
	want := []string{
		`/ifit/collectors/collector[name=c]/config/address="192.0.2.1"`,
		atX + "/state/enabled=true",
		fmt.Sprintf("%s/state/generation=%d", atX, p.Generation),
		fmt.Sprintf("%s/state/id=%d", atX, p.ID),
		atX + "/state/lifetime=0",
		atX + "/state/local-originated=false",
		atX + `/state/name="x"`,
		atX + `/state/packets-observed="5"`, // once, though two subscriptions mean it
		atX + "/state/priority=100",
		atX + `/state/technique="openifit-types:FLOW_METERING"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if err := w.end(); err != nil {
		t.Errorf("ONCE ends with %v", err)
	}
	w = n.open(t, with(once(t, "/ifit"), func(l *gpb.SubscriptionList) { l.UpdatesOnly = true }))
	if got := w.sync(); len(got) > 0 {
		t.Errorf("updates_only gives %q", got)
	}
}

func TestSubscribePoll(t *testing.T) {
	n := start(t)
	n.fill(t)
	at := atX + "/config/priority"
	w := n.open(t, with(onChange(t, at), func(l *gpb.SubscriptionList) { l.Mode = gpb.SubscriptionList_POLL }))
	for _, want := range []string{"100", "7", "8"} {
		if got := w.sync(); len(got) != 1 || got[0] != at+"="+want {
			t.Errorf("got %q, want %s", got, want)
		}
		next := map[string]string{"100": "7", "7": "8", "8": "9"}[want]
		n.mustSet(t, update(t, at, next))
		if err := w.stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Poll{Poll: &gpb.Poll{}}}); err != nil {
			t.Fatal(err)
		}
	}
	w.sync()
	if err := w.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := w.end(); err != nil {
		t.Errorf("POLL ends with %v", err)
	}
}

// TestOnChange checks what subscribers see of each kind of change.
func TestOnChange(t *testing.T) {
	const y = "/ifit/policies/policy[name=y]"
	for _, tt := range []struct {
		name   string
		path   string
		change func(n *node)
		want   []string
	}{
		{"leaf", atX + "/config", func(n *node) { n.mustSet(t, update(t, atX+"/config/priority", "7")) },
			[]string{atX + "/config/priority=7"}},
		{"leaf and the state that repeats it", atX + "/.../priority", func(n *node) { n.mustSet(t, update(t, atX+"/config/priority", "7")) },
			[]string{atX + "/config/priority=7", atX + "/state/priority=7"}},
		{"back to the default is an update", atX + "/packet-selection/config/algorithm", func(n *node) {
			if _, err := n.set(t, &gpb.SetRequest{Delete: []*gpb.Path{path(t, atX+"/packet-selection")}}); err != nil {
				t.Error(err)
			}
		}, []string{atX + `/packet-selection/config/algorithm="ALL"`}},
		{"leaf deleted", atX + "/packet-selection/config", func(n *node) {
			if _, err := n.set(t, &gpb.SetRequest{Delete: []*gpb.Path{path(t, atX+"/packet-selection")}}); err != nil {
				t.Error(err)
			}
		}, []string{"-" + atX + "/packet-selection/config/probability", atX + `/packet-selection/config/algorithm="ALL"`}},
		{"path created later", y + "/config/technique", func(n *node) { n.mustSet(t, update(t, y+"/config/technique", `"EVENT_MONITOR"`)) },
			[]string{y + `/config/technique="openifit-types:EVENT_MONITOR"`}},
		{"entry created, by wildcard", "/ifit/policies/policy[name=*]/config/technique", func(n *node) { n.mustSet(t, update(t, y+"/config/technique", `"EVENT_MONITOR"`)) },
			[]string{y + `/config/technique="openifit-types:EVENT_MONITOR"`}},
		{"entry deleted", "/ifit/policies/policy[name=*]/config/technique", func(n *node) {
			if _, err := n.set(t, &gpb.SetRequest{Delete: []*gpb.Path{path(t, atX)}}); err != nil {
				t.Error(err)
			}
		}, []string{"-" + atX}},
		{"inner entry deleted", atX + "/flow-selection", func(n *node) {
			if _, err := n.set(t, &gpb.SetRequest{Delete: []*gpb.Path{path(t, atX+"/flow-selection/rules/rule")}}); err != nil {
				t.Error(err)
			}
		}, []string{"-" + atX + "/flow-selection/rules/rule[sequence-id=10]"}},
		{"pushed state", atX + "/state/oper-status", func(n *node) {
			n.state.SetPolicy("x", func(st *yang.Policy_State) { st.OperStatus = yang.PolicyOperStatus_ACTIVE })
		}, []string{atX + `/state/oper-status="ACTIVE"`}},
		{"pushed state that goes", "/ifit/interfaces/interface[name=eth0]/state", func(n *node) {
			n.state.SetInterface("eth0", func(st *yang.Interface_State) { st.Ifindex = ygot.Uint32(9) })
			n.state.SetInterface("eth0", func(st *yang.Interface_State) { st.Ifindex = nil })
			n.state.SetInterface("eth0", func(st *yang.Interface_State) { st.Mtu = ygot.Uint32(1500) })
		}, []string{"-/ifit/interfaces/interface[name=eth0]/state/ifindex", "/ifit/interfaces/interface[name=eth0]/state/mtu=1500"}},
		{"counters move", atX + "/state", func(n *node) {
			n.state.SetPolicy("x", func(st *yang.Policy_State) { st.PacketsObserved = ygot.Uint64(9) })
			n.state.SetPolicy("x", func(st *yang.Policy_State) { st.LastError = ygot.String("no") })
		}, []string{atX + `/state/last-error="no"`}},
		{"event", "/ifit/events", func(n *node) {
			n.state.AppendEvent(&yang.Event_State{Policy: ygot.String("x"), Metric: yang.METRIC_TRANSIT_DELAY, Value: ygot.Uint64(1 << 60)})
		}, []string{"EVENT/id", "EVENT/state/id", `EVENT/state/metric="openifit-types:TRANSIT_DELAY"`, `EVENT/state/policy="x"`, `EVENT/state/value="1152921504606846976"`}},
		{"the same value again", atX + "/config", func(n *node) {
			n.mustSet(t, update(t, atX+"/config/priority", "100"))
			n.mustSet(t, update(t, atX+"/config/owner", `"me"`))
		}, []string{atX + `/config/owner="me"`}},
		{"somebody else", atX + "/config", func(n *node) {
			n.mustSet(t, update(t, y+"/config/technique", `"EVENT_MONITOR"`))
			n.mustSet(t, update(t, atX+"/config/owner", `"me"`))
		}, []string{atX + `/config/owner="me"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := start(t)
			n.fill(t)
			w := n.subscribe(t, onChange(t, tt.path))
			w.sync()
			tt.change(n)
			n.state.SetNode(func(st *yang.State) { st.AgentVersion = ygot.String("end") })
			var got []string
			for len(got) < len(tt.want) {
				for _, l := range w.next() {
					got = append(got, normal(l))
				}
			}
			// A value that came and went may or may not have been seen.
			if tt.name == "pushed state that goes" {
				got = slices.DeleteFunc(got, func(l string) bool { return strings.HasSuffix(l, "ifindex=9") })
				for len(got) < len(tt.want) {
					got = append(got, w.next()...)
				}
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// normal hides the number of an event.
func normal(line string) string {
	if rest, ok := strings.CutPrefix(line, "/ifit/events/event[id="); ok {
		_, rest, _ = strings.Cut(rest, "]")
		name, value, _ := strings.Cut(rest, "=")
		if strings.HasSuffix(name, "/id") {
			return "EVENT" + name
		}
		return "EVENT" + name + "=" + value
	}
	return line
}

func TestSubscribePrefix(t *testing.T) {
	n := start(t)
	n.fill(t)
	w := n.open(t, with(onChange(t, "config"), func(l *gpb.SubscriptionList) {
		l.Prefix = path(t, atX)
		l.Prefix.Target = "r1"
	}))
	count := 0
	for r := range w.ch {
		if r.GetSyncResponse() {
			break
		}
		count += len(r.GetUpdate().Update)
		if got := r.GetUpdate().GetPrefix().GetTarget(); got != "r1" {
			t.Errorf("target %q", got)
		}
	}
	if count != 6 {
		t.Errorf("%d leaves, want 6", count)
	}
}

func TestSample(t *testing.T) {
	n := start(t)
	n.fill(t)
	observed := make(chan uint64, 1)
	last := uint64(0)
	n.state.OnReadPolicy(func(_ string, p *yang.Policy) {
		select {
		case last = <-observed:
		default:
		}
		if last > 0 {
			p.GetOrCreateState().PacketsObserved = ygot.Uint64(last)
		}
	})
	at := atX + "/state/packets-observed"
	w := n.subscribe(t, sample(t, at, 0))
	if got := w.sync(); len(got) > 0 {
		t.Errorf("a counter that is not there: %q", got)
	}
	// It comes, moves, is repeated though it does not move, and goes.
	observed <- 1
	w.until(at + `="1"`)
	observed <- 2
	w.until(at + `="2"`)
	w.until(at + `="2"`)
	observed <- 0
	w.until("-" + at)
}

func TestSampleSuppressed(t *testing.T) {
	n := start(t)
	n.fill(t)
	n.state.OnReadPolicy(func(_ string, p *yang.Policy) { p.GetOrCreateState().OctetsObserved = ygot.Uint64(1) })
	var packets atomic.Uint64
	n.state.OnReadPolicy(func(_ string, p *yang.Policy) { p.GetOrCreateState().PacketsObserved = ygot.Uint64(packets.Add(1)) })
	l := sample(t, atX+"/state", 0)
	l.Subscription[0].SuppressRedundant = true
	w := n.subscribe(t, l)
	if first := w.sync(); !slices.Contains(first, atX+`/state/octets-observed="1"`) {
		t.Errorf("first values %q", first)
	}
	for range 3 {
		if got := w.next(); len(got) != 1 || !strings.HasPrefix(got[0], atX+"/state/packets-observed=") {
			t.Errorf("redundant values: %q", got)
		}
	}
	l.Subscription[0].HeartbeatInterval = uint64(200 * time.Millisecond)
	w = n.subscribe(t, l)
	w.sync()
	w.until(atX + `/state/octets-observed="1"`)
}

// An object is large: it is sent when it changes, whatever the interval.
func TestSampleSendsObjectsOnce(t *testing.T) {
	n := start(t)
	at := "/ifit/probes/probe[name=p]/config"
	n.mustSet(t, update(t, at, `{"name": "p", "object": "AAAA", "description": "one"}`))
	w := n.subscribe(t, sample(t, at, 0))
	has := func(got []string) bool {
		return slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, at+"/object=") })
	}
	if first := w.sync(); !has(first) {
		t.Errorf("first values %q", first)
	}
	for range 2 {
		if got := w.next(); has(got) || len(got) == 0 {
			t.Errorf("later values %q", got)
		}
	}
	n.mustSet(t, update(t, at+"/object", `"BBBB"`))
	for !has(w.next()) {
		// A round may have begun before the Set; the test's own time bounds this.
		continue
	}
}

func TestHeartbeat(t *testing.T) {
	n := start(t)
	n.fill(t)
	at := atX + "/config/priority"
	w := n.open(t, with(onChange(t, at), func(l *gpb.SubscriptionList) { l.Subscription[0].HeartbeatInterval = uint64(fastest) }))
	w.sync()
	for range 2 {
		if got := w.next(); len(got) != 1 || got[0] != at+"=100" {
			t.Errorf("heartbeat %q", got)
		}
	}
	n.mustSet(t, update(t, at, "5"))
	w.until(at + "=5")
}

const fastest = 100 * time.Millisecond

// TestUpdatesOnly checks that values which were there before are not sent, but
// their changes are.
func TestUpdatesOnly(t *testing.T) {
	n := start(t)
	n.fill(t)
	w := n.open(t, with(onChange(t, atX+"/config"), func(l *gpb.SubscriptionList) { l.UpdatesOnly = true }))
	if got := w.sync(); len(got) > 0 {
		t.Errorf("before the sync: %q", got)
	}
	n.mustSet(t, update(t, atX+"/config/priority", "5"))
	if got := w.next(); len(got) != 1 || got[0] != atX+"/config/priority=5" {
		t.Errorf("got %q", got)
	}
}

// TestTargetDefined checks that one subscription gets both what is pushed and
// what is sampled.
func TestTargetDefined(t *testing.T) {
	n := start(t)
	n.fill(t)
	n.state.OnReadPolicy(func(_ string, p *yang.Policy) { p.GetOrCreateState().PacketsObserved = ygot.Uint64(3) })
	l := onChange(t, atX+"/state")
	l.Subscription[0].Mode = gpb.SubscriptionMode_TARGET_DEFINED
	w := n.subscribe(t, l)
	first := w.sync()
	for _, want := range []string{atX + `/state/packets-observed="3"`, atX + "/state/enabled=true"} {
		if !slices.Contains(first, want) {
			t.Errorf("%s is missing from %q", want, first)
		}
	}
	n.state.SetPolicy("x", func(st *yang.Policy_State) { st.OperStatus = yang.PolicyOperStatus_ACTIVE })
	w.until(atX + `/state/oper-status="ACTIVE"`)
}

// TestHalfClosed checks that a client which has said all it will say goes on
// listening.
func TestHalfClosed(t *testing.T) {
	n := start(t)
	n.fill(t)
	w := n.subscribe(t, onChange(t, atX+"/config/priority"))
	w.sync()
	if err := w.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	n.mustSet(t, update(t, atX+"/config/priority", "5"))
	w.until(atX + "/config/priority=5")
}

// TestSyncComesAfterRace makes changes while a subscription begins: none may
// be lost, and the last value sent must be the last value set.
func TestSyncComesAfterRace(t *testing.T) {
	n := start(t)
	n.fill(t)
	at := atX + "/config/priority"
	for round := range 20 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 20 {
				if _, err := n.set(t, &gpb.SetRequest{Update: []*gpb.Update{update(t, at, fmt.Sprint(round*100+i))}}); err != nil {
					t.Error(err)
				}
			}
		}()
		w := n.subscribe(t, onChange(t, at))
		<-done
		final := fmt.Sprintf("%s=%d", at, round*100+19)
		got := w.sync()
		for len(got) == 0 || got[len(got)-1] != final {
			got = append(got, w.next()...)
		}
	}
}
