package config_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/controller/config"
)

func TestReference(t *testing.T) {
	c, err := config.Load("reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Domain.Nodes) != 2 || len(c.Domain.Links) != 1 || len(c.Loops) != 2 || c.Collector.Port != 4739 {
		t.Errorf("configuration %+v", c)
	}
	if e := c.Loops[0].Elephants; e.Policy != "paths" || e.Enter != 125000 || e.Epoch != time.Second {
		t.Errorf("elephants %+v", e)
	}
	if s := c.Loops[1].Sampling; s.Base != "paths" || s.Lifetime != 10*time.Second || len(s.Metrics) != 2 {
		t.Errorf("sampling %+v", s)
	}
	changes, err := c.Base()
	if err != nil || len(changes) != 3 {
		t.Fatalf("changes %+v, %v", changes, err)
	}
	if got := string(changes[2].Value); !strings.Contains(got, `"config":{"marked":3,"unmarked":0}`) {
		t.Errorf("mark %s", got)
	}
}

func TestBad(t *testing.T) {
	text, err := os.ReadFile("reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown field", "state-dir:", "state-dirs:", "state-dirs"},
		{"no address", "listen-ipfix: 192.0.2.1:4739", "listen-ipfix: nowhere", `listen-ipfix: "nowhere"`},
		{"relative path", "state-dir: /", "state-dir: ", "state-dir: want an absolute path"},
		{"no certificate", "cert:", "# cert:", "tls.cert: missing"},
		{"role", "role: end", "role: tail", `nodes[1].role: "tail"`},
		{"link", "node: r2, interface: to-r1", "node: r9, interface: to-r1", `there is no node "r9"`},
		{"enterprise number", "enterprise-number: 32473", "enterprise-number: 0", "enterprise-number: missing"},
		{"mark without inverse", "marked: 47", "marked: 3", "has no inverse"},
		{"loop type", "type: elephants", "type: mice", `type: "mice"`},
		{"parameter of another loop", "sketch: heavy", "sketch: heavy\n    base: x", "base: not a parameter of type elephants"},
		{"long raise", "lifetime: 10s", "lifetime: 1h", "lifetime is 1h0m0s"},
		{"loop twice", "name: adaptive", "name: elephants", "occurs twice"},
		{"two documents", "nodes:", "---\nnodes:", "more than one document"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.new, 1)
			if bad == good {
				t.Fatal("nothing to spoil")
			}
			if _, err := config.Parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	if _, err := config.Parse(nil); err == nil {
		t.Error("an empty file is accepted")
	}
	if _, err := config.Load("no-such-file"); err == nil {
		t.Error("no file is accepted")
	}
}
