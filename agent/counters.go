package agent

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/dataplane/probe"
)

// countersFile is where counters live in the state directory.
const countersFile = "counters"

// counters are the totals of all policies, over all lives of the agent. They
// lie in a file that is mapped into memory, together with notes of the flow
// tables that they include: so they are exact however the agent ends.
type counters struct {
	meter *meter.Meter
	data  []byte

	mu       sync.Mutex
	header   *countersHeader
	entries  []versioned[keptTotals]
	byPolicy map[uint32]*counted
	// notes name the table of each pair that was counted last.
	notes  []versioned[uint32]
	byPair map[uint32]*versioned[uint32]
}

// counted is a policy's place in the file, and what the meter counts, which
// holds as soon as it is committed.
type counted struct {
	entry   *versioned[keptTotals]
	working meter.Totals
}

// openCounters maps the file of earlier lives, or begins a new one.
func openCounters(dir string, m *meter.Meter) (*counters, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("open counters: identify the boot: %w", err)
	}
	path := filepath.Join(dir, countersFile)
	if err := convert(path); err != nil {
		return nil, fmt.Errorf("convert counters: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	defer file.Close()
	const size = int(unsafe.Sizeof(countersFileLayout{}))
	if err := shape(file, int64(size)); err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	data, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map counters: %w", err)
	}
	layout := (*countersFileLayout)(unsafe.Pointer(&data[0]))
	c := &counters{
		meter: m, data: data, header: &layout.header, entries: layout.entries[:], notes: layout.notes[:],
		byPolicy: make(map[uint32]*counted), byPair: make(map[uint32]*versioned[uint32]),
	}
	c.adopt(boot)
	return c, nil
}

// adopt takes over what an earlier life has left.
func (c *counters) adopt(boot []byte) {
	c.header.magic = countersMagic
	for i := range c.entries {
		if e := &c.entries[i]; e.id != 0 {
			e.settle(c.header.committed)
			c.byPolicy[e.id] = &counted{e, e.current().Totals}
		}
	}
	var now [len(c.header.boot)]byte
	copy(now[:], boot)
	if c.header.boot != now {
		// The tables have gone with their kernel.
		clear(c.notes)
		c.header.boot = now
	}
	for i := range c.notes {
		if n := &c.notes[i]; n.id != 0 {
			n.settle(c.header.committed)
			c.byPair[n.id] = n
		}
	}
}

// place returns where the meter counts for a policy. It gives the policy a
// place in the file if it has none; nil when all are taken.
func (c *counters) place(policy uint32) *meter.Totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byPolicy[policy]; e != nil {
		return &e.working
	}
	entry := vacant(c.entries)
	if entry == nil {
		return nil
	}
	entry.begin(policy)
	e := &counted{entry: entry}
	c.byPolicy[policy] = e
	return &e.working
}

// keep frees the places of policies that are gone, as soon as the meter has
// forgotten them too.
func (c *counters) keep(policies map[uint32]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, e := range c.byPolicy {
		if policies[id] {
			continue
		}
		if _, counting := c.meter.Totals(id); counting {
			continue
		}
		delete(c.byPolicy, id)
		e.entry.free()
	}
}

// of reads a policy's counters, as far as they can never run backwards.
func (c *counters) of(policy uint32) (out meter.Totals) {
	now, _ := c.meter.Totals(policy)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byPolicy[policy]; e != nil {
		out = e.entry.current().Totals
	}
	out.Flows = now.Flows
	return out
}

// Counted tells whether the totals include the records in a flow table.
func (c *counters) Counted(table probe.Table) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	note := c.byPair[table.Pair]
	return note != nil && *note.current() == table.ID
}

// Commit makes the totals hold, and with them that they include a flow table.
func (c *counters) Commit(table probe.Table) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	note := c.byPair[table.Pair]
	if note == nil {
		if note = vacant(c.notes); note == nil {
			return fmt.Errorf("counters: no place to note another of %d flow tables", maxNotes)
		}
		note.begin(table.Pair)
		c.byPair[table.Pair] = note
	}
	next := c.header.committed + 1
	note.set(next, table.ID)
	c.meter.Still(func() {
		for _, e := range c.byPolicy {
			if e.entry.current().Totals != e.working {
				e.entry.set(next, keptTotals{Totals: e.working})
			}
		}
	})
	atomic.StoreUint64(&c.header.committed, next)
	return nil
}

// Keep forgets the notes of all pairs of tables but these.
func (c *counters) Keep(pairs map[uint32]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.byPair, func(pair uint32, note *versioned[uint32]) bool {
		if !pairs[pair] {
			note.free()
		}
		return !pairs[pair]
	})
}

// close unmaps the file. The meter must not count any more.
func (c *counters) close() error {
	if err := unix.Munmap(c.data); err != nil {
		return fmt.Errorf("unmap counters: %w", err)
	}
	return nil
}
