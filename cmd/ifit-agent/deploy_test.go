package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openifit/openifit/gen/yang"
)

const deployed = "../../deploy"

func TestDeployedConfiguration(t *testing.T) {
	o, err := parseOptions([]string{"--config", filepath.Join(deployed, "agent.yaml")}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.config.NodeName != "r1" || o.config.TLS.CA == "" || o.config.InitialConfig == "" {
		t.Errorf("read %+v", o.config)
	}
}

func TestDeployedInitialConfiguration(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deployed, "initial.json"))
	if err != nil {
		t.Fatal(err)
	}
	var root yang.Ifit
	if err := yang.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	if err := root.Validate(); err != nil {
		t.Error(err)
	}
}

// The unit must start the agent with flags that it has.
func TestDeployedUnit(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deployed, "systemd", "ifit-agent.service"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		command, found := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=")
		if !found {
			continue
		}
		args := strings.Fields(command)[1:]
		for i := range args {
			if args[i] == "--config" {
				args[i+1] = filepath.Join(deployed, "agent.yaml")
			}
		}
		if _, err := parseOptions(args, io.Discard); err != nil {
			t.Error(err)
		}
		return
	}
	t.Error("no ExecStart in the unit")
}
