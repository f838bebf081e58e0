package source

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Clock turns times of the kernel's monotonic clock into UNIX times. It must
// be set often: when the wall clock is stepped, later readings follow it.
type Clock struct{ offset int64 }

// Set measures how far the two clocks are apart. The wall clock is read
// between two readings of the other; the closest of a few tries counts, so
// that an interruption in between does not.
func (c *Clock) Set() error {
	const tries = 3
	best := int64(-1)
	for range tries {
		before, err := read(unix.CLOCK_MONOTONIC)
		if err != nil {
			return err
		}
		wall, err := read(unix.CLOCK_REALTIME)
		if err != nil {
			return err
		}
		after, err := read(unix.CLOCK_MONOTONIC)
		if err != nil {
			return err
		}
		if gap := after - before; best < 0 || gap < best {
			best, c.offset = gap, wall-before-gap/2
		}
	}
	return nil
}

// UNIX converts a monotonic time; 0 stands for an unknown time and stays 0.
func (c *Clock) UNIX(mono uint64) int64 {
	if mono == 0 {
		return 0
	}
	return int64(mono) + c.offset
}

func read(clock int32) (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("read clock %d: %w", clock, err)
	}
	return ts.Nano(), nil
}
