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
	t.Logf("%+v", *m)
	if m.Base.P50 <= 0 || m.Added.P50 <= m.Null.P50 {
		t.Errorf("nothing was measured: %+v", *m)
	}
}
