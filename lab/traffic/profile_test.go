package traffic

import (
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func testPairs() []Pair {
	a := netip.MustParseAddr
	return []Pair{{a("10.1.0.2"), a("10.2.0.2")}, {a("2001:db8:1::2"), a("2001:db8:2::2")}}
}

func TestProfilesRefused(t *testing.T) {
	pairs := testPairs()
	good := MiceAndElephants{Pairs: pairs, Mice: 10, Elephants: 2, Rate: 100, Share: 0.8}
	with := func(change func(*MiceAndElephants)) func() (Profile, error) {
		m := good
		change(&m)
		return m.Profile
	}
	for _, c := range []struct {
		name, want string
		make       func() (Profile, error)
	}{
		{"no mice", "at least one", with(func(m *MiceAndElephants) { m.Mice = 0 })},
		{"share 0", "share", with(func(m *MiceAndElephants) { m.Share = 0 })},
		{"share 1", "share", with(func(m *MiceAndElephants) { m.Share = 1 })},
		{"share not a number", "share", with(func(m *MiceAndElephants) { m.Share = math.NaN() })},
		{"rate", "rate", with(func(m *MiceAndElephants) { m.Rate = 0 })},
		{"rate not a number", "rate", with(func(m *MiceAndElephants) { m.Rate = math.NaN() })},
		{"no addresses", "no addresses", with(func(m *MiceAndElephants) { m.Pairs = nil })},
		{"mixed families", "one family", with(func(m *MiceAndElephants) { m.Pairs = []Pair{{pairs[0].Source, pairs[1].Destination}} })},
		{"payload too small", "payload of 31", with(func(m *MiceAndElephants) { m.MousePayload = 31 })},
		{"payload too big", "payload of 1460", with(func(m *MiceAndElephants) { m.ElephantPayload = 1460 })},
		{"too many mice", "source ports", with(func(m *MiceAndElephants) { m.Mice = 600000 })},
		{"no flows", "at least 1", Constant{Pairs: pairs, Rate: 1, Payload: 100}.Profile},
		{"DSCP", "DSCP 64", Constant{Pairs: pairs, Flows: 1, Rate: 1, Payload: 100, DSCP: 64}.Profile},
		{"nothing", "without flows", func() (Profile, error) { return Profile{}, Profile{}.Check() }},
	} {
		if _, err := c.make(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
	}
	if _, err := good.Profile(); err != nil {
		t.Error(err)
	}
}

func TestMiceAndElephantsShare(t *testing.T) {
	m := MiceAndElephants{Pairs: testPairs(), Mice: 20000, Elephants: 8, Rate: 15000, Share: 0.8, Seed: 7}
	p, err := m.Profile()
	if err != nil {
		t.Fatal(err)
	}
	var octets [2]float64
	for i, g := range p.Groups {
		octets[i] = g.Rate * meanOctets(g.Flows)
	}
	if share := octets[0] / (octets[0] + octets[1]); math.Abs(share-0.8) > 1e-9 {
		t.Errorf("elephants carry %v of the octets, want 0.8", share)
	}
	if rate := p.Groups[0].Rate + p.Groups[1].Rate; math.Abs(rate-15000) > 1e-6 {
		t.Errorf("rate %v, want 15000", rate)
	}
	if n := len(p.Flows()); n != 20008 {
		t.Errorf("%d flows", n)
	}
	again, err := m.Profile()
	if err != nil || !reflect.DeepEqual(p, again) {
		t.Errorf("the same seed makes another profile, %v", err)
	}
	m.Seed++
	if other, err := m.Profile(); err != nil || reflect.DeepEqual(p.Flows(), other.Flows()) {
		t.Errorf("another seed makes the same flows, %v", err)
	}
}

func TestPacerRounds(t *testing.T) {
	flows := make([]Flow, 100)
	p := schedule(Profile{Groups: []Group{{Name: "a", Flows: flows[:1]}, {Name: "b", Flows: flows, Packets: 3, Shuffle: true}}})[1]
	counts, orders := map[uint32]int{}, map[uint32]bool{}
	for !p.finished() {
		f := p.next()
		counts[f]++
		if len(orders) < 3 && p.at == 1 {
			orders[f] = true
		}
	}
	for f := uint32(1); f <= 100; f++ {
		if counts[f] != 3 {
			t.Fatalf("flow %d had %d turns, want 3", f, counts[f])
		}
	}
	if len(counts) != 100 || len(orders) < 2 {
		t.Errorf("%d flows, %d different beginnings of three rounds", len(counts), len(orders))
	}
}
