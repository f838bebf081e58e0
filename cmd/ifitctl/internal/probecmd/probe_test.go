package probecmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openifit/openifit/bpf/sdk"
	"github.com/openifit/openifit/dataplane/probe/custom/signature"
	"github.com/openifit/openifit/lab/testenv"
)

// run is "ifitctl probe" with arguments.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := New()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

const testdata = "../../../../dataplane/probe/custom/object/testdata/"

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"new"}, "the NAME of the probe is missing"},
		{[]string{"new", "a", "b"}, `unexpected argument "b"`},
		{[]string{"new", "my probe"}, `"my probe" cannot be the name of a probe`},
		{[]string{"new", "dns", "--dir", filepath.Join(dir, "missing")}, "no such file"},
		{[]string{"build", "x.c", "--clang", "no-such-compiler"}, "no-such-compiler"},
		{[]string{"check", filepath.Join(dir, "x.o")}, "no such file"},
		{[]string{"check", testdata + "hostile_redirect.o"}, "would be refused: function redirect, instruction 2: it calls bpf_redirect"},
		{[]string{"sign", testdata + "dns.o", "--key", testdata + "dns.o"}, "holds no PRIVATE KEY"},
		{[]string{"upload", testdata + "hostile_kfunc.o", "--config", os.DevNull}, "would be refused"},
		{[]string{"upload", testdata + "dns.o", "--key", testdata + "dns.o"}, "holds no PRIVATE KEY"},
		{[]string{"status", "dns", "--config", filepath.Join(dir, "x.yaml")}, "no such file"},
		{[]string{"status", "dns", "--config", os.DevNull}, "no certificates"},
	} {
		if _, err := run(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.args, err, c.want)
		}
	}
}

func TestFromNothingToASignedProbe(t *testing.T) {
	if _, err := sdk.FindCompiler(); err != nil {
		testenv.Missing(t, "%v", err)
	}
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"new", "size2"}, {"build", "size2.c"}, {"keygen", "me"}, {"sign", "size2.o", "--key", "me.key"}} {
		if out, err := run(t, args...); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	out, err := run(t, "check", "size2.o")
	if err != nil || !strings.Contains(out, "probe size2, ") || !strings.Contains(out, "parameter port             unsigned16   default 53") {
		t.Errorf("%v\n%s", err, out)
	}
	data, err := os.ReadFile("size2.o")
	if err != nil {
		t.Fatal(err)
	}
	made, err := signatureOf(data, "size2.o", "")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := signature.Load("me.pem")
	if err != nil {
		t.Fatal(err)
	}
	if by, err := keys.Verify(data, made); err != nil || by != "me" {
		t.Errorf("signed by %q: %v", by, err)
	}
	if _, err := run(t, "new", "size2"); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a probe is overwritten: %v", err)
	}
	if err := os.WriteFile("bad.c", []byte("int x = ;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "build", "bad.c"); err == nil || !strings.Contains(err.Error(), "expected expression") {
		t.Errorf("what the compiler says is lost: %v", err)
	}
}
