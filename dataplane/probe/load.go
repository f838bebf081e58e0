package probe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/rules"
	"github.com/openifit/openifit/gen/bpf/point"
)

// load is one program in the kernel with all that it alone reads.
type load struct {
	program *ebpf.Program
	live    *live
	// list is nil when the program was loaded by another process.
	list *ebpf.Map
	// states are the policies' places in what outlives the program.
	states map[uint32]uint32
}

func (l *load) close() {
	if l == nil {
		return
	}
	l.live.close()
	if l.program != nil {
		l.program.Close()
	}
	if l.list != nil {
		l.list.Close()
	}
}

// newLoad makes the program of a point and fills everything that it reads.
// shared are the maps that it must use instead of new ones.
func (e *Engine) newLoad(p *plan.Point, known point.BPFIfitPoint, states map[uint32]uint32, shared map[string]*ebpf.Map) (_ *load, err error) {
	compiled, err := rules.Compile(p.Policies)
	if err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	setRules(&known, compiled)
	spec := e.spec.Copy()
	if err := spec.Variables[point.BPFVarPoint].Set(known); err != nil {
		return nil, fmt.Errorf("specialise program: %w", err)
	}
	fillRules(spec, compiled)
	sizeList(spec, p.Policies)
	spec.Maps[point.BPFMapSlotMarks].Contents = slotMarks(p.Policies)
	// The models of the tables inside others are not themselves in use.
	delete(spec.Maps, point.BPFMapFlowTable)
	delete(spec.Maps, point.BPFMapSketchTable)
	wanted := programFor(p, &known)
	maps.DeleteFunc(spec.Programs, func(name string, _ *ebpf.ProgramSpec) bool { return name != wanted })

	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared, Cache: e.types})
	if err != nil {
		return nil, fmt.Errorf("load program: %w", err)
	}
	defer collection.Close()
	l := &load{states: states}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.live, err = mapLive(collection.Maps[liveMap]); err != nil {
		return nil, err
	}
	collection.DetachMap(liveMap)
	l.program = collection.DetachProgram(wanted)
	l.list = collection.DetachMap(point.BPFMapFlowList)
	if err := fillList(l.list, p.Policies); err != nil {
		return nil, err
	}
	return l, nil
}

// pinNext pins the program and its rates beside those of its predecessor.
func (l *load) pinNext(dir string) error {
	if err := l.program.Pin(filepath.Join(dir, pinProgram+nextSuffix)); err != nil {
		return fmt.Errorf("pin program: %w", err)
	}
	if err := l.live.m.Pin(filepath.Join(dir, pinLive+nextSuffix)); err != nil {
		return fmt.Errorf("pin rates: %w", err)
	}
	return nil
}

func unpinNext(dir string) error {
	var errs []error
	for _, name := range []string{pinProgram, pinLive} {
		if err := os.Remove(filepath.Join(dir, name+nextSuffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("unpin: %w", err))
		}
	}
	return errors.Join(errs...)
}

// succeed gives the pins of the new program the names of its predecessor's;
// the program comes last, so that as long as it has its old name it tells a
// successor of this process that there is something left to do.
func succeed(dir string) error {
	var errs []error
	for _, name := range []string{pinLive, pinProgram} {
		if err := os.Rename(filepath.Join(dir, name+nextSuffix), filepath.Join(dir, name)); err != nil {
			errs = append(errs, fmt.Errorf("rename pin: %w", err))
		}
	}
	return errors.Join(errs...)
}

// nextSuffix marks pins of a program that is not behind its link yet.
const nextSuffix = "-next"

func unpinProgram(dir string) error {
	var errs []error
	for _, name := range []string{pinProgram, pinLive} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("unpin: %w", err))
		}
	}
	return errors.Join(errs...)
}
