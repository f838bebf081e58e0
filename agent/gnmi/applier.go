// Package gnmi is the agent's gNMI server: Capabilities, Get, Set and
// Subscribe over the YANG tree.
package gnmi

import (
	"context"

	"github.com/openifit/openifit/agent/intent"
)

// Applier brings a version of the configuration into force. The server calls
// it for one version at a time.
//
// An error that wraps one with a method GRPCStatus() *status.Status decides the
// code of the answer; any other becomes INVALID_ARGUMENT with its text. An error
// that wraps one with a method PolicyName() string lets the server leave out
// just that policy when the configuration is put back into force at start. One
// with a method Blocked() bool that is true keeps every configuration from
// coming into force: the server then serves on with none, and says why.
type Applier interface {
	// Prepare does everything that may fail for a reason of the
	// configuration: compile, load, verify, fill maps. It changes nothing
	// that packets or collectors can see.
	Prepare(ctx context.Context, next *intent.Snapshot) (Change, error)
}

// Change is a prepared version. Exactly one of its methods is called, once.
type Change interface {
	// Commit brings the version into force. When it fails, everything is as
	// it was before Prepare.
	Commit() error
	// Abort discards the version.
	Abort()
}
