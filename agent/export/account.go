package export

import "sync/atomic"

// account counts the records of one policy, over all collectors and as long as
// the policy exists.
type account struct {
	exported, dropped atomic.Uint64
}

// Counters are what became of a policy's records. A record for two collectors
// counts twice.
type Counters struct {
	// Exported records left in Messages, Dropped ones never did.
	Exported, Dropped uint64
}

func (a *account) counters() Counters {
	return Counters{Exported: a.exported.Load(), Dropped: a.dropped.Load()}
}
