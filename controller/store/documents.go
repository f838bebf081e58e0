package store

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// suffix marks the files of a directory of documents; anything else in it,
// such as what a crash left half written, is no document.
const suffix = ".json"

// Documents is a directory with one file for each named document. A document
// is replaced as a whole: after a crash it is the old one or the new one.
type Documents struct{ dir string }

// OpenDocuments opens the directory, or creates it, and removes what a crash
// left half written.
func OpenDocuments(dir string) (*Documents, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("open documents: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open documents: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "tmp-") {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, fmt.Errorf("open documents: %w", err)
			}
		}
	}
	return &Documents{dir: dir}, nil
}

// path escapes the name, so that no name leaves the directory.
func (d *Documents) path(name string) string {
	return filepath.Join(d.dir, "doc-"+url.PathEscape(name)+suffix)
}

// Put writes a document and waits for the disk.
func (d *Documents) Put(name string, content []byte) error {
	if err := d.put(name, content); err != nil {
		return fmt.Errorf("store document %q: %w", name, err)
	}
	return nil
}

func (d *Documents) put(name string, content []byte) (err error) {
	f, err := os.CreateTemp(d.dir, "tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), d.path(name)); err != nil {
		return err
	}
	return d.sync()
}

// sync makes renames and removals last.
func (d *Documents) sync() error {
	dir, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Delete removes a document; it is no error when there is none.
func (d *Documents) Delete(name string) error {
	if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("delete document %q: %w", name, err)
	}
	if err := d.sync(); err != nil {
		return fmt.Errorf("delete document %q: %w", name, err)
	}
	return nil
}

// All returns every document by its name.
func (d *Documents) All() (map[string][]byte, error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, fmt.Errorf("read documents: %w", err)
	}
	all := make(map[string][]byte, len(entries))
	for _, e := range entries {
		escaped, isDoc := strings.CutPrefix(e.Name(), "doc-")
		escaped, hasSuffix := strings.CutSuffix(escaped, suffix)
		name, err := url.PathUnescape(escaped)
		if !isDoc || !hasSuffix || err != nil {
			continue
		}
		content, err := os.ReadFile(filepath.Join(d.dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read document %q: %w", name, err)
		}
		all[name] = content
	}
	return all, nil
}
