//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/lab/traffic"
)

// rename gives an interface of the router another name.
func (w *world) rename(t testing.TB, from, to string) {
	t.Helper()
	h := testenv.Netlink(t, w.router)
	link, err := h.LinkByName(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.LinkSetName(link, to); err != nil {
		t.Fatalf("rename %s: %v", from, err)
	}
}

// Policies name interfaces: when two exchange their names under traffic, each
// policy goes where its name went, and every packet is counted once.
func TestRenamedInterface(t *testing.T) {
	w := newWorld(t)
	w.addExtra(t)
	w.start(t)
	c := w.client(t)
	const policyN = "/ifit/policies/policy[name=n]"
	elsewhere := strings.NewReplacer(`"name": "m"`, `"name": "n"`, `"interface": "left"`, `"interface": "extra"`).Replace(metering)
	set(t, c, append(base(collectorPort),
		update("/ifit/interfaces/interface[name=extra]", `{"name": "extra", "config": {"name": "extra", "role": "EDGE"}}`),
		update(policyM, metering), update(policyN, elsewhere))...)
	s := w.traffic(t, traffic.Constant{Flows: 4, Rate: 4000, Payload: 100})
	arrived(t, s, 500)
	w.rename(t, "extra", "away")
	wait(t, "nothing is called extra any more", func() bool {
		return string(get(t, c, "/ifit/interfaces/interface[name=extra]/state/oper-status")) == `"NOT_PRESENT"` &&
			string(get(t, c, policyN+"/state/oper-status")) == `"INACTIVE"`
	})
	if got := string(get(t, c, policyN+"/state/last-error")); !strings.Contains(got, "no interface extra") {
		t.Errorf("last-error %s", got)
	}
	w.rename(t, "left", "extra")
	wait(t, "the policy on extra is where left was", func() bool {
		return string(get(t, c, policyN+"/state/oper-status")) == `"ACTIVE"` &&
			string(get(t, c, policyM+"/state/oper-status")) == `"INACTIVE"`
	})
	if got := string(get(t, c, "/ifit/interfaces/interface[name=left]/state/oper-status")); got != `"NOT_PRESENT"` {
		t.Errorf("left is %s", got)
	}
	arrived(t, s, 500)
	w.rename(t, "extra", "left")
	wait(t, "the policy on left is back", func() bool { return string(get(t, c, policyM+"/state/oper-status")) == `"ACTIVE"` })
	w.rename(t, "away", "extra")
	wait(t, "the policy on extra is back", func() bool { return string(get(t, c, policyN+"/state/oper-status")) == `"ACTIVE"` })
	arrived(t, s, 500)
	truth := w.report(t, s)
	const observed = "/state/packets-observed"
	sum := func() uint64 { return number(t, c, policyM+observed) + number(t, c, policyN+observed) }
	wait(t, "all packets are counted", func() bool { return sum() >= truth.Totals.SentPackets })
	if n := sum(); n != truth.Totals.SentPackets {
		t.Errorf("%d packets counted, %d sent", n, truth.Totals.SentPackets)
	}
	if n := number(t, c, policyN+observed); n < 500 {
		t.Errorf("%d packets counted under the other name", n)
	}
}
