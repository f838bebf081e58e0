package agent

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"

	"github.com/openifit/openifit/agent/gnmi"
	"github.com/openifit/openifit/agent/notify"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/source"
)

// listenTask serves gNMI.
type listenTask struct {
	server   *grpc.Server
	listener net.Listener
}

func newListenTask(s *gnmi.Server, cfg Config) (*listenTask, error) {
	t, err := cfg.TLS.Config()
	if err != nil {
		return nil, err
	}
	return &listenTask{s.NewGRPC(t), cfg.Listener}, nil
}

// String names the task.
func (t *listenTask) String() string { return "gNMI server at " + t.listener.Addr().String() }

// Run serves until ctx ends. Streams that never end by themselves are cut.
func (t *listenTask) Run(ctx context.Context) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		t.server.Stop()
	}()
	err := t.server.Serve(t.listener)
	if ctx.Err() != nil {
		<-stopped
		return nil
	}
	return err
}

// lifetimes ends policies whose time is over.
type lifetimes struct{ server *gnmi.Server }

// String names the task.
func (lifetimes) String() string { return "lifetimes of policies" }

// Run works until ctx ends.
func (l lifetimes) Run(ctx context.Context) error { return l.server.Run(ctx) }

// sampling reads one ring buffer.
type sampling struct {
	name string
	run  func(context.Context) error
}

// String names the task.
func (s *sampling) String() string { return s.name }

// Run reads until ctx ends.
func (s *sampling) Run(ctx context.Context) error { return s.run(ctx) }

// sampleTasks read postcards and events.
func (a *Agent) sampleTasks(n *notify.Notifier) ([]task, error) {
	cards, err := source.NewPostcards(a.engine)
	if err != nil {
		return nil, fmt.Errorf("read postcards: %w", err)
	}
	events, err := source.NewEvents(a.engine, a.log)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return []task{
		&sampling{"postcards", func(ctx context.Context) error { return cards.Run(ctx, a.exporter.Postcards) }},
		&sampling{"events", func(ctx context.Context) error {
			return events.Run(ctx, func(batch []flow.Event) { n.Events(batch) })
		}},
	}, nil
}
