package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openifit/openifit/controller/store"
)

type value struct{ N int }

func open(t *testing.T, path string, cfg store.LogConfig) *store.Log {
	t.Helper()
	l, err := store.OpenLog(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func read(t *testing.T, l *store.Log) (got []int) {
	t.Helper()
	err := l.Read(func(line []byte) error {
		var v value
		if err := json.Unmarshal(line, &v); err != nil {
			return fmt.Errorf("line %q: %w", line, err)
		}
		got = append(got, v.N)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestLogCrash cuts the file at every octet, as a crash may, and expects every
// line that was whole and room for the next.
func TestLogCrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	l := open(t, path, store.LogConfig{Sync: true})
	for i := range 5 {
		if err := l.Append(value{i}); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		path := filepath.Join(dir, fmt.Sprintf("cut-%d", cut))
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, path, store.LogConfig{})
		if err := l.Append(value{9}); err != nil {
			t.Fatal(err)
		}
		got := read(t, l)
		want := strings.Count(string(whole[:cut]), "\n")
		if len(got) != want+1 || got[want] != 9 {
			t.Fatalf("cut at %d: read %v, want %d lines and 9", cut, got, want)
		}
	}
}

func TestReadLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	none := func([]byte) error { return nil }
	if err := store.ReadLog(path, store.LogConfig{}, none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no log: %v", err)
	}
	if err := os.WriteFile(path+".1", []byte("{\"N\":1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const text = "{\"N\":2}\n{\"N\":3}\n{\"N\":"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := store.ReadLog(path, store.LogConfig{}, func(line []byte) error {
		got = append(got, string(line))
		return nil
	}); err != nil || len(got) != 3 || got[2] != `{"N":3}` {
		t.Errorf("read %q, %v", got, err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != text {
		t.Errorf("reading changed the log: %q, %v", after, err)
	}
	stop := errors.New("enough")
	if err := store.ReadLog(path, store.LogConfig{}, func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func TestLogBounds(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	l := open(t, path, store.LogConfig{MaxOctets: 100, Keep: 2, MaxLine: 50})
	if err := l.Append(strings.Repeat("x", 50)); !errors.Is(err, store.ErrLineTooLong) {
		t.Errorf("a line of 52 octets: %v", err)
	}
	if err := l.Append(func() {}); err == nil {
		t.Error("a value that is no JSON is accepted")
	}
	for i := range 1000 {
		if err := l.Append(value{1000 + i}); err != nil {
			t.Fatal(err)
		}
	}
	got := read(t, l)
	for i, n := range got {
		if n != 2000-len(got)+i {
			t.Fatalf("read %v", got)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if len(entries) != 3 || total > 300 || len(got) < 16 {
		t.Errorf("%d files, %d octets, %d values", len(entries), total, len(got))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(value{1}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if again := read(t, open(t, path, store.LogConfig{Keep: 2})); len(again) != len(got) {
		t.Errorf("read %d values after opening again, want %d", len(again), len(got))
	}
}

func TestDocuments(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tmp-half"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := store.OpenDocuments(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tmp-half")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a crash left is still there: %v", err)
	}
	for _, name := range []string{"a", "../escape", "a/b", "", "ü:.raise"} {
		if err := d.Put(name, []byte("1")); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if err := d.Put(name, []byte("2"+name)); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	}
	if err := errors.Join(d.Delete("a"), d.Delete("not there")); err != nil {
		t.Fatal(err)
	}
	all, err := d.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 || string(all["../escape"]) != "2../escape" {
		t.Errorf("documents %q", all)
	}
	if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) != 1 {
		t.Errorf("a name left the directory: %v", entries)
	}
}
