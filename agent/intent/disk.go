package intent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is the directory that holds the saved configuration. A set of files
// changes as a whole: one file by rename, several by way of a journal that is
// played again after a crash.
type disk struct {
	dir string
	// unfinished says that there may be a journal to play.
	unfinished bool
	// fault, when set, is asked before each step; tests let steps fail.
	fault func(step string) error
}

// The files of the directory.
const (
	policyDir   = "policies"
	probeDir    = "probes"
	nodeFile    = "node.json"
	numbersFile = "numbers.json"
	journalFile = "journal.json"
	tempSuffix  = ".tmp"
)

// fileChange is the new content of a file, nil to remove it.
type fileChange struct {
	Name    string          `json:"name"`
	Content json.RawMessage `json:"content"`
}

func openDisk(dir string) (*disk, error) {
	for _, sub := range []string{policyDir, probeDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make the state directory: %w", err)
		}
	}
	return &disk{dir: dir, unfinished: true}, nil
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *disk) step(name string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(name)
}

// read returns the content of a file, nil if there is none.
func (d *disk) read(name string) ([]byte, error) {
	b, err := os.ReadFile(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// stage writes the changes where they do not count yet. What it writes
// survives a power cut once it returns.
func (d *disk) stage(changes []fileChange) error {
	if err := d.step("stage"); err != nil {
		return err
	}
	if err := d.replay(); err != nil {
		return err
	}
	switch {
	case len(changes) > 1:
		text, err := json.Marshal(changes)
		if err != nil {
			return fmt.Errorf("write the journal: %w", err)
		}
		return d.writeTemp(journalFile, text)
	case len(changes) == 1 && changes[0].Content != nil:
		return d.writeTemp(changes[0].Name, changes[0].Content)
	}
	return nil
}

// publish makes staged changes count, all of them or none.
func (d *disk) publish(changes []fileChange) error {
	if len(changes) == 0 {
		return nil
	}
	if err := d.step("publish"); err != nil {
		return err
	}
	if len(changes) == 1 {
		if changes[0].Content == nil {
			return d.remove(changes[0].Name)
		}
		return d.rename(changes[0].Name)
	}
	if err := d.rename(journalFile); err != nil {
		return err
	}
	d.unfinished = true
	// From here on the change is made: what is left undone now is done by the
	// next stage or the next start.
	_ = d.replay()
	return nil
}

// discard removes what was staged.
func (d *disk) discard(changes []fileChange) {
	switch {
	case len(changes) > 1:
		_ = os.Remove(d.path(journalFile + tempSuffix))
	case len(changes) == 1:
		_ = os.Remove(d.path(changes[0].Name + tempSuffix))
	}
}

// replay carries out the journal, if there is one.
func (d *disk) replay() error {
	if !d.unfinished {
		return nil
	}
	text, err := d.read(journalFile)
	if err != nil {
		return err
	}
	if text == nil {
		d.unfinished = false
		return nil
	}
	var changes []fileChange
	if err := json.Unmarshal(text, &changes); err != nil {
		return fmt.Errorf("read the journal %s: %w", d.path(journalFile), err)
	}
	for _, c := range changes {
		if err := d.step("replay"); err != nil {
			return err
		}
		if c.Content == nil || string(c.Content) == "null" {
			if err := d.remove(c.Name); err != nil {
				return err
			}
			continue
		}
		if err := d.write(c.Name, c.Content); err != nil {
			return err
		}
	}
	if err := d.remove(journalFile); err != nil {
		return err
	}
	d.unfinished = false
	return nil
}

// write replaces one file at once and for good.
func (d *disk) write(name string, content []byte) error {
	if err := d.writeTemp(name, content); err != nil {
		return err
	}
	return d.rename(name)
}

func (d *disk) writeTemp(name string, content []byte) (err error) {
	f, err := os.OpenFile(d.path(name+tempSuffix), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Sync()
}

// rename makes a temporary file count.
func (d *disk) rename(name string) error {
	if err := os.Rename(d.path(name+tempSuffix), d.path(name)); err != nil {
		return err
	}
	d.syncDir(name)
	return nil
}

func (d *disk) remove(name string) error {
	if err := os.Remove(d.path(name)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	d.syncDir(name)
	return nil
}

// syncDir makes a rename or removal survive a power cut. The change is made by
// then, so that a failure here is none of the change: a power cut could bring
// the old version back, but whole.
func (d *disk) syncDir(name string) {
	f, err := os.Open(filepath.Dir(d.path(name)))
	if err != nil {
		return
	}
	_ = f.Sync()
	_ = f.Close()
}
