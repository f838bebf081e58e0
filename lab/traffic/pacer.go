package traffic

import "math/rand/v2"

// pacer decides which of a group's flows sends next, and when.
type pacer struct {
	group Group
	rng   *rand.Rand
	order []uint32
	at    int
	// due is how many packets may leave; the fraction stays for later.
	due   float64
	round uint64
}

func schedule(profile Profile) []*pacer {
	var list []*pacer
	first := uint32(0)
	for _, g := range profile.Groups {
		p := &pacer{group: g, rng: newRand(profile.Seed, "order of "+g.Name)}
		for i := range g.Flows {
			p.order = append(p.order, first+uint32(i))
		}
		first += uint32(len(g.Flows))
		p.shuffle()
		list = append(list, p)
	}
	return list
}

func (p *pacer) shuffle() {
	if p.group.Shuffle {
		p.rng.Shuffle(len(p.order), func(i, j int) { p.order[i], p.order[j] = p.order[j], p.order[i] })
	}
}

func (p *pacer) finished() bool { return p.group.Packets > 0 && p.round >= p.group.Packets }

// next takes a flow's turn.
func (p *pacer) next() uint32 {
	flow := p.order[p.at]
	p.at++
	if p.at == len(p.order) {
		p.at = 0
		p.round++
		p.shuffle()
	}
	p.due--
	return flow
}

func finished(groups []*pacer) bool {
	for _, p := range groups {
		if !p.finished() {
			return false
		}
	}
	return true
}
