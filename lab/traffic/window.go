package traffic

// windowSize is how many sequence numbers back a duplicate is recognised.
const windowSize = 1024

// window tells new packets of a flow from duplicates in bounded memory.
type window struct {
	// next is the highest sequence number seen, plus one.
	next uint64
	seen [windowSize / 64]uint64
}

type arrival int

const (
	inOrder arrival = iota
	reordered
	duplicate
	// stale packets are too old to tell whether they are duplicates.
	stale
)

func (w *window) arrive(sequence uint64) arrival {
	if sequence >= w.next {
		if sequence-w.next >= windowSize {
			w.seen = [windowSize / 64]uint64{}
		} else {
			for s := w.next; s <= sequence; s++ {
				w.seen[s%windowSize/64] &^= 1 << (s % 64)
			}
		}
		w.next = sequence + 1
		w.seen[sequence%windowSize/64] |= 1 << (sequence % 64)
		return inOrder
	}
	if w.next-sequence > windowSize {
		return stale
	}
	word, bit := &w.seen[sequence%windowSize/64], uint64(1)<<(sequence%64)
	if *word&bit != 0 {
		return duplicate
	}
	*word |= bit
	return reordered
}
