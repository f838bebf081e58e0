//go:build linux

// Package labcmd holds the commands "ifitctl lab".
package labcmd

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/lab"
)

// flags name the lab; they are the same for all commands.
type flags struct {
	prefix, management, runDir, pinRoot string
}

// New is the command "lab" with all below it.
func New() *cobra.Command {
	f := new(flags)
	cmd := &cobra.Command{Use: "lab", Short: "A network of real nodes in namespaces"}
	p := cmd.PersistentFlags()
	p.StringVar(&f.prefix, "prefix", lab.DefaultPrefix, "prefix of the names of namespaces and interfaces")
	p.StringVar(&f.management, "management", lab.DefaultManagement, "management network, an IPv4 /24")
	p.StringVar(&f.runDir, "run-dir", lab.DefaultRunDir, "directory of the lab's files")
	p.StringVar(&f.pinRoot, "pin-root", lab.DefaultPinRoot, "directory of the nodes' pins in bpffs")
	cmd.AddCommand(f.up(), f.down(), f.status(), f.exec(), f.route(), f.link(), f.traffic(), f.impair())
	return cmd
}

func (f *flags) options() (lab.Options, error) {
	management, err := netip.ParsePrefix(f.management)
	if err != nil {
		return lab.Options{}, fmt.Errorf("--management: %w", err)
	}
	o := lab.Options{RunDir: f.runDir, PinRoot: f.pinRoot}
	o.Names.Prefix, o.Names.Management = f.prefix, management
	return o, nil
}

// which repeats the flags that name another lab than the usual one, with a
// space in front of each.
func (f *flags) which() string {
	var s strings.Builder
	for _, g := range []struct{ name, value, usual string }{
		{"prefix", f.prefix, lab.DefaultPrefix},
		{"management", f.management, lab.DefaultManagement},
		{"run-dir", f.runDir, lab.DefaultRunDir},
		{"pin-root", f.pinRoot, lab.DefaultPinRoot},
	} {
		if g.value != g.usual {
			s.WriteString(" --" + g.name + " " + quote(g.value))
		}
	}
	return s.String()
}

// quote makes one word of s for a shell.
func quote(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("/._-+:,@%=", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// with runs fn on the lab that is up.
func (f *flags) with(fn func(*lab.Lab) error) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	l, err := lab.Open(o)
	if err != nil {
		return err
	}
	defer l.Close()
	return fn(l)
}

func printer(w io.Writer) func(string) {
	return func(line string) { fmt.Fprintln(w, line) }
}
