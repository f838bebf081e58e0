package source

import (
	"errors"
	"io"
	"strings"
	"testing"
)

const someSymbols = `0000000000000000 T hidden
ffffffff81000000 T _stext
garbage
ffffffff81000010 d data
ffffffff81000020 t first
ffffffff81000040 W second
ffffffffa0000000 t third	[module]
zzzz T bad
`

func TestSymbols(t *testing.T) {
	reads := 0
	s := newSymbols()
	s.open = func() (io.ReadCloser, error) {
		reads++
		return io.NopCloser(strings.NewReader(someSymbols)), nil
	}
	for _, c := range []struct {
		address uint64
		want    string
	}{
		{0x1000, "0x1000"},
		{0xffffffff80ffffff, "0xffffffff80ffffff"},
		{0xffffffff81000015, "_stext"},
		{0xffffffff81000020, "first"},
		{0xffffffff8100003f, "first"},
		{0xffffffff81000041, "second"},
		{0xffffffffa0000004, "third"},
	} {
		for range 2 {
			if got := s.name(c.address); got != c.want {
				t.Errorf("%#x is in %q, want %q", c.address, got, c.want)
			}
		}
	}
	if reads != 7 {
		t.Errorf("the list was read %d times for 7 addresses", reads)
	}
	s.learn([]uint64{1, 2, 3, 0xffffffff81000020})
	if reads != 8 {
		t.Errorf("the list was read %d times for 3 new addresses", reads-7)
	}
}

func TestSymbolsWithoutAList(t *testing.T) {
	s := newSymbols()
	s.open = func() (io.ReadCloser, error) { return nil, errors.New("no list") }
	if got := s.name(0x10); got != "0x10" {
		t.Errorf("got %q", got)
	}
}

func TestSymbolsAreBounded(t *testing.T) {
	s := newSymbols()
	s.open = func() (io.ReadCloser, error) { return nil, errors.New("no list") }
	for a := range uint64(3 * maxSymbols) {
		s.name(a)
		if len(s.known) > maxSymbols {
			t.Fatalf("%d addresses are remembered", len(s.known))
		}
	}
}
