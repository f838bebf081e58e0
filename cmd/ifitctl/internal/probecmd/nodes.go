package probecmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/openifit/openifit/lab/certs"
	"github.com/openifit/openifit/lab/target"
)

// defaultTargets is what "ifitctl lab up" writes: a configuration of gnmic.
const defaultTargets = "/var/run/openifit/lab/gnmic.yaml"

// nodes says which agents to talk to, and as whom.
type nodes struct {
	file, cert, key, ca string
	names               []string
}

func (n *nodes) add(set *pflag.FlagSet) {
	set.StringVar(&n.file, "config", defaultTargets, "configuration of gnmic with targets and certificates")
	set.StringSliceVar(&n.names, "node", nil, "names of nodes, or their gNMI addresses (default: all targets of the file)")
	set.StringVar(&n.cert, "cert", "", "client certificate (default: the file's)")
	set.StringVar(&n.key, "key-file", "", "key of the client certificate (default: the file's)")
	set.StringVar(&n.ca, "ca", "", "authority of the agents' certificates (default: the file's)")
}

// gnmicFile is what is read of a configuration of gnmic.
type gnmicFile struct {
	CA      string `yaml:"tls-ca"`
	Cert    string `yaml:"tls-cert"`
	Key     string `yaml:"tls-key"`
	Targets map[string]struct {
		Address string `yaml:"address"`
	} `yaml:"targets"`
}

// each calls f for each node, and goes on after one that fails.
func (n *nodes) each(ctx context.Context, w io.Writer, f func(ctx context.Context, name string, t *target.Target) error) error {
	file, config, err := n.read()
	if err != nil {
		return err
	}
	names := n.names
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(file.Targets))
	}
	if len(names) == 0 {
		return fmt.Errorf("no node: give --node, or a file with targets (%s)", n.file)
	}
	var errs []error
	for _, name := range names {
		if err := n.one(ctx, name, file, config, f); err != nil {
			fmt.Fprintf(w, "%s: %v\n", name, err)
			errs = append(errs, fmt.Errorf("%s failed", name))
		}
	}
	return errors.Join(errs...)
}

func (n *nodes) one(ctx context.Context, name string, file *gnmicFile, config *tls.Config, f func(context.Context, string, *target.Target) error) (err error) {
	address := name
	if t, ok := file.Targets[name]; ok {
		address = t.Address
	} else if !strings.Contains(name, ":") {
		return fmt.Errorf("it is neither a target of %s nor an address with a port", n.file)
	}
	t, err := target.Dial(address, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return f(ctx, name, t)
}

func (n *nodes) read() (*gnmicFile, *tls.Config, error) {
	file := new(gnmicFile)
	text, err := os.ReadFile(n.file)
	switch {
	case err == nil:
		if err := yaml.Unmarshal(text, file); err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", n.file, err)
		}
	case n.file != defaultTargets || !errors.Is(err, os.ErrNotExist):
		return nil, nil, fmt.Errorf("read targets: %w", err)
	}
	files := certs.Files{Cert: file.Cert, Key: file.Key, CA: file.CA}
	for _, o := range []struct {
		to   *string
		from string
	}{{&files.Cert, n.cert}, {&files.Key, n.key}, {&files.CA, n.ca}} {
		if o.from != "" {
			*o.to = o.from
		}
	}
	if files.Cert == "" || files.Key == "" || files.CA == "" {
		return nil, nil, fmt.Errorf("no certificates: give --cert, --key-file and --ca, or a file with them (%s, which ifitctl lab up writes)", n.file)
	}
	config, err := files.Config()
	if err != nil {
		return nil, nil, err
	}
	return file, config, nil
}
