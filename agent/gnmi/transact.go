package gnmi

import (
	"context"
	"errors"
	"fmt"

	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/gen/yang"
)

// transact brings a proposal into force: in the kernel, on disk and in the
// tree, in this order, all or nothing. The caller holds s.setting.
func (s *Server) transact(ctx context.Context, p *intent.Proposal) error {
	if p.Empty() {
		return nil
	}
	next := p.Snapshot()
	change, err := s.prepare(ctx, next)
	if err != nil {
		return err
	}
	if err := stage(ctx, p, change); err != nil {
		return err
	}
	if err := change.Commit(); err != nil {
		p.Discard()
		return applierError(err, codes.Internal)
	}
	before := s.tree.snapshot()
	if err := p.Publish(); err != nil {
		p.Discard()
		return s.rollBack(ctx, before, next.Changed, err)
	}
	s.describe(before, next)
	s.tree.publish(next)
	s.forget(before, next)
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return nil
}

// stage writes a proposal to disk where it does not count yet. When that fails
// or panics, or the client is gone, the proposal and its change are given up:
// nothing is left prepared.
func stage(ctx context.Context, p *intent.Proposal, change Change) error {
	staged := false
	defer func() {
		if !staged {
			change.Abort()
			p.Discard()
		}
	}()
	if err := p.Stage(); err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	staged = true
	return nil
}

// noChange stands for a version that differs in nothing that is applied.
type noChange struct{}

func (noChange) Commit() error { return nil }
func (noChange) Abort()        {}

func (s *Server) prepare(ctx context.Context, next *intent.Snapshot) (Change, error) {
	if next.Changed.Empty() {
		// Only a lifetime was renewed.
		return noChange{}, nil
	}
	change, err := s.applier.Prepare(ctx, next)
	if err != nil {
		return nil, &refused{applierError(err, codes.InvalidArgument), err}
	}
	return change, nil
}

// rollBack puts the version before back into force after the next one was
// committed but could not be saved.
func (s *Server) rollBack(ctx context.Context, before *intent.Snapshot, changed intent.Changes, cause error) error {
	ctx = context.WithoutCancel(ctx)
	old := *before
	old.Changed = changed
	change, err := s.prepare(ctx, &old)
	if err == nil {
		err = change.Commit()
	}
	if err != nil {
		s.log.Error("roll back", "cause", cause, "error", err)
		return status.Errorf(codes.Internal, "%v; rolling back failed too: %v", cause, err)
	}
	return status.Error(codes.Internal, cause.Error())
}

// describe puts what only the server knows of policies into their state.
func (s *Server) describe(before, next *intent.Snapshot) {
	for name, p := range next.Policies {
		if before.Policies[name] == p {
			continue
		}
		s.describePolicy(name, p)
	}
}

func (s *Server) describePolicy(name string, p *intent.Policy) {
	s.state.SetPolicy(name, func(st *yang.Policy_State) {
		st.Id = ygot.Uint32(p.ID)
		st.Generation = ygot.Uint32(p.Generation)
		st.ExpiresAt = nil
		if !p.ExpiresAt.IsZero() {
			st.ExpiresAt = ygot.Uint64(uint64(p.ExpiresAt.UnixNano()))
		}
		switch {
		case p.Expired:
			st.OperStatus = yang.PolicyOperStatus_EXPIRED
		case p.Failed != "":
			st.OperStatus = yang.PolicyOperStatus_FAILED
			st.LastError = ygot.String(p.Failed)
		}
	})
}

// forget drops the state of what is no longer configured. Interfaces exist
// without configuration, and probes may be built in.
func (s *Server) forget(before, next *intent.Snapshot) {
	for _, name := range next.Changed.Policies {
		if next.Policies[name] == nil {
			s.state.DeletePolicy(name)
		}
	}
	for _, name := range next.Changed.Collectors {
		if collectors := next.Root.GetCollectors(); collectors.GetCollector(name) == nil {
			s.state.DeleteCollector(name)
		}
	}
	if n := next.Root.GetLimits().GetConfig().GetMaxEvents(); n != before.Root.GetLimits().GetConfig().GetMaxEvents() {
		s.state.SetMaxEvents(int(n))
	}
}

// Restore brings the loaded configuration into force. A policy that cannot be
// is left out, with its reason shown in its state; the others go on.
func (s *Server) Restore(ctx context.Context) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	snap := s.tree.snapshot()
	s.state.SetMaxEvents(int(snap.Root.GetLimits().GetConfig().GetMaxEvents()))
	s.state.SetNode(func(st *yang.State) {
		for _, err := range s.intent.Broken() {
			s.log.Error("saved configuration cannot be loaded", "error", err)
			st.LoadError = append(st.LoadError, err.Error())
		}
	})
	for name, p := range snap.Policies {
		s.describePolicy(name, p)
	}
	for {
		all := *snap
		all.Changed = intent.Everything(snap)
		change, err := s.applier.Prepare(ctx, &all)
		if err == nil {
			return change.Commit()
		}
		name, ok := culprit(err, snap)
		if !ok && blocked(err) {
			s.block(snap, err)
			return nil
		}
		if !ok {
			return fmt.Errorf("restore the configuration: %w", err)
		}
		if err := s.fail(name, err); err != nil {
			return fmt.Errorf("restore the configuration: %w", err)
		}
		snap = s.tree.snapshot()
	}
}

// fail goes on without a policy.
func (s *Server) fail(name string, reason error) error {
	s.log.Error("policy cannot be in force any more", "policy", name, "error", reason)
	p := s.intent.ProposeFailure(name, reason.Error())
	if err := p.Publish(); err != nil {
		return err
	}
	s.describePolicy(name, p.Snapshot().Policies[name])
	s.tree.publish(p.Snapshot())
	return nil
}

// blocked tells whether an error keeps every configuration from coming into
// force.
func blocked(err error) bool {
	var b interface{ Blocked() bool }
	return errors.As(err, &b) && b.Blocked()
}

// block shows why nothing of the configuration is in force.
func (s *Server) block(snap *intent.Snapshot, err error) {
	s.log.Error("nothing of the configuration is in force", "error", err)
	s.state.SetNode(func(st *yang.State) { st.LoadError = append(st.LoadError, err.Error()) })
	for name, p := range snap.Policies {
		if !p.Runs() {
			continue
		}
		s.state.SetPolicy(name, func(st *yang.Policy_State) {
			st.OperStatus = yang.PolicyOperStatus_FAILED
			st.LastError = ygot.String(err.Error())
		})
	}
}

// culprit returns the running policy that an error blames.
func culprit(err error, snap *intent.Snapshot) (string, bool) {
	var blame interface{ PolicyName() string }
	if !errors.As(err, &blame) {
		return "", false
	}
	p := snap.Policies[blame.PolicyName()]
	return blame.PolicyName(), p != nil && p.Runs()
}

// Reapply brings the version in force into force again, for when something
// outside the configuration changed, such as the interfaces of the node.
func (s *Server) Reapply(ctx context.Context) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	snap := *s.tree.snapshot()
	snap.Changed = intent.Everything(&snap)
	change, err := s.applier.Prepare(ctx, &snap)
	if err != nil {
		return err
	}
	return change.Commit()
}

// expire ends the policies whose lifetime is over. Others that cannot be in
// force any more do not prolong it: they are left out too.
func (s *Server) expire(ctx context.Context) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	for {
		err := s.transact(ctx, s.intent.ProposeExpiry())
		name, ok := culprit(err, s.tree.snapshot())
		if !ok {
			return err
		}
		if err := s.fail(name, err); err != nil {
			return err
		}
	}
}
