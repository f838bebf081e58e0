//go:build linux

package demo

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/testenv"
)

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// TestDemo runs the demo in a lab of its own, beside one that may be up.
func TestDemo(t *testing.T) {
	testenv.NeedRoot(t)
	testenv.NeedTool(t, "go")
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin,
		"github.com/openifit/openifit/cmd/ifit-agent", "github.com/openifit/openifit/cmd/ifit-controller")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	n := rand.IntN(1000)
	var opts lab.Options
	opts.Names.Prefix = fmt.Sprintf("d%03d-", n)
	opts.Names.Management = netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, byte(n % 256), 0}), 24)
	opts.RunDir = filepath.Join(t.TempDir(), "run")
	opts.PinRoot = filepath.Join(lab.DefaultPinRoot+"-test", fmt.Sprintf("d%03d", n))
	opts.BinDir = bin
	t.Cleanup(func() { _ = os.Remove(filepath.Dir(opts.PinRoot)) })

	var out bytes.Buffer
	err := Run(t.Context(), Options{Lab: opts, Out: &out, Seed: uint64(n)})
	t.Logf("seed %d\n%s", n, out.String())
	if err != nil {
		t.Fatal(err)
	}
}
