package source

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
)

// Sizes of a perf buffer, in octets.
const (
	// perfBuffers is that of all CPUs together, perfBufferLeast of each.
	perfBuffers, perfBufferLeast = 4 << 20, 256 << 10
	// perfWatermark is how much must be in the buffer of a CPU before its
	// program wakes the reader: a wake-up costs more than a sample.
	perfWatermark = 64 << 10
)

// perfBuffer has a buffer per CPU, which exists as long as its reader.
// Programs count what finds no place, and also what comes without a reader.
type perfBuffer struct {
	reader *perf.Reader
	record perf.Record
	// ahead: record came while waiting and was not handed out yet.
	ahead bool
}

func openPerfBuffer(m *ebpf.Map) (*perfBuffer, error) {
	each := uint(max(perfBuffers/int(m.MaxEntries()), perfBufferLeast))
	// The kernel wants a power of two.
	each = 1 << (bits.Len(each) - 1)
	r, err := perf.NewReaderWithOptions(m, int(each), perf.ReaderOptions{Watermark: perfWatermark})
	if err != nil {
		return nil, fmt.Errorf("open perf buffer: %w", err)
	}
	return &perfBuffer{reader: r}, nil
}

func (p *perfBuffer) next() []byte {
	if p.ahead {
		p.ahead = false
		return p.record.RawSample
	}
	if ok, err := p.read(time.Unix(0, 1)); err != nil || !ok {
		return nil
	}
	return p.record.RawSample
}

// read waits until a point in time for the next sample.
func (p *perfBuffer) read(until time.Time) (bool, error) {
	p.reader.SetDeadline(until)
	for {
		err := p.reader.ReadInto(&p.record)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, perf.ErrFlushed):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("read perf buffer: %w", err)
		case p.record.LostSamples == 0:
			return true, nil
		}
		// The kernel's own note of what programs have counted.
	}
}

func (p *perfBuffer) release() bool { return false }

func (p *perfBuffer) wait(at time.Duration) (err error) {
	p.ahead, err = p.read(time.Now().Add(at))
	return err
}

func (p *perfBuffer) interrupt() {
	// It can only fail when the reader is closed: then nobody waits.
	_ = p.reader.Flush()
}

func (p *perfBuffer) leave() (bool, error) {
	if err := p.reader.Pause(); err != nil {
		return false, fmt.Errorf("stop perf buffer: %w", err)
	}
	return true, nil
}

func (p *perfBuffer) close() error {
	if err := p.reader.Close(); err != nil {
		return fmt.Errorf("close perf buffer: %w", err)
	}
	return nil
}
