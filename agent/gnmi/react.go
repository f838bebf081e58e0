package gnmi

import (
	"context"

	"github.com/openifit/openifit/agent/intent"
)

// React brings the node's own temporary changes of policies into force, by
// policy, and ends all others. It waits for its turn among the Sets.
func (s *Server) React(ctx context.Context, wanted map[string]intent.Reaction) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	p, err := s.intent.ProposeReactions(wanted)
	if err != nil {
		return err
	}
	return s.transact(ctx, p)
}
