package gnmi

import (
	"context"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Panics counts the requests that ended in a panic; each was answered with
// INTERNAL.
func (s *Server) Panics() uint64 { return s.panics.Load() }

// recoverUnary keeps a panic in the handler of one request from ending the
// agent, and with it the leases of everything that marks.
func (s *Server) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (_ any, err error) {
	defer s.recovered(ctx, info.FullMethod, &err)
	return handle(ctx, req)
}

// recoverStream does the same for streams.
func (s *Server) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	defer s.recovered(stream.Context(), info.FullMethod, &err)
	return handle(srv, stream)
}

// recovered is deferred: it turns a panic into the answer to the request. The
// reason stays in the log, because it may say what is none of the client's
// business.
func (s *Server) recovered(ctx context.Context, method string, answer *error) {
	cause := recover()
	if cause == nil {
		return
	}
	*answer = status.Error(codes.Internal, "the request ran into a defect of the agent; its log says more")
	s.log.Error("panic", "method", method, "peer", peerName(ctx), "cause", cause,
		"panics", s.panics.Add(1), "stack", string(debug.Stack()))
}
