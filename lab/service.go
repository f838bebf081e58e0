//go:build linux

package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/openifit/openifit/lab/certs"
	"github.com/openifit/openifit/lab/process"
	"github.com/openifit/openifit/lab/topology"
)

const (
	startLimit = 30 * time.Second
	stopGrace  = 5 * time.Second
	probeRetry = 20 * time.Millisecond
	probeLimit = 2 * time.Second
	logTail    = 8
)

// service is an agent or the controller, in its node.
type service struct {
	node    string
	program string
	// kind names its files: kind.yaml, kind.log, kind.pid.
	kind    string
	address netip.AddrPort
}

func (o Options) agentService(a topology.Node) service {
	return service{node: a.Name, program: "ifit-agent", kind: "agent", address: o.agentAddress(a)}
}

func (o Options) controllerService() service {
	return service{
		node: topology.ControllerNode, program: "ifit-controller", kind: "controller",
		address: netip.AddrPortFrom(o.Names.Controller(), PortNorthbound),
	}
}

// services lists what runs in the lab, the controller last: it wants to
// find its agents.
func (o Options) services() []service {
	if o.NoAgents {
		return nil
	}
	var list []service
	for _, a := range o.Topology.Agents() {
		list = append(list, o.agentService(a))
	}
	if !o.NoController {
		list = append(list, o.controllerService())
	}
	return list
}

func (o Options) findBinaries() error {
	for _, s := range o.services() {
		if _, err := o.binary(s.program); err != nil {
			return err
		}
	}
	return nil
}

func (o Options) file(s service, suffix string) string {
	return filepath.Join(o.nodeDir(s.node), s.kind+suffix)
}

// start brings up all services and waits until they answer.
func (l *Lab) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	services := l.opts.services()
	for i, s := range services {
		if s.kind == "controller" {
			// Only those in front of it: what an earlier controller left
			// behind says nothing about the one to come.
			if err := l.awaitAll(ctx, services[:i]); err != nil {
				return err
			}
			if err := l.crossing(ctx); err != nil {
				return err
			}
		}
		if err := l.launch(s); err != nil {
			return err
		}
	}
	return l.awaitAll(ctx, services)
}

// awaitAll waits until services that were launched answer.
func (l *Lab) awaitAll(ctx context.Context, services []service) error {
	for _, s := range services {
		if err := l.await(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// crossing checks that the controller's node reaches the agents: unlike the
// root namespace's own packets, these cross the bridge.
func (l *Lab) crossing(ctx context.Context) error {
	for _, a := range l.opts.Topology.Agents() {
		s := l.opts.agentService(a)
		err := l.Node(topology.ControllerNode).Do(func() error { return l.opts.probe(ctx, s) })
		if err == nil {
			continue
		}
		err = fmt.Errorf("the controller's node does not reach the agent of %s at %s: %w", s.node, s.address, err)
		if bridgesFilter() {
			err = fmt.Errorf("%w; this machine's packet filter applies to bridges (bridge-nf-call-iptables is 1): "+
				"its FORWARD chain must accept %s", err, l.opts.Names.Management)
		}
		return err
	}
	return nil
}

// bridgesFilter tells whether the machine filters what crosses a bridge, as
// container engines set it.
func bridgesFilter() bool {
	b, err := os.ReadFile("/proc/sys/net/bridge/bridge-nf-call-iptables")
	return err == nil && strings.TrimSpace(string(b)) == "1"
}

// launch starts a service unless it runs.
func (l *Lab) launch(s service) error {
	pidFile := l.opts.file(s, ".pid")
	if p, err := process.Read(pidFile); err == nil && p.Alive() {
		return nil
	}
	path, err := l.opts.binary(s.program)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "--config", l.opts.file(s, ".yaml"))
	cmd.Dir = l.opts.nodeDir(s.node)
	l.opts.Progress(fmt.Sprintf("%s of %s", s.kind, s.node))
	err = l.Node(s.node).Do(func() error {
		_, err := process.Start(cmd, l.opts.file(s, ".log"), pidFile)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s of %s: %w", s.kind, s.node, err)
	}
	return nil
}

// await waits until a service answers, and says what it logged when it does
// not.
func (l *Lab) await(ctx context.Context, s service) error {
	for {
		err := l.opts.probe(ctx, s)
		if err == nil {
			return nil
		}
		p, perr := process.Read(l.opts.file(s, ".pid"))
		if perr != nil {
			return fmt.Errorf("%s of %s: %w", s.kind, s.node, perr)
		}
		if !p.Alive() {
			return fmt.Errorf("%s of %s has ended:\n%s", s.kind, s.node, tail(l.opts.file(s, ".log")))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s of %s does not answer at %s: %w\n%s", s.kind, s.node, s.address, err, tail(l.opts.file(s, ".log")))
		case <-time.After(probeRetry):
		}
	}
}

// probe connects to a service as an operator would.
func (o Options) probe(ctx context.Context, s service) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	config, err := certs.In(o.certDir(), operatorCert).Config()
	if err != nil {
		return err
	}
	config.NextProtos = []string{"h2"}
	c, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", s.address.String())
	if err == nil {
		c.Close()
	}
	return err
}

// endAll stops every service of the nodes, all at the same time.
func (o Options) endAll(ctx context.Context, nodes []string) error {
	var wg sync.WaitGroup
	errs := make([]error, 2*len(nodes))
	for i, n := range nodes {
		for j, kind := range []string{"agent", "controller"} {
			wg.Go(func() { errs[2*i+j] = o.end(ctx, service{node: n, kind: kind}) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (o Options) end(ctx context.Context, s service) error {
	p, err := process.Read(o.file(s, ".pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = p.Stop(ctx, stopGrace)
	}
	if err != nil {
		return fmt.Errorf("%s of %s: %w", s.kind, s.node, err)
	}
	return nil
}

// tail is the end of a log.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-logTail):], "\n")
}
