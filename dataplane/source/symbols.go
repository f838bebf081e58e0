package source

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxSymbols bounds the addresses that are remembered; a kernel drops packets
// at some hundreds of places.
const maxSymbols = 4096

// symbols names places in the kernel's code. What was found once is
// remembered; the list of all symbols is read only for places that are new.
type symbols struct {
	open  func() (io.ReadCloser, error)
	known map[uint64]string
}

func newSymbols() *symbols {
	return &symbols{
		open:  func() (io.ReadCloser, error) { return os.Open("/proc/kallsyms") },
		known: make(map[uint64]string),
	}
}

// name returns the function that holds an address, or the address in
// hexadecimal where that is not known.
func (s *symbols) name(address uint64) string {
	if name, ok := s.known[address]; ok {
		return name
	}
	s.learn([]uint64{address})
	if name, ok := s.known[address]; ok {
		return name
	}
	return fmt.Sprintf("%#x", address)
}

// learn looks several addresses up at once.
func (s *symbols) learn(addresses []uint64) {
	best := make(map[uint64]symbol)
	for _, a := range addresses {
		if _, ok := s.known[a]; !ok {
			best[a] = symbol{}
		}
	}
	if len(best) == 0 {
		return
	}
	if len(s.known)+len(best) > maxSymbols {
		clear(s.known)
	}
	// A list that cannot be read leaves the addresses as names: they are
	// remembered too, so that it is not read again and again.
	if file, err := s.open(); err == nil {
		findSymbols(file, best)
		file.Close()
	}
	for a, found := range best {
		if found.name == "" {
			found.name = fmt.Sprintf("%#x", a)
		}
		s.known[a] = found.name
	}
}

type symbol struct {
	address uint64
	name    string
}

// findSymbols finds for each address the last function that begins at or
// before it. Addresses that the kernel hides are 0.
func findSymbols(list io.Reader, best map[uint64]symbol) {
	scan := bufio.NewScanner(list)
	for scan.Scan() {
		address, rest, ok := strings.Cut(scan.Text(), " ")
		if !ok || len(rest) < 3 || rest[0]|' ' != 't' && rest[0]|' ' != 'w' {
			continue
		}
		at, err := strconv.ParseUint(address, 16, 64)
		if err != nil || at == 0 {
			continue
		}
		for wanted, found := range best {
			if at <= wanted && at > found.address {
				// A module's symbol is followed by a tab and the module's name.
				name, _, _ := strings.Cut(rest[2:], "\t")
				best[wanted] = symbol{at, name}
			}
		}
	}
}
