//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/openifit/openifit/lab/certs"
	"github.com/openifit/openifit/lab/topology"
)

// The ports of the lab's services.
const (
	PortGNMI       = 9339
	PortIPFIX      = 4739
	PortNorthbound = 8080
)

// EnterpriseNumber is the one reserved for documentation, RFC 5612.
const EnterpriseNumber = 32473

// Names of the client certificates.
const (
	operatorCert   = "operator"
	controllerCert = "controller"
)

type tlsFiles struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	CA   string `yaml:"ca"`
}

func (o Options) tls(name string) tlsFiles {
	f := certs.In(o.certDir(), name)
	return tlsFiles{Cert: f.Cert, Key: f.Key, CA: f.CA}
}

type agentConfig struct {
	NodeName      string         `yaml:"node-name"`
	Listen        netip.AddrPort `yaml:"listen"`
	StateDir      string         `yaml:"state-dir"`
	PinDir        string         `yaml:"pin-dir"`
	ProbeKeys     string         `yaml:"probe-keys"`
	InitialConfig string         `yaml:"initial-config"`
	TLS           tlsFiles       `yaml:"tls"`
}

type controllerConfig struct {
	ListenIPFIX      netip.AddrPort   `yaml:"listen-ipfix"`
	Northbound       netip.AddrPort   `yaml:"northbound"`
	TLS              tlsFiles         `yaml:"tls"`
	StateDir         string           `yaml:"state-dir"`
	Nodes            []controllerNode `yaml:"nodes"`
	Links            []controllerLink `yaml:"links"`
	Collector        collectorConfig  `yaml:"collector"`
	EnterpriseNumber uint32           `yaml:"enterprise-number"`
	PoliciesDir      string           `yaml:"policies-dir,omitempty"`
	Loops            []Loop           `yaml:"loops"`
}

type controllerNode struct {
	Name    string         `yaml:"name"`
	Address netip.AddrPort `yaml:"address"`
	Role    topology.Role  `yaml:"role"`
}

type controllerLink struct {
	A linkEnd `yaml:"a"`
	B linkEnd `yaml:"b"`
}

type linkEnd struct {
	Node      string `yaml:"node"`
	Interface string `yaml:"interface"`
}

type collectorConfig struct {
	Name    string     `yaml:"name"`
	Address netip.Addr `yaml:"address"`
	Port    uint16     `yaml:"port"`
}

// issue writes the certificates of everybody in the lab.
func (o Options) issue() error {
	leaves := []certs.Leaf{{Name: operatorCert}, {
		Name: controllerCert, DNS: []string{controllerCert, o.Names.Namespace(topology.ControllerNode)},
		Addresses: []netip.Addr{o.Names.Controller()},
	}}
	for _, a := range o.Topology.Agents() {
		leaves = append(leaves, certs.Leaf{
			Name: a.Name, DNS: []string{a.Name, o.Names.Namespace(a.Name)},
			Addresses: []netip.Addr{o.Names.Agent(a)},
		})
	}
	return certs.Ensure(o.certDir(), leaves)
}

// configure writes the files that agents, controller and operator start
// from.
func (o Options) configure() error {
	for _, a := range o.Topology.Agents() {
		if err := o.configureAgent(a); err != nil {
			return fmt.Errorf("configure agent of %s: %w", a.Name, err)
		}
	}
	if err := o.configureController(); err != nil {
		return fmt.Errorf("configure controller: %w", err)
	}
	client := clientConfig{
		Controller: "https://" + netip.AddrPortFrom(o.Names.Controller(), PortNorthbound).String(), TLS: o.tls(operatorCert),
	}
	if err := writeYAML(filepath.Join(o.RunDir, "ifitctl.yaml"), client); err != nil {
		return err
	}
	agents := o.Topology.Agents()
	for _, a := range agents {
		if err := writeYAML(filepath.Join(o.nodeDir(a.Name), "gnmic.yaml"), o.gnmic(a)); err != nil {
			return err
		}
	}
	return writeYAML(filepath.Join(o.RunDir, "gnmic.yaml"), o.gnmic(agents...))
}

func (o Options) agentAddress(a topology.Node) netip.AddrPort {
	return netip.AddrPortFrom(o.Names.Agent(a), PortGNMI)
}

func (o Options) configureAgent(a topology.Node) error {
	dir := o.nodeDir(a.Name)
	initial, err := json.MarshalIndent(o.initial(a), "", "  ")
	if err != nil {
		return fmt.Errorf("encode initial configuration: %w", err)
	}
	path := filepath.Join(dir, "initial.json")
	if err := writeFile(path, append(initial, '\n'), 0o644); err != nil {
		return err
	}
	return writeYAML(filepath.Join(dir, "agent.yaml"), agentConfig{
		NodeName: a.Name, Listen: o.agentAddress(a),
		StateDir: filepath.Join(dir, "state"), PinDir: filepath.Join(o.PinRoot, a.Name),
		ProbeKeys: o.probeKey().public, InitialConfig: path, TLS: o.tls(a.Name),
	})
}

func (o Options) configureController() error {
	dir, address := o.nodeDir(topology.ControllerNode), o.Names.Controller()
	c := controllerConfig{
		ListenIPFIX: netip.AddrPortFrom(address, PortIPFIX),
		Northbound:  netip.AddrPortFrom(address, PortNorthbound),
		TLS:         o.tls(controllerCert), StateDir: filepath.Join(dir, "state"),
		Collector:        collectorConfig{Name: "controller", Address: address, Port: PortIPFIX},
		EnterpriseNumber: EnterpriseNumber, PoliciesDir: o.PoliciesDir, Loops: o.Loops,
	}
	known := map[string]bool{}
	for _, a := range o.Topology.Agents() {
		known[a.Name] = true
		c.Nodes = append(c.Nodes, controllerNode{Name: a.Name, Address: o.agentAddress(a), Role: a.Role})
	}
	for _, l := range o.Topology.Links {
		if known[l.A.Node] && known[l.B.Node] {
			c.Links = append(c.Links, controllerLink{
				linkEnd{l.A.Node, l.A.Interface}, linkEnd{l.B.Node, l.B.Interface},
			})
		}
	}
	return writeYAML(filepath.Join(dir, "controller.yaml"), c)
}

// gnmic is a configuration file for some agents. Every agent has one of its
// own beside that for all, because gnmic's --address adds to the targets of a
// file and does not choose among them.
func (o Options) gnmic(agents ...topology.Node) map[string]any {
	files, targets := o.tls(operatorCert), map[string]any{}
	for _, a := range agents {
		targets[a.Name] = map[string]string{"address": o.agentAddress(a).String()}
	}
	return map[string]any{
		"tls-ca": files.CA, "tls-cert": files.Cert, "tls-key": files.Key,
		"encoding": "json_ietf", "timeout": "10s", "targets": targets,
	}
}

func writeYAML(path string, v any) error {
	data, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return writeFile(path, data, 0o644)
}
