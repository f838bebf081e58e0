package gnmi

import (
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/agent/compile"
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
		return status.Error(s.GRPCStatus().Code(), err.Error())
	}
	var e *compile.Error
	if errors.As(err, &e) {
		otherwise = compileCode(e.Code)
	}
	return status.Error(otherwise, err.Error())
}

func compileCode(c compile.Code) codes.Code {
	switch c {
	case compile.NotFound:
		return codes.NotFound
	case compile.NotBuilt:
		return codes.Unimplemented
	case compile.NotAdmitted:
		return codes.FailedPrecondition
	case compile.TooMuch:
		return codes.ResourceExhausted
	case compile.Invalid:
	}
	return codes.InvalidArgument
}

// blamed returns the policy that an error of the applier is about.
func blamed(err error) (string, bool) {
	var named interface{ PolicyName() string }
	if errors.As(err, &named) {
		return named.PolicyName(), true
	}
	var e *compile.Error
	if !errors.As(err, &e) {
		return "", false
	}
	rest, ok := strings.CutPrefix(e.Path, "/ifit/policies/policy[name=")
	if !ok {
		return "", false
	}
	name, _, ok := strings.Cut(rest, "]")
	return name, ok
}
