//go:build linux

package livebench

import (
	"testing"

	"github.com/openifit/openifit/lab/testenv"
)

func TestMeasureMeter(t *testing.T) {
	testenv.NeedRoot(t)
	m, err := MeasureMeter(20)
	if err != nil {
		t.Fatal(err)
	}
	if m.Base.P50 <= 0 || m.Added.P50 <= 0 || m.Floor.P50 <= 0 || m.Peer.P50 <= 0 {
		t.Errorf("nothing was measured: %+v", *m)
	}
}

func TestSwapUnderTraffic(t *testing.T) {
	testenv.NeedRoot(t)
	s, err := MeasureSwap(100, 200_000)
	if err != nil {
		t.Fatal(err)
	}
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
