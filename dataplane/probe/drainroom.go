package probe

import (
	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/gen/bpf/point"
)

// batch is the number of records that one system call reads or removes. Far more
// than a bucket of the kernel's hash table ever holds, the least that works.
const batch = 4096

// drainRoom is what drains read into, one at a time. It grows to the keys of
// the largest table and is used again.
type drainRoom struct {
	values [2][]point.BPFIfitFlow
	// keys are those of a batch out of a narrow table, completed.
	keys         []FlowKey
	wide, narrow []keyBatch
}

func (e *Engine) drainRoom() *drainRoom {
	if e.room == nil {
		e.room = &drainRoom{keys: make([]FlowKey, batch)}
		for i := range e.room.values {
			e.room.values[i] = make([]point.BPFIfitFlow, batch*e.cpus)
		}
	}
	return e.room
}

// batch is room for the keys of the n-th batch of a table.
func (r *drainRoom) batch(n int, isNarrow bool) keyBatch {
	if isNarrow {
		if n == len(r.narrow) {
			r.narrow = append(r.narrow, keyBatch{narrow: make([]narrow, batch)})
		}
		return r.narrow[n]
	}
	if n == len(r.wide) {
		r.wide = append(r.wide, keyBatch{wide: make([]FlowKey, batch)})
	}
	return r.wide[n]
}

// keyBatch are keys as they lie in a table: one of the two.
type keyBatch struct {
	wide   []FlowKey
	narrow []narrow
}

// keys is what a system call works on.
func (b keyBatch) keys() any {
	if b.narrow != nil {
		return b.narrow
	}
	return b.wide
}

func (b keyBatch) first(n int) keyBatch {
	if b.narrow != nil {
		return keyBatch{narrow: b.narrow[:n]}
	}
	return keyBatch{wide: b.wide[:n]}
}

// deleteFrom removes records from a table.
func (b keyBatch) deleteFrom(table *ebpf.Map) error {
	if len(b.wide)+len(b.narrow) == 0 {
		return nil
	}
	_, err := table.BatchDelete(b.keys(), nil)
	return err
}
