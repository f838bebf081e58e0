package agent

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/openifit/openifit/agent/meter"
)

// countersMagic begins a counter file; it tells layout and byte order.
const countersMagic uint64 = 0x6f70656e69666974 ^ 2

// maxCounted is the number of policies that a node can have, by its model;
// maxNotes that of flow tables which await their removal, far more than there
// are Observation Points.
const maxCounted, maxNotes = 65536, 4096

// countersHeader begins the file. What the file says holds up to the commit
// with the number committed: one store puts a commit into force.
type countersHeader struct {
	magic     uint64
	committed uint64
	// boot is the boot that the kernel's numbers belong to.
	boot [40]byte
}

// version is what an object has been since a commit.
type version[T any] struct {
	commit uint64
	value  T
}

// versioned is an object of the file. Of its two versions the last one that
// was committed holds; the other one is where the next commit writes.
type versioned[T any] struct {
	// id is 0 where there is no object.
	id       uint32
	_        uint32
	versions [2]version[T]
}

// keptTotals leave room for counters that later versions append.
type keptTotals struct {
	meter.Totals
	_ [keptRoom - unsafe.Sizeof(meter.Totals{})]byte
}

const keptRoom = 128

// countersFileLayout is the whole file.
type countersFileLayout struct {
	header  countersHeader
	notes   [maxNotes]versioned[uint32]
	entries [maxCounted]versioned[keptTotals]
}

// oldMagic begins the file of agents that knew no commits: each policy had the
// totals of meter.Totals, as they are, behind its number.
const oldMagic uint64 = 0x6f70656e69666974 ^ 1

const oldEntry = 8 + 7*8 // octets

// convert brings a file of the former layout into this one, in one move.
func convert(path string) error {
	data, err := os.ReadFile(path)
	const header, stride = int(unsafe.Sizeof(oldMagic)), oldEntry
	if errors.Is(err, os.ErrNotExist) || err == nil && (len(data) < header || binary.NativeEndian.Uint64(data) != oldMagic) {
		return nil
	}
	if err != nil {
		return err
	}
	layout := new(countersFileLayout)
	layout.header.magic = countersMagic
	n := 0
	for at := header; at+stride <= len(data) && n < maxCounted; at += stride {
		word := func(i int) uint64 { return binary.NativeEndian.Uint64(data[at+8*i:]) }
		if policy := uint32(word(0)); policy != 0 {
			layout.entries[n].id = policy
			layout.entries[n].versions[0].value.Totals = meter.Totals{
				PacketsObserved: word(1), OctetsObserved: word(2), PacketsSelected: word(3), OctetsSelected: word(4),
				Records: word(5), Early: word(6),
			}
			n++
		}
	}
	used := unsafe.Offsetof(layout.entries) + uintptr(n)*unsafe.Sizeof(layout.entries[0])
	next := path + ".next"
	if err := os.WriteFile(next, unsafe.Slice((*byte)(unsafe.Pointer(layout)), used), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// shape gives a file its size, and empties one of an unknown layout. Nearly all
// of it is a hole that takes no space.
func shape(file *os.File, size int64) error {
	var magic [unsafe.Sizeof(countersMagic)]byte
	if _, err := file.ReadAt(magic[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if binary.NativeEndian.Uint64(magic[:]) != countersMagic {
		if err := file.Truncate(0); err != nil {
			return err
		}
	}
	return file.Truncate(size)
}

// settle forgets what was written for a commit that did not take place.
func (v *versioned[T]) settle(committed uint64) {
	for i := range v.versions {
		if v.versions[i].commit > committed {
			v.versions[i] = version[T]{}
		}
	}
}

func (v *versioned[T]) current() *T { return &v.versions[v.latest()].value }

func (v *versioned[T]) latest() int {
	if v.versions[1].commit > v.versions[0].commit {
		return 1
	}
	return 0
}

// set writes what will hold from a commit on.
func (v *versioned[T]) set(commit uint64, value T) {
	v.versions[1-v.latest()] = version[T]{commit, value}
}

// begin makes an object, free ends it; a death in between leaves a free place.
func (v *versioned[T]) begin(id uint32) {
	v.versions = [2]version[T]{}
	atomic.StoreUint32(&v.id, id)
}

func (v *versioned[T]) free() { atomic.StoreUint32(&v.id, 0) }

// vacant finds a free place, nil when there is none.
func vacant[T any](places []versioned[T]) *versioned[T] {
	i := slices.IndexFunc(places, func(v versioned[T]) bool { return v.id == 0 })
	if i < 0 {
		return nil
	}
	return &places[i]
}
