package demo

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// screen tells the user what happens. On a terminal the last line is live; in
// a pipe every line is printed once and nothing is overwritten.
type screen struct {
	out   io.Writer
	live  bool
	start time.Time
	// open is true while a live line waits to be overwritten.
	open bool
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out, start: time.Now()}
	if f, ok := out.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		s.live = err == nil
	}
	return s
}

// step opens a step with its letter and what it shows.
func (s *screen) step(letter, what string) {
	s.endLive()
	fmt.Fprintf(s.out, "\n%s  %s\n", letter, what)
}

// say prints one line of what happened.
func (s *screen) say(format string, args ...any) {
	s.endLive()
	fmt.Fprintf(s.out, "   %5.1fs  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// now shows what is going on; on a terminal the next line overwrites it.
func (s *screen) now(format string, args ...any) {
	if !s.live {
		return
	}
	fmt.Fprintf(s.out, "\r\033[K   %5.1fs  %s", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
	s.open = true
}

// verdict prints a check as it is made.
func (s *screen) verdict(c Check) {
	s.endLive()
	mark := "ok    "
	if !c.OK {
		mark = "FAILED"
	}
	fmt.Fprintf(s.out, "   %s  %s: %s (expected %s)\n", mark, c.What, c.Measured, c.Expected)
}

// picture prints lines indented, as they are.
func (s *screen) picture(lines ...string) {
	s.endLive()
	for _, l := range lines {
		fmt.Fprintf(s.out, "          %s\n", l)
	}
}

func (s *screen) endLive() {
	if s.open {
		fmt.Fprint(s.out, "\r\033[K")
		s.open = false
	}
}
