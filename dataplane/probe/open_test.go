//go:build linux

package probe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

func TestOpenWithoutPinDirectory(t *testing.T) {
	if _, err := probe.Open(probe.Config{}); err == nil || !strings.Contains(err.Error(), "no pin directory") {
		t.Errorf("got %v", err)
	}
}

// A directory on another file system becomes the mount point of a BPF one.
func TestOpenMountsTheFileSystem(t *testing.T) {
	pair := probetest.NewPair(t)
	dir := filepath.Join(t.TempDir(), "pins")
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	policy := plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}}
	engine := pair.Open(t, probe.Config{PinDir: dir})
	pair.Apply(t, engine, policy)
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	pair.SendUDP(t, 4, 1000, 3)
	engine = pair.Open(t, probe.Config{PinDir: dir})
	if got := drained(t, pair, engine, 1000); got[flow.PolicyRef{ID: 1, Generation: 1}] != 3 {
		t.Errorf("counted %v", got)
	}
	if err := pair.Do(engine.Destroy); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		// The file system brings two entries of its own.
		if !strings.HasSuffix(entry.Name(), ".debug") {
			t.Errorf("%s is left", entry.Name())
		}
	}
}

// Without privilege the answer is one sentence that says what is missing.
func TestOpenWithoutPrivilege(t *testing.T) {
	pair := probetest.NewPair(t)
	err := pair.Do(func() error {
		// Capabilities are the thread's, and Do keeps the goroutine on it.
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var have, none [2]unix.CapUserData
		if err := unix.Capget(&header, &have[0]); err != nil {
			return err
		}
		none = have
		none[0].Effective, none[1].Effective = 0, 0
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
		_, openErr := probe.Open(probe.Config{PinDir: pair.PinDir})
		if err := unix.Capset(&header, &have[0]); err != nil {
			return err
		}
		return openErr
	})
	if err == nil || !strings.Contains(err.Error(), "needs root") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}
