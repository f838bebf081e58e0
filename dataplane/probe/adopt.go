package probe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// adopt takes over what another process left pinned.
func (e *Engine) adopt() error {
	here, err := currentLayout()
	if err != nil {
		return err
	}
	found, exists, err := readLayout(e.pins.layout())
	if err != nil {
		return err
	}
	if exists && found.Namespace != here.Namespace {
		if err := e.refuseLiving(); err != nil {
			return err
		}
		if err := e.pins.removeAll(); err != nil {
			return err
		}
	}
	if exists && found.Version != here.Version {
		strange := &LayoutError{PinDir: e.cfg.PinDir, Pinned: found.Version, Expected: here.Version}
		if !e.cfg.ReplacePins {
			e.refused = strange
			e.node, err = newNode(nodeSpecs(e.spec, e.xmitSpec, e.dropSpec))
			return err
		}
		e.cfg.Log.Warn("pins of another layout are replaced: what was counted since the last drain is lost",
			"pinned", found.Version, "expected", here.Version)
	}
	if err := e.pins.create(); err != nil {
		return err
	}
	usable := found.Version == here.Version
	if e.node, err = openNode(e.pins, nodeSpecs(e.spec, e.xmitSpec, e.dropSpec), usable || !exists); err != nil {
		return err
	}
	ids, err := e.pins.points()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := e.adoptPoint(id, usable); err != nil {
			return fmt.Errorf("point %s: %w", id, err)
		}
	}
	if err := e.adoptRetired(usable); err != nil {
		return err
	}
	if exists && found == here {
		return nil
	}
	return here.write(e.pins.layout())
}

// refuseLiving fails when a link belongs to an interface that still exists,
// in a network namespace that is not ours.
func (e *Engine) refuseLiving() error {
	ids, err := e.pins.points()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, ok, err := readClsact(e.pins.link(id)); err != nil || ok {
			return errors.Join(err, errors.New("they speak of filters in another network namespace: if that is gone, remove the directory"))
		}
		l, err := e.openAttachment(id)
		if err != nil {
			return err
		}
		if l != nil {
			return errors.Join(l.close(), errors.New("they belong to interfaces of another network namespace"))
		}
	}
	return nil
}

// adoptPoint takes over a point. Without usable maps it keeps the link alone,
// so that the next program follows the present one without a gap.
func (e *Engine) adoptPoint(id plan.PointID, usable bool) error {
	l, err := e.openAttachment(id)
	if err != nil {
		return err
	}
	if l != nil && usable {
		if err := e.settleTables(id, l); err != nil {
			return errors.Join(err, l.close())
		}
	}
	maps, err := openLasting(e.pins.point(id))
	switch {
	case err == nil && usable:
		err = maps.compatible(e.spec)
	case err == nil:
		err = errors.New("maps of another version")
	}
	if err != nil {
		e.cfg.Log.Warn("pinned maps are of no use and are discarded", "point", id, "reason", err)
		maps.close()
		maps = nil
		if err := os.RemoveAll(e.pins.point(id)); err != nil {
			return fmt.Errorf("remove pins: %w", err)
		}
	}
	if l == nil {
		return e.adoptRemains(id, maps)
	}
	o := &observation{point: plan.Point{ID: id}, adopted: true, link: l, load: &load{}}
	e.points[id] = o
	if maps == nil {
		return nil
	}
	o.sketch = openSketch(e.pins.point(id), e.spec)
	return o.adoptMaps(e.pins.point(id), maps)
}

// adoptMaps finds out what the running program does, as far as the pins tell.
func (o *observation) adoptMaps(dir string, maps lasting) error {
	behind, _, err := o.link.behind()
	if err != nil {
		maps.close()
		return err
	}
	if err := settleSwap(dir, behind); err != nil {
		maps.close()
		return err
	}
	o.load.open(dir, behind)
	current := uint32(0)
	if o.live != nil {
		current = o.live.ruleset()
	}
	if o.tables, err = adoptFlowTables(o.point.ID, maps, current); err != nil {
		maps.close()
		return err
	}
	entries, err := readLedger(maps[pinLedger])
	if err != nil {
		return err
	}
	if entry := entries[current]; entry != nil {
		o.states = entry.states()
		for _, ref := range entry.refs() {
			o.point.Policies = append(o.point.Policies, plan.Policy{PolicyRef: ref})
		}
	}
	return nil
}

// settleSwap ends a swap during which a process died: either its link update
// took place or it did not.
func settleSwap(dir string, behindLink ebpf.ProgramID) error {
	next, err := ebpf.LoadPinnedProgram(filepath.Join(dir, pinProgram+nextSuffix), nil)
	if err != nil {
		return unpinNext(dir)
	}
	defer next.Close()
	info, err := next.Info()
	if id, ok := programID(info, err); !ok || id != behindLink {
		return unpinNext(dir)
	}
	// The rates may have their name already.
	if err := succeed(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// settleTables ends an exchange of flow tables during which a process died.
// The program behind the link tells which tables are in use: those that were
// put aside already, if its successor never came.
func (e *Engine) settleTables(id plan.PointID, l attachment) error {
	behind, _, err := l.behind()
	if err != nil {
		return err
	}
	used, err := mapsOf(behind)
	if err != nil || used[outerTable(e.pins.point(id))] {
		// What cannot be inspected is taken for what its pins say.
		return nil
	}
	aside, err := e.pins.retired()
	if err != nil {
		return err
	}
	for dir, of := range aside {
		if of != id || !used[outerTable(dir)] {
			continue
		}
		if err := os.RemoveAll(e.pins.point(id)); err != nil {
			return fmt.Errorf("remove pins of tables that were never used: %w", err)
		}
		if err := os.Rename(dir, e.pins.point(id)); err != nil {
			return fmt.Errorf("put tables back that are in use: %w", err)
		}
	}
	return nil
}

// mapsOf lists the maps that a program uses.
func mapsOf(id ebpf.ProgramID) (map[ebpf.MapID]bool, error) {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return nil, err
	}
	ids, _ := info.MapIDs()
	used := make(map[ebpf.MapID]bool, len(ids))
	for _, m := range ids {
		used[m] = true
	}
	return used, nil
}

// outerTable is the number of the map pinned in dir that names the flow table
// in use, 0 when there is none.
func outerTable(dir string) ebpf.MapID {
	m, err := ebpf.LoadPinnedMap(filepath.Join(dir, point.BPFMapFlowTables), nil)
	if err != nil {
		return 0
	}
	defer m.Close()
	info, err := m.Info()
	if err != nil {
		return 0
	}
	id, _ := info.ID()
	return id
}

// open opens the program behind the link, and its rates if both are pinned.
// A program without pins, which nobody but this process could keep, is there
// to be put back when its successor must go.
func (l *load) open(dir string, behindLink ebpf.ProgramID) {
	l.openPinned(dir, behindLink)
	if l.program != nil {
		return
	}
	if program, err := ebpf.NewProgramFromID(behindLink); err == nil {
		l.program = program
	}
}

func (l *load) openPinned(dir string, behindLink ebpf.ProgramID) {
	program, err := ebpf.LoadPinnedProgram(filepath.Join(dir, pinProgram), nil)
	if err != nil {
		return
	}
	info, err := program.Info()
	if id, ok := programID(info, err); !ok || id != behindLink {
		program.Close()
		return
	}
	m, err := ebpf.LoadPinnedMap(filepath.Join(dir, pinLive), nil)
	if err != nil {
		program.Close()
		return
	}
	rates, err := mapLive(m)
	if err != nil {
		program.Close()
		m.Close()
		return
	}
	l.program, l.live = program, rates
}

func programID(info *ebpf.ProgramInfo, err error) (ebpf.ProgramID, bool) {
	if err != nil {
		return 0, false
	}
	return info.ID()
}

// adoptRemains keeps the maps of a point whose link is gone until drained.
func (e *Engine) adoptRemains(id plan.PointID, maps lasting) error {
	if err := os.Remove(e.pins.link(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove pin of a link without interface: %w", err)
	}
	if maps == nil {
		return nil
	}
	dir, err := e.pins.retire(id)
	if err != nil {
		maps.close()
		return err
	}
	return e.addRetired(dir, id, maps)
}

func (e *Engine) adoptRetired(usable bool) error {
	dirs, err := e.pins.retired()
	if err != nil {
		return err
	}
	for dir, id := range dirs {
		if e.isRetired(dir) {
			continue
		}
		maps, err := openLasting(dir)
		if err == nil && usable {
			err = maps.compatible(e.spec)
		}
		if err != nil || !usable {
			e.cfg.Log.Warn("pinned maps are of no use and are discarded", "point", id, "reason", err)
			maps.close()
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("remove pins: %w", err)
			}
			continue
		}
		if err := e.addRetired(dir, id, maps); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) isRetired(dir string) bool {
	for _, t := range e.retired {
		if t.retired == dir {
			return true
		}
	}
	return false
}

func (e *Engine) addRetired(dir string, id plan.PointID, maps lasting) error {
	t, err := adoptFlowTables(id, maps, 0)
	if err != nil {
		maps.close()
		return err
	}
	t.retired = dir
	e.retired = append(e.retired, t)
	return nil
}
