package ipfix

// maxGaps bounds the gaps that late Messages can still fill; older ones stay
// lost.
const maxGaps = 32

// restartDistance is how many Data Records a late Message may lie back; beyond
// it the peer has begun to count anew.
const restartDistance = 1 << 20

// maxLoss in Data Records is the widest gap that is believed. A wider one, or a
// number that is 0 out of turn, means a new beginning: loss must never be
// amplified by a peer that restarts.
const maxLoss = 1 << 28

// domain follows the Sequence Numbers of one Observation Domain.
type domain struct {
	// next is the number expected, unless unsure.
	next       uint32
	started    bool
	unsure     bool
	exportTime uint32
	gaps       []gap
}

// gap is a range of Data Records that did not arrive, from first up to but
// without end.
type gap struct{ first, end uint32 }

// account compares a Message with what was expected. Records of incomplete
// Messages cannot be counted, so that the next number is taken as it comes.
func (d *domain) account(stats *SessionStats, h Header, records uint32, complete bool) {
	ahead := h.Sequence - d.next
	behind := d.next - h.Sequence
	switch {
	case !d.started, d.unsure, ahead == 0:
	case behind <= restartDistance && h.ExportTime <= d.exportTime:
		d.fill(stats, h.Sequence, records)
		return
	case ahead <= maxLoss && h.Sequence != 0:
		stats.LostRecords += uint64(ahead)
		d.note(gap{d.next, h.Sequence})
	default:
		stats.Restarts++
		d.gaps = d.gaps[:0]
	}
	d.started, d.unsure = true, !complete
	d.next = h.Sequence + records
	d.exportTime = h.ExportTime
}

func (d *domain) note(g gap) {
	if len(d.gaps) == maxGaps {
		copy(d.gaps, d.gaps[1:])
		d.gaps = d.gaps[:maxGaps-1]
	}
	d.gaps = append(d.gaps, g)
}

// fill takes a late Message off the lost records, or finds that it had been
// counted before.
func (d *domain) fill(stats *SessionStats, first, records uint32) {
	for i, g := range d.gaps {
		from, length := first-g.first, g.end-g.first
		if from >= length || records > length-from {
			continue
		}
		stats.LateMessages++
		stats.LostRecords -= uint64(records)
		d.gaps = append(d.gaps[:i], d.gaps[i+1:]...)
		if from > 0 {
			d.note(gap{g.first, first})
		}
		if end := first + records; end != g.end {
			d.note(gap{end, g.end})
		}
		return
	}
	stats.RepeatedMessages++
}
