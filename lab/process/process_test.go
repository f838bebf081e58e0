//go:build linux

package process

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test program be the background process as well.
func TestMain(m *testing.M) {
	switch os.Getenv("PROCESS_TEST_ROLE") {
	case "obedient":
		time.Sleep(time.Hour)
	case "stubborn":
		stubborn()
	}
	os.Exit(m.Run())
}

func start(t *testing.T, role string) (Process, string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROCESS_TEST_ROLE="+role)
	pidFile := filepath.Join(dir, "pid")
	p, err := Start(cmd, filepath.Join(dir, "log"), pidFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p, dir
}

func TestStopAndFind(t *testing.T) {
	p, dir := start(t, "obedient")
	found, err := Read(filepath.Join(dir, "pid"))
	if err != nil || found != p || !found.Alive() {
		t.Fatalf("found %v, %v, want %v", found, err, p)
	}
	for i := 0; i < 2; i++ {
		if err := found.Stop(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if p.Alive() {
			t.Fatal("alive after Stop")
		}
	}
}

func TestStopInsists(t *testing.T) {
	p, dir := start(t, "stubborn")
	awaitLog(t, filepath.Join(dir, "log"), "ready")
	if err := p.Stop(t.Context(), 50*time.Millisecond); err != nil || p.Alive() {
		t.Errorf("alive %v, %v", p.Alive(), err)
	}
	awaitLog(t, filepath.Join(dir, "log"), "asked")
}

func TestRecycledNumberIsLeftAlone(t *testing.T) {
	p, _ := start(t, "obedient")
	other := Process{PID: p.PID, Start: p.Start - 1}
	if other.Alive() {
		t.Error("a process with another start time counts as the same")
	}
	if err := other.Stop(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
	if err := other.Kill(); err != nil {
		t.Error(err)
	}
	if !p.Alive() {
		t.Error("the process that inherited the number was ended")
	}
}

func TestReadBad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	for _, content := range []string{"", "12", "{", `{"pid": 1}`, `{"pid": -5}`} {
		path := filepath.Join(dir, "pid")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := Read(path); err == nil {
			t.Errorf("%q: read as %v", content, p)
		}
	}
}

func TestStartMissingProgram(t *testing.T) {
	dir := t.TempDir()
	pid := filepath.Join(dir, "pid")
	_, err := Start(exec.Command(filepath.Join(dir, "none")), filepath.Join(dir, "log"), pid)
	if err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(pid); err == nil {
		t.Error("a process that never ran was recorded")
	}
}

func awaitLog(t *testing.T, path, want string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			if s.Text() == want {
				f.Close()
				return
			}
		}
		f.Close()
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the log never said %q", want)
}
