package gnmi

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/agent/intent/schema"
)

// requestError converts an error of the schema to a gRPC one. unknown is the
// code for a path that the model does not have: gNMI wants another one for
// each RPC.
func requestError(err error, unknown codes.Code) error {
	var e *schema.Error
	if !errors.As(err, &e) {
		return status.Error(codes.Internal, err.Error())
	}
	code := codes.InvalidArgument
	switch e.Code {
	case schema.UnknownPath:
		code = unknown
	case schema.TooLarge:
		code = codes.ResourceExhausted
	case schema.Malformed, schema.BadValue:
	}
	return status.Error(code, e.Error())
}

// applierError converts an error of the applier.
func applierError(err error, otherwise codes.Code) error {
	var s interface{ GRPCStatus() *status.Status }
	if errors.As(err, &s) {
		otherwise = s.GRPCStatus().Code()
	}
	return status.Error(otherwise, err.Error())
}

// refused is the answer to a Set, with what the applier said.
type refused struct {
	answer, cause error
}

// Error is the text of the answer.
func (r *refused) Error() string { return r.answer.Error() }

// Unwrap returns what the applier said.
func (r *refused) Unwrap() error { return r.cause }

// GRPCStatus is the answer.
func (r *refused) GRPCStatus() *status.Status { return status.Convert(r.answer) }
