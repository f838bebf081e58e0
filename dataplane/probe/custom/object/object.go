// Package object reads probes that an operator brings, as ELF objects, and
// refuses what could do harm before any kernel sees them.
package object

//go:generate go run ./internal/compile testdata

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// Section is the ELF section of a probe's function.
const Section = "ifit/probe"

// Object is a probe that has passed every check.
type Object struct {
	// Name is that of the function in the object.
	Name string
	// Digest is the SHA-256 of the object's octets, Size their number.
	Digest  [sha256.Size]byte
	Size    int
	License string
	// Instructions are those of the function and of all that it calls.
	Instructions int
	// Capture is how many octets of a packet the probe looks at.
	Capture int
	// Parameters can be set for each policy.
	Parameters []Parameter
	// Record is what the probe reports one at a time, Counters what it adds
	// up; each is nil where the probe declares none.
	Record, Counters *Struct
	Maps             []Map

	spec *ebpf.CollectionSpec
}

// Map describes a map of the probe.
type Map struct {
	Name, Type string
	Entries    uint32
	// Octets is an estimate of the kernel's memory, all CPUs together.
	Octets uint64
}

// Names by which an object and the agent know each other.
const (
	recordMap    = "ifit_records"
	counterMap   = "ifit_counters"
	lostVariable = "ifit_records_lost"
	parameterVar = "parameters"
	packetType   = "ifit_packet"
	// reservedPrefix begins the names of what the agent adds.
	reservedPrefix = "ifit_agent_"
)

// RecordMap is the name of the ring buffer of records, CounterMap that of the
// array of counters, and LostVariable that of the count of records for which
// there was no room.
const (
	RecordMap    = recordMap
	CounterMap   = counterMap
	LostVariable = lostVariable
)

// MapOctets is the sum over all maps.
func (o *Object) MapOctets() (sum uint64) {
	for _, m := range o.Maps {
		sum += m.Octets
	}
	return sum
}

// Spec returns what a kernel is to load, the function by its name. It is the
// caller's to change.
func (o *Object) Spec() *ebpf.CollectionSpec { return o.spec.Copy() }

// Read checks an object. Its error is one sentence that says what is refused
// and where. However broken the object is, Read returns.
func Read(data []byte, limits Limits) (_ *Object, err error) {
	// The reader of ELF and BTF is not ours, and the object may be anybody's.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the object is broken: its reader gave up (%v)", p)
		}
	}()
	if len(data) == 0 {
		return nil, errors.New("the object is empty")
	}
	if len(data) > limits.Size {
		return nil, fmt.Errorf("the object has %d octets, at most %d are taken", len(data), limits.Size)
	}
	if err := checkELF(data, limits); err != nil {
		return nil, err
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the object is broken: %w", err)
	}
	program, err := theProgram(spec)
	if err != nil {
		return nil, err
	}
	o := &Object{
		Name: program.Name, Digest: sha256.Sum256(data), Size: len(data),
		License: program.License, spec: spec,
	}
	if o.Instructions, err = checkCode(program, spec.Maps, limits); err != nil {
		return nil, err
	}
	if o.Maps, err = checkMaps(spec.Maps, limits); err != nil {
		return nil, err
	}
	if err := o.describe(program); err != nil {
		return nil, err
	}
	return o, nil
}

// theProgram is the only one of an object.
func theProgram(spec *ebpf.CollectionSpec) (*ebpf.ProgramSpec, error) {
	var found *ebpf.ProgramSpec
	for _, p := range spec.Programs {
		if p.SectionName != Section {
			return nil, foreignSection(p.SectionName)
		}
		if found != nil {
			first, second := min(found.Name, p.Name), max(found.Name, p.Name)
			return nil, fmt.Errorf("section %q holds two functions, %s and %s: a probe is one; functions that it calls belong into no section of their own", Section, first, second)
		}
		found = p
	}
	if found == nil {
		return nil, fmt.Errorf("there is no function in section %q", Section)
	}
	return found, nil
}
