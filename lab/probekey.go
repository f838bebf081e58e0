package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/openifit/openifit/dataplane/probe/custom/signature"
)

// probeKey is the pair of keys with which probes are signed in a lab: all of
// its agents trust it.
type probeKey struct{ private, public string }

func (o Options) probeKey() probeKey {
	dir := filepath.Join(o.RunDir, "probe-keys")
	return probeKey{private: filepath.Join(dir, ProbeKeyName+".key"), public: filepath.Join(dir, ProbeKeyName+".pem")}
}

// ProbeKeyName is the name of the lab's key, in files and in state.
const ProbeKeyName = "lab"

// ensureProbeKey makes the pair unless it is there.
func (o Options) ensureProbeKey() error {
	k := o.probeKey()
	if _, err := os.Stat(k.public); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(k.public), 0o755); err != nil {
		return fmt.Errorf("make the directory of probe keys: %w", err)
	}
	// Half a pair is of no use.
	if err := os.Remove(k.private); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a key without its public half: %w", err)
	}
	return signature.Generate(k.private, k.public)
}
