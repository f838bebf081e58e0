package export

import (
	"time"

	"github.com/openifit/openifit/proto/ipfix"
)

// view is what a session knows of the configuration; it is replaced as a
// whole.
type view struct {
	domain     uint32
	node       uint32
	templates  *templates
	interfaces map[uint32]string
	// policies that export to the collector, by ID.
	policies map[uint32]*Policy
	// probes are the layouts of the policies' probes.
	probes map[uint32]probeLayouts
	// needed are the templates in use.
	needed map[*ipfix.Template]bool
	// batch is how long a Message may wait for more records.
	batch time.Duration
}

// views makes a view for each collector that the routes lead to.
func views(cfg *Config, t *templates, routes map[uint32]*route) map[string]*view {
	interfaces := make(map[uint32]string, len(cfg.Interfaces))
	for _, i := range cfg.Interfaces {
		interfaces[i.Index] = i.Name
	}
	out := make(map[string]*view)
	for id, r := range routes {
		for _, name := range r.Collectors {
			v := out[name]
			if v == nil {
				v = &view{
					domain: cfg.ObservationDomain, node: cfg.NodeID, templates: t, interfaces: interfaces,
					policies: make(map[uint32]*Policy), probes: make(map[uint32]probeLayouts),
					needed: make(map[*ipfix.Template]bool),
					batch:  r.BatchTimeout,
				}
				for _, common := range []byFamily{t.event, t.postcard, t.answered, t.heavy, t.health} {
					v.need(common)
				}
				out[name] = v
			}
			v.policies[id] = &r.Policy
			v.probes[id] = r.probe
			v.need(r.flows.one)
			v.need(r.flows.both)
			v.need(r.flows.histogram)
			v.needProbe(r.probe)
			v.batch = min(v.batch, r.BatchTimeout)
		}
	}
	return out
}

func (v *view) need(t byFamily) {
	for _, template := range t {
		if template != nil {
			v.needed[template] = true
		}
	}
}
