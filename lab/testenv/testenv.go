// Package testenv tells tests what the machine offers and gives them
// network namespaces of their own.
package testenv

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// Missing ends a test whose environment lacks something: a skip with its
// reason, a failure when the environment variable CI is "true".
func Missing(t testing.TB, reason string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI=true, and the environment lacks what the test needs: "+reason, args...)
	}
	t.Skipf(reason, args...)
}

// NeedRoot asks for the privileges of root.
func NeedRoot(t testing.TB) {
	t.Helper()
	if uid := os.Geteuid(); uid != 0 {
		Missing(t, "needs root, runs as user %d", uid)
	}
}

// NeedTool asks for a program on the path and returns where it is.
func NeedTool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "needs the program %s: %v", name, err)
	}
	return path
}

// patience is how long Eventually waits: longer than any machine needs.
const patience = 30 * time.Second

// Eventually returns when the condition holds, which it asks for again and
// again, and fails the test when it does not come to hold.
func Eventually(t testing.TB, condition func() bool, what string, args ...any) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: "+what, args...)
		}
	}
}
