package source

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// ringBuffer is a BPF ring buffer in memory. Its samples are read in place:
// copying each would cost more than all the rest.
type ringBuffer struct {
	// consumed and produced are positions, in octets since the beginning.
	consumed, produced *uint64
	// data is mapped twice in a row, so that no sample wraps around.
	data []byte
	mask uint64
	// at is the position up to which samples were handed out.
	at uint64

	consumerPage, producerPages []byte
	epoll, wake                 int
}

// Header of a sample: its length with two flags, and an offset that only the
// kernel uses.
const (
	sampleHeader    = 8
	sampleBusy      = 1 << 31
	sampleDiscarded = 1 << 30
)

func openRingBuffer(m *ebpf.Map) (_ *ringBuffer, err error) {
	if m.Type() != ebpf.RingBuf {
		return nil, fmt.Errorf("map of type %s is no ring buffer", m.Type())
	}
	r := &ringBuffer{mask: uint64(m.MaxEntries()) - 1, epoll: -1, wake: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	page := os.Getpagesize()
	if r.consumerPage, err = unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("map the consumer's page: %w", err)
	}
	if r.producerPages, err = unix.Mmap(m.FD(), int64(page), page+2*int(m.MaxEntries()), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("map the samples: %w", err)
	}
	r.consumed = (*uint64)(unsafe.Pointer(&r.consumerPage[0]))
	r.produced = (*uint64)(unsafe.Pointer(&r.producerPages[0]))
	r.data = r.producerPages[page:]
	r.at = atomic.LoadUint64(r.consumed)

	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	if r.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	// Edges alone: only a wake-up by a program ends a wait, not every sample
	// that happens to be there.
	for fd, events := range map[int]uint32{m.FD(): unix.EPOLLIN | unix.EPOLLET, r.wake: unix.EPOLLIN} {
		if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Fd: int32(fd), Events: events}); err != nil {
			return nil, fmt.Errorf("wait for ring buffer: %w", err)
		}
	}
	return r, nil
}

// next returns the next sample, nil when there is none now. The sample is
// valid until release.
func (r *ringBuffer) next() []byte {
	for r.at < atomic.LoadUint64(r.produced) {
		at := r.at & r.mask
		length := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
		if length&sampleBusy != 0 {
			return nil
		}
		size := uint64(length &^ (sampleBusy | sampleDiscarded))
		r.at += sampleHeader + (size+7)&^7
		if length&sampleDiscarded == 0 {
			return r.data[at+sampleHeader : at+sampleHeader+size]
		}
	}
	return nil
}

// release gives the place of all samples passed back to the kernel, and tells
// whether there were any.
func (r *ringBuffer) release() bool {
	moved := atomic.LoadUint64(r.consumed) != r.at
	atomic.StoreUint64(r.consumed, r.at)
	return moved
}

// wait returns when a program wakes the reader, when interrupt is called or
// when the time is over. It must be called only when next has found nothing
// after a release: the kernel wakes a reader that it knows to be waiting.
func (r *ringBuffer) wait(at time.Duration) error {
	var events [2]unix.EpollEvent
	_, err := unix.EpollWait(r.epoll, events[:], int(at.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for ring buffer: %w", err)
	}
	return nil
}

// interrupt ends the present wait and all later ones at once.
func (r *ringBuffer) interrupt() {
	one := [8]byte{1}
	// It can only fail when the counter is full: then the reader is awake.
	_, _ = unix.Write(r.wake, one[:])
}

// leave leaves the rest for the next reader.
func (r *ringBuffer) leave() (bool, error) { return false, nil }

func (r *ringBuffer) close() error {
	var errs []error
	for _, pages := range [][]byte{r.consumerPage, r.producerPages} {
		if pages != nil {
			errs = append(errs, unix.Munmap(pages))
		}
	}
	for _, fd := range []int{r.epoll, r.wake} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close ring buffer: %w", err)
	}
	return nil
}
