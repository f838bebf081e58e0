package push

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/openifit/openifit/controller/policy"
)

// document is how a wanted policy is stored.
type document struct {
	Policy *policy.Policy `json:"policy,omitempty"`
	Nodes  []string       `json:"nodes,omitempty"`
	// AppliedAt is in UNIX nanoseconds.
	AppliedAt int64 `json:"applied-at"`
	// Remaining names the nodes from which a removed policy is still to be
	// taken off.
	Remaining []string `json:"remaining,omitempty"`
}

// save stores what is wanted of one policy. A policy with a lifetime is not
// stored: it must not outlive the controller that decided on it.
func (p *Pusher) save(name string) error {
	p.mu.Lock()
	e := p.entries[name]
	var doc *document
	switch {
	case e == nil || e.want != nil && e.want.Lifetime() > 0:
	case e.want != nil:
		doc = &document{Policy: e.want, Nodes: e.meant, AppliedAt: e.applied.UnixNano()}
	default:
		doc = &document{AppliedAt: e.applied.UnixNano()}
		for node := range e.nodes {
			doc.Remaining = append(doc.Remaining, node)
		}
		slices.Sort(doc.Remaining)
	}
	p.mu.Unlock()
	if doc == nil {
		return p.cfg.Documents.Delete(name)
	}
	content, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("store policy %s: %w", name, err)
	}
	return p.cfg.Documents.Put(name, append(content, '\n'))
}

// load reads what was wanted when the controller ended.
func (p *Pusher) load() error {
	all, err := p.cfg.Documents.All()
	if err != nil {
		return err
	}
	for name, content := range all {
		var doc document
		if err := json.Unmarshal(content, &doc); err != nil {
			return fmt.Errorf("stored policy %s: %w", name, err)
		}
		e := &entry{
			want: doc.Policy, meant: doc.Nodes, applied: time.Unix(0, doc.AppliedAt),
			nodes: make(map[string]*onNode),
		}
		if doc.Policy != nil && doc.Policy.Name() != name {
			return fmt.Errorf("stored policy %s: its name is %q", name, doc.Policy.Name())
		}
		for _, node := range doc.Remaining {
			e.nodes[node] = &onNode{pending: true, err: "the controller was restarted"}
		}
		p.entries[name] = e
	}
	return nil
}
