package client

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ifitctl.yaml")
	const text = "controller: https://192.0.2.1:8080\ntls: {cert: c, key: k, ca: a}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken.yaml")
	if err := os.WriteFile(broken, []byte("controller: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		f    Flags
		env  map[string]string
		want string // error, or the controller
	}{
		{"named file is missing", Flags{file: filepath.Join(dir, "none")}, nil, "read settings"},
		{"named by the environment, missing", Flags{}, map[string]string{envFile: filepath.Join(dir, "none")}, "read settings"},
		{"broken file", Flags{file: broken}, nil, "broken.yaml"},
		{"no https", Flags{file: file, controller: "http://192.0.2.1"}, nil, "is no https URL"},
		{"no certificate", Flags{file: os.DevNull, controller: "https://192.0.2.1"}, nil, "--cert"},
		{"no controller", Flags{file: os.DevNull}, nil, "no controller"},
		{"file", Flags{file: file}, nil, "https://192.0.2.1:8080"},
		{"environment before file", Flags{}, map[string]string{envFile: file, envController: "https://192.0.2.2"}, "https://192.0.2.2"},
		{"flag before environment", Flags{file: file, controller: "https://192.0.2.3"}, map[string]string{envController: "https://192.0.2.2"}, "https://192.0.2.3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := tt.f.settings(func(k string) string { return tt.env[k] })
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want one with %q", err, tt.want)
				}
				return
			}
			if s.Controller != tt.want || s.TLS.CA != "a" {
				t.Errorf("settings %+v, want %q", s, tt.want)
			}
		})
	}
}
