package export

import (
	"math/rand/v2"
	"time"
)

// Bounds of the wait between two attempts to reach a collector.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// backoff gives the waits between attempts: doubling, each with a random part
// so that many agents do not return to a restarted collector at once.
type backoff struct{ next time.Duration }

func (b *backoff) wait() time.Duration {
	if b.next == 0 {
		b.next = firstBackoff
	}
	d := b.next
	b.next = min(2*b.next, lastBackoff)
	return d/2 + rand.N(d/2)
}

func (b *backoff) reset() { b.next = 0 }
