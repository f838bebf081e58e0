package agent

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/probe"
)

// refusal is why a configuration cannot be brought into force, in the terms of
// the gNMI server.
type refusal struct {
	code codes.Code
	err  error
	// policy is at fault alone, if set.
	policy string
	// blocked: the same goes for every configuration.
	blocked bool
}

// refuse makes a refusal of what the compiler said.
func refuse(err error) error {
	r := &refusal{code: codes.Internal, err: err}
	var first *compile.Error
	if errors.As(err, &first) {
		r.policy = first.Policy()
		switch first.Code {
		case compile.Invalid, compile.NotBuilt:
			r.code = codes.InvalidArgument
		case compile.NotFound:
			r.code = codes.NotFound
		case compile.NotAdmitted:
			r.code = codes.FailedPrecondition
		case compile.TooMuch:
			r.code = codes.ResourceExhausted
		}
	}
	return r
}

// refuseProbes makes a refusal of what the engine said.
func refuseProbes(err error) error {
	r := &refusal{code: codes.Internal, err: fmt.Errorf("prepare probes: %w", err)}
	if errors.Is(err, probe.ErrNoDrops) || errors.Is(err, probe.ErrNoDepartures) {
		r.code, r.err = codes.FailedPrecondition, err
	}
	var layout *probe.LayoutError
	if errors.As(err, &layout) {
		// Nothing about the configuration is wrong.
		r.code, r.err, r.blocked = codes.FailedPrecondition, layout, true
	}
	return r
}

// Blocked tells that no configuration can be brought into force.
func (r *refusal) Blocked() bool { return r.blocked }

// Error is the text of all reasons.
func (r *refusal) Error() string { return r.err.Error() }

// Unwrap returns the reasons.
func (r *refusal) Unwrap() error { return r.err }

// GRPCStatus is the answer to the Set.
func (r *refusal) GRPCStatus() *status.Status { return status.New(r.code, r.err.Error()) }

// PolicyName is the policy without which the configuration might do.
func (r *refusal) PolicyName() string { return r.policy }
