// Package client connects ifitctl with a controller.
package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// DefaultFile is what "ifitctl lab up" writes.
const DefaultFile = "/var/run/openifit/lab/ifitctl.yaml"

// Settings say where the controller is, and who asks.
type Settings struct {
	// Controller is the URL of the northbound, such as https://192.0.2.1:8080.
	Controller string `yaml:"controller"`
	TLS        struct {
		Cert string `yaml:"cert"`
		Key  string `yaml:"key"`
		CA   string `yaml:"ca"`
	} `yaml:"tls"`
}

// Flags override the file, and the environment names the file.
type Flags struct {
	file       string
	controller string
	cert       string
	key        string
	ca         string
}

// environment variables, for those who do not want to repeat flags.
const (
	envFile       = "IFITCTL_CONFIG"
	envController = "IFITCTL_CONTROLLER"
)

// Add gives a command the flags.
func (f *Flags) Add(set *pflag.FlagSet) {
	set.StringVar(&f.file, "config", "", "file with controller and certificates (default $"+envFile+" or "+DefaultFile+")")
	set.StringVar(&f.controller, "controller", "", "URL of the controller's northbound (default $"+envController+" or the file's)")
	set.StringVar(&f.cert, "cert", "", "client certificate (default: the file's)")
	set.StringVar(&f.key, "key", "", "key of the client certificate (default: the file's)")
	set.StringVar(&f.ca, "ca", "", "authority of the controller's certificate (default: the file's)")
}

// Connect returns an HTTP client and the URL for Connect clients.
func (f *Flags) Connect() (*http.Client, string, error) {
	s, err := f.settings(os.Getenv)
	if err != nil {
		return nil, "", err
	}
	config, err := s.config()
	if err != nil {
		return nil, "", err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}, s.Controller, nil
}

// settings reads the file and applies environment and flags. A file that
// nobody named need not be there.
func (f *Flags) settings(getenv func(string) string) (Settings, error) {
	var s Settings
	path, named := f.file, f.file != ""
	if !named {
		path, named = getenv(envFile), getenv(envFile) != ""
	}
	if !named {
		path = DefaultFile
	}
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := yaml.Unmarshal(text, &s); err != nil {
			return s, fmt.Errorf("read %s: %w", path, err)
		}
	case named || !errors.Is(err, os.ErrNotExist):
		return s, fmt.Errorf("read settings: %w", err)
	}
	for _, o := range []struct {
		to   *string
		from string
	}{
		{&s.Controller, getenv(envController)}, {&s.Controller, f.controller},
		{&s.TLS.Cert, f.cert}, {&s.TLS.Key, f.key}, {&s.TLS.CA, f.ca},
	} {
		if o.from != "" {
			*o.to = o.from
		}
	}
	return s, s.check(path)
}

func (s Settings) check(path string) error {
	if s.Controller == "" {
		return fmt.Errorf("no controller: raise a lab, or give --controller (%s does not name one)", path)
	}
	u, err := url.Parse(s.Controller)
	if err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	if u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("controller: %q is no https URL", s.Controller)
	}
	if s.TLS.Cert == "" || s.TLS.Key == "" || s.TLS.CA == "" {
		return errors.New("the controller wants a client certificate: give --cert, --key and --ca")
	}
	return nil
}

func (s Settings) config() (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(s.TLS.Cert, s.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	text, err := os.ReadFile(s.TLS.CA)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("authority: no certificate in %s", s.TLS.CA)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, RootCAs: pool}, nil
}
