package probe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// pins knows where everything is pinned:
//
//	layout                      what wrote all this
//	maps/NAME                   maps of the whole node
//	xmit/{link,program}         the transmit program
//	drop/{link,program}         the drop program
//	links/3-in                  the link of a point
//	points/3-in/NAME            maps that outlive the point's programs
//	points/3-in/{program,live}  the program behind the link, and its rates
//	retired/3-in-N/NAME         maps of a point that is gone, until drained
type pins struct{ dir string }

const (
	pinProgram = "program"
	pinLive    = "live"
)

func (p pins) layout() string { return filepath.Join(p.dir, "layout") }

func (p pins) nodeMap(name string) string { return filepath.Join(p.dir, "maps", name) }

func (p pins) xmit() string { return filepath.Join(p.dir, "xmit") }

func (p pins) losses() string { return filepath.Join(p.dir, "drop") }

func (p pins) link(id plan.PointID) string { return filepath.Join(p.dir, "links", pointName(id)) }

func (p pins) point(id plan.PointID) string { return filepath.Join(p.dir, "points", pointName(id)) }

// retire moves the maps of a point to where they await their last drain and
// returns that place.
func (p pins) retire(id plan.PointID) (string, error) {
	for n := 0; ; n++ {
		to := filepath.Join(p.dir, "retired", fmt.Sprintf("%s-%d", pointName(id), n))
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err := os.Rename(p.point(id), to); err != nil {
			return "", fmt.Errorf("retire the maps of point %s: %w", id, err)
		}
		return to, nil
	}
}

// retired lists the places of retired maps.
func (p pins) retired() (map[string]plan.PointID, error) {
	entries, err := os.ReadDir(filepath.Join(p.dir, "retired"))
	if err != nil {
		return nil, fmt.Errorf("list pins: %w", err)
	}
	out := make(map[string]plan.PointID, len(entries))
	for _, entry := range entries {
		path := filepath.Join(p.dir, "retired", entry.Name())
		name := entry.Name()
		if i := strings.LastIndex(name, "-"); i > 0 {
			name = name[:i]
		}
		id, err := parsePointName(name)
		if err != nil {
			return nil, fmt.Errorf("pin %s: %w", path, err)
		}
		out[path] = id
	}
	return out, nil
}

func (p pins) create() error {
	for _, sub := range []string{"maps", "links", "points", "retired"} {
		if err := os.MkdirAll(filepath.Join(p.dir, sub), 0o700); err != nil {
			return fmt.Errorf("create pin directory: %w", err)
		}
	}
	return nil
}

// points lists the points that have a link or maps.
func (p pins) points() ([]plan.PointID, error) {
	seen := make(map[plan.PointID]bool)
	var ids []plan.PointID
	for _, sub := range []string{"links", "points"} {
		entries, err := os.ReadDir(filepath.Join(p.dir, sub))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("list pins: %w", err)
		}
		for _, entry := range entries {
			id, err := parsePointName(entry.Name())
			if err != nil {
				return nil, fmt.Errorf("pin %s: %w", filepath.Join(p.dir, sub, entry.Name()), err)
			}
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// removeAll removes every pin and the directories that held them. A directory
// at which a BPF file system is mounted stays, with the entries that the file
// system brings: they have a dot in their names, which no pin can have.
func (p pins) removeAll() error {
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list pins: %w", err)
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), ".") {
			continue
		}
		if err := os.RemoveAll(filepath.Join(p.dir, entry.Name())); err != nil {
			return fmt.Errorf("remove pins: %w", err)
		}
	}
	if err := os.Remove(p.dir); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("remove pin directory: %w", err)
	}
	return nil
}

var directionNames = [...]string{flow.Ingress: "in", flow.Egress: "out"}

// pointName has no dot: the BPF file system refuses those.
func pointName(id plan.PointID) string {
	return fmt.Sprintf("%d-%s", id.Ifindex, directionNames[id.Direction])
}

func parsePointName(name string) (plan.PointID, error) {
	index, direction, _ := strings.Cut(name, "-")
	ifindex, err := strconv.ParseUint(index, 10, 32)
	if err == nil {
		for d, s := range directionNames {
			if s == direction {
				return plan.PointID{Ifindex: uint32(ifindex), Direction: flow.Direction(d)}, nil
			}
		}
	}
	return plan.PointID{}, fmt.Errorf("%q does not name an Observation Point", name)
}
