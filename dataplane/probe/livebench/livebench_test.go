//go:build linux

package livebench

import (
	"testing"

	"github.com/openifit/openifit/lab/testenv"
)

func TestMeasureMeter(t *testing.T) {
	testenv.NeedRoot(t)
	m, err := MeasureMeter(20, FewFlows)
	if err != nil {
		t.Fatal(err)
	}
	if m.Base.P50 <= 0 || m.Added.P50 <= 0 || m.Floor.P50 <= 0 || m.Peer.P50 <= 0 {
		t.Errorf("nothing was measured: %+v", *m)
	}
}

func TestMeasureClassify(t *testing.T) {
	testenv.NeedRoot(t)
	c, err := MeasureClassify(5)
	if err != nil {
		t.Fatal(err)
	}
	if c.KnownOne.P50 <= 0 || c.KnownMany.P50 <= 0 || c.FirstOne.P50 <= 0 || c.FirstMany.P50 <= 0 {
		t.Errorf("nothing was measured: %+v", *c)
	}
}

func TestSwapUnderTraffic(t *testing.T) {
	testenv.NeedRoot(t)
	s, err := MeasureSwap(30, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *s)
	if s.Counted != s.Packets || s.Recorded != s.Packets || s.Orphans != 0 {
		t.Errorf("not every packet counted once: %+v", *s)
	}
}

func TestDrainUnderTraffic(t *testing.T) {
	testenv.NeedRoot(t)
	d, err := MeasureDrain(20_000, 50)
	if err != nil {
		t.Fatal(err)
	}
	if d.Flows != 20_000 || d.Recorded != d.Packets || d.TrafficRecorded != d.TrafficPackets || d.TrafficPackets == 0 {
		t.Errorf("not every packet in one record: %+v", *d)
	}
}

func TestMeasureAll(t *testing.T) {
	testenv.NeedRoot(t)
	a, err := MeasureAll(5)
	if err != nil {
		t.Fatal(err)
	}
	if a.Metering.P50 <= 0 || a.All.P50 <= 0 {
		t.Errorf("nothing was measured: %+v", *a)
	}
}

func TestMeasureForward(t *testing.T) {
	testenv.NeedRoot(t)
	f, err := MeasureForward(5)
	if err != nil {
		t.Fatal(err)
	}
	// Forwarding costs several times what an empty program does.
	if f.Base.P50 <= 0 || f.InOut.P50 <= 0 {
		t.Errorf("nothing was measured: %+v", *f)
	}
}
