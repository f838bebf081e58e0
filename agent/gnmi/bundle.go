package gnmi

import (
	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/agent/intent/schema"
)

// bundle gathers leaves into notifications, one or more for each unit, whose
// prefix is the unit's path: that keeps messages small and few.
type bundle struct {
	sub  *subscriber
	at   int64
	unit schema.Path
	n    *gpb.Notification
	err  error
}

// maxBundle is how many leaves go into one notification.
const maxBundle = 512

func (b *bundle) open(unit schema.Path) {
	if b.n != nil && b.unit.Same(unit) && len(b.n.Update)+len(b.n.Delete) < maxBundle {
		return
	}
	if b.flush() != nil {
		return
	}
	b.unit = unit
	b.n = &gpb.Notification{Timestamp: b.at, Prefix: b.sub.request.prefixAt(unit)}
}

func (b *bundle) add(p schema.Path, v schema.Value, duplicates uint32) {
	if b.err != nil {
		return
	}
	unit, _ := b.sub.tree.schema.Unit(p)
	b.open(unit)
	if b.err != nil {
		return
	}
	b.n.Update = append(b.n.Update, &gpb.Update{
		Path: &gpb.Path{Elem: p.Elems(unit.Node)}, Val: b.sub.encoder.leaf(v), Duplicates: duplicates,
	})
}

// remove adds deletes. A unit that is gone as a whole is named by an absolute
// path, because a path cannot be empty relative to its prefix.
func (b *bundle) remove(unit schema.Path, paths []schema.Path) {
	for _, p := range paths {
		if p.Node != unit.Node {
			b.open(unit)
			if b.err != nil {
				return
			}
			b.n.Delete = append(b.n.Delete, &gpb.Path{Elem: p.Elems(unit.Node)})
			continue
		}
		if b.flush() != nil {
			return
		}
		root := b.sub.tree.schema.Root
		b.n = &gpb.Notification{
			Timestamp: b.at, Prefix: b.sub.request.prefixAt(schema.Path{Node: root}),
			Delete: []*gpb.Path{{Elem: p.Elems(root)}},
		}
		if b.flush() != nil {
			return
		}
	}
}

// flush sends what was gathered.
func (b *bundle) flush() error {
	if b.err == nil && b.n != nil {
		b.err = b.sub.stream.Send(&gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_Update{Update: b.n}})
		b.n = nil
	}
	return b.err
}
