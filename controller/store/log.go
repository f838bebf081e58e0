// Package store keeps what the controller must not forget: policies as
// documents, events and decisions as logs of JSON lines.
package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// LogConfig bounds a Log. Zero fields take the defaults named here.
type LogConfig struct {
	// MaxOctets is the size at which a file is put aside (16 MiB).
	MaxOctets int64
	// Keep is the number of files put aside (3).
	Keep int
	// MaxLine is the size of the largest value (1 MiB).
	MaxLine int
	// Sync makes every Append wait for the disk.
	Sync bool
}

func (c LogConfig) withDefaults() LogConfig {
	if c.MaxOctets <= 0 {
		c.MaxOctets = 16 << 20
	}
	if c.Keep <= 0 {
		c.Keep = 3
	}
	if c.MaxLine <= 0 {
		c.MaxLine = 1 << 20
	}
	return c
}

// ErrLineTooLong means that a value does not fit into one line of the log.
var ErrLineTooLong = errors.New("value exceeds the largest line of the log")

// Log is an append-only sequence of JSON values, one per line, in one file and
// a bounded number of files put aside. It is safe for concurrent use.
type Log struct {
	cfg  LogConfig
	path string

	mu   sync.Mutex
	file *os.File
	size int64
}

// OpenLog opens the log at path, or creates it. A last line that a crash cut
// short is removed; every whole line stays.
func OpenLog(path string, cfg LogConfig) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{cfg: cfg.withDefaults(), path: path}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

func (l *Log) open() error {
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	size, err := wholeLines(file)
	if err == nil {
		err = file.Truncate(size)
	}
	if err == nil {
		_, err = file.Seek(size, io.SeekStart)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.file, l.size = file, size
	return nil
}

// wholeLines returns the size of the file without a last line that has no end.
func wholeLines(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	const block = 64 << 10
	buffer := make([]byte, block)
	for end := info.Size(); end > 0; {
		start := max(end-block, 0)
		n, err := file.ReadAt(buffer[:end-start], start)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if i := bytes.LastIndexByte(buffer[:n], '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// Append writes one value. After an error nothing of it is in the log.
func (l *Log) Append(value any) error {
	line, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("append to %s: %w", filepath.Base(l.path), err)
	}
	if len(line) >= l.cfg.MaxLine {
		return fmt.Errorf("append to %s: %d octets: %w", filepath.Base(l.path), len(line), ErrLineTooLong)
	}
	line = append(line, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return fmt.Errorf("append to %s: %w", filepath.Base(l.path), os.ErrClosed)
	}
	if err := l.write(line); err != nil {
		return fmt.Errorf("append to %s: %w", filepath.Base(l.path), err)
	}
	return nil
}

// write appends one line. A line goes out in one call, so that a crash of the
// process alone never cuts it; what a full disk cuts is taken back.
func (l *Log) write(line []byte) error {
	if l.size > 0 && l.size+int64(len(line)) > l.cfg.MaxOctets {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	if _, err := l.file.WriteAt(line, l.size); err != nil {
		return errors.Join(err, l.file.Truncate(l.size))
	}
	l.size += int64(len(line))
	if l.cfg.Sync {
		return l.file.Sync()
	}
	return nil
}

// rotate puts the file aside: log becomes log.1, log.1 becomes log.2, and the
// oldest goes.
func (l *Log) rotate() error {
	if err := l.file.Sync(); err != nil {
		return err
	}
	for i := l.cfg.Keep; i > 1; i-- {
		if err := os.Rename(l.aside(i-1), l.aside(i)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(l.path, l.aside(1)); err != nil {
		return err
	}
	old := l.file
	if err := l.open(); err != nil {
		return err
	}
	return old.Close()
}

func (l *Log) aside(i int) string { return fmt.Sprintf("%s.%d", l.path, i) }

// Read calls fn for each value, oldest first, until fn returns an error, and
// returns that error. The octets are valid during the call only. Values that
// are appended meanwhile may be missing.
func (l *Log) Read(fn func(line []byte) error) error {
	// The lock keeps a rotation from moving a file between two openings.
	l.mu.Lock()
	files, err := openFiles(l.path, l.cfg.Keep)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return readFiles(files, l.cfg.MaxLine, fn)
}

// ReadLog reads a log that another process may be writing: it changes nothing,
// and leaves a last line out that is not whole yet.
func ReadLog(path string, cfg LogConfig, fn func(line []byte) error) error {
	cfg = cfg.withDefaults()
	files, err := openFiles(path, cfg.Keep)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("read %s: %w", path, os.ErrNotExist)
	}
	return readFiles(files, cfg.MaxLine, fn)
}

func readFiles(files []*os.File, maxLine int, fn func(line []byte) error) error {
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for _, f := range files {
		lines := bufio.NewScanner(f)
		lines.Buffer(make([]byte, 0, 64<<10), maxLine+1)
		lines.Split(wholeLine)
		for lines.Scan() {
			if err := fn(lines.Bytes()); err != nil {
				return err
			}
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("read %s: %w", filepath.Base(f.Name()), err)
		}
	}
	return nil
}

// wholeLine splits into lines that have an end.
func wholeLine(data []byte, atEnd bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEnd {
		return len(data), nil, nil
	}
	return 0, nil, nil
}

// openFiles opens every file of a log, oldest first.
func openFiles(path string, keep int) (files []*os.File, err error) {
	for i := keep; i >= 0; i-- {
		name := path
		if i > 0 {
			name = fmt.Sprintf("%s.%d", path, i)
		}
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			for _, f := range files {
				_ = f.Close()
			}
			return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
		}
		files = append(files, f)
	}
	return files, nil
}

// Close writes everything to disk. The log takes no more values.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}
