package source

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// buffer is where programs leave samples. All but interrupt are called by one
// goroutine.
type buffer interface {
	// next returns the next sample, nil when there is none now. The sample is
	// valid until the next call of anything.
	next() []byte
	// release gives the place of all samples passed back to the kernel, and
	// tells whether there were any.
	release() bool
	// wait returns when there may be samples, when interrupt is called or when
	// the time is over.
	wait(time.Duration) error
	// interrupt ends the present wait.
	interrupt()
	// leave is called before close. It tells whether what is in the buffer must
	// be read now, because no later reader will find it; more does not come then.
	leave() (bool, error)
	close() error
}

// openBuffer opens what the engine has made of a buffer on this kernel.
func openBuffer(m *ebpf.Map) (buffer, error) {
	switch m.Type() {
	case ebpf.RingBuf:
		return openRingBuffer(m)
	case ebpf.PerfEventArray:
		return openPerfBuffer(m)
	case ebpf.Queue:
		return openQueue(m), nil
	}
	return nil, fmt.Errorf("samples do not come by a map of type %s", m.Type())
}
