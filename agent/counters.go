package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/agent/meter"
)

// countersFile is where counters live in the state directory.
const countersFile = "counters"

// countersMagic begins a counter file; it tells layout and byte order.
const countersMagic uint64 = 0x6f70656e69666974 ^ 1

// maxCounted is the number of policies that a node can have, by its model.
const maxCounted = 65536

// counted is a policy's place in the file.
type counted struct {
	policy uint32
	_      uint32
	totals meter.Totals
}

// counters are the totals of all policies, over all lives of the agent. They
// lie in a file that is mapped into memory, so that each count is kept as soon
// as it is made, however the agent ends.
type counters struct {
	meter *meter.Meter
	data  []byte

	mu       sync.Mutex
	entries  []counted
	byPolicy map[uint32]*counted
}

// openCounters maps the file of earlier lives, or begins a new one.
func openCounters(dir string, m *meter.Meter) (*counters, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, countersFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	defer file.Close()
	const header = int(unsafe.Sizeof(countersMagic))
	const size = header + maxCounted*int(unsafe.Sizeof(counted{}))
	// Nearly all of it is a hole that takes no space.
	if err := file.Truncate(int64(size)); err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	data, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map counters: %w", err)
	}
	c := &counters{
		meter: m, data: data, byPolicy: make(map[uint32]*counted),
		entries: unsafe.Slice((*counted)(unsafe.Pointer(&data[header])), maxCounted),
	}
	if magic := (*uint64)(unsafe.Pointer(&data[0])); *magic != countersMagic {
		clear(c.entries)
		*magic = countersMagic
	}
	for i := range c.entries {
		if e := &c.entries[i]; e.policy != 0 {
			c.byPolicy[e.policy] = e
		}
	}
	return c, nil
}

// place returns where a policy's counters live. It gives the policy a place if
// it has none; nil when all are taken.
func (c *counters) place(policy uint32) *meter.Totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byPolicy[policy]; e != nil {
		return &e.totals
	}
	for i := range c.entries {
		if e := &c.entries[i]; e.policy == 0 {
			*e = counted{policy: policy}
			c.byPolicy[policy] = e
			return &e.totals
		}
	}
	return nil
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
		*e = counted{}
	}
}

// of reads a policy's counters.
func (c *counters) of(policy uint32) meter.Totals {
	if t, ok := c.meter.Totals(policy); ok {
		return t
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byPolicy[policy]; e != nil {
		return e.totals
	}
	return meter.Totals{}
}

// close unmaps the file. The meter must not count any more.
func (c *counters) close() error {
	if err := unix.Munmap(c.data); err != nil {
		return fmt.Errorf("unmap counters: %w", err)
	}
	return nil
}
