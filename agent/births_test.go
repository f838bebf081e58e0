package agent

import (
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/probe"
)

func TestLoadTimesStay(t *testing.T) {
	at := time.Unix(1000, 0)
	look := func(b births, ids ...uint32) (births, []probe.ProgramState) {
		at = at.Add(time.Microsecond)
		programs := make([]probe.ProgramState, len(ids))
		for i, id := range ids {
			programs[i] = probe.ProgramState{ID: id, LoadedAt: at}
		}
		return b.keep(programs), programs
	}
	b, first := look(nil, 1, 2)
	b, second := look(b, 2, 3)
	if !second[0].LoadedAt.Equal(first[1].LoadedAt) || second[1].LoadedAt.Equal(first[1].LoadedAt) {
		t.Errorf("first %+v, then %+v", first, second)
	}
	if len(b) != 2 {
		t.Errorf("remembers %v, two programs are there", b)
	}
	if _, third := look(b, 1); third[0].LoadedAt.Equal(first[0].LoadedAt) {
		t.Error("a program took over the time of one that is gone")
	}
}
