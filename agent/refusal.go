package agent

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/agent/compile"
)

// refusal is why a configuration cannot be brought into force, in the terms of
// the gNMI server.
type refusal struct {
	code codes.Code
	err  error
	// policy is at fault alone, if set.
	policy string
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

// Error is the text of all reasons.
func (r *refusal) Error() string { return r.err.Error() }

// Unwrap returns the reasons.
func (r *refusal) Unwrap() error { return r.err }

// GRPCStatus is the answer to the Set.
func (r *refusal) GRPCStatus() *status.Status { return status.New(r.code, r.err.Error()) }

// PolicyName is the policy without which the configuration might do.
func (r *refusal) PolicyName() string { return r.policy }
