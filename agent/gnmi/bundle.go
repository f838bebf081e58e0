package gnmi

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/openifit/openifit/agent/intent/schema"
)

// Field numbers of gNMI's messages, as far as they are written by hand: making
// and then encoding a message per leaf costs five times as much.
const (
	responseUpdate   = 1 // SubscribeResponse
	notificationTime = 1
	notificationPath = 2
	notificationUpd  = 4
	notificationDel  = 5
	updatePath       = 1
	updateValue      = 3
	updateDuplicates = 4
	typedJSON        = 10
	typedJSONIETF    = 11
)

// bundle gathers leaves into notifications, one or more for each unit, whose
// prefix is the unit's path: that keeps messages small and few.
type bundle struct {
	sub  *subscriber
	at   int64
	unit schema.Path
	n    int    // leaves and deletes gathered
	body []byte // Notification
	path []byte // scratch
	val  []byte // scratch
	err  error
}

// maxBundle is how many leaves go into one notification.
const maxBundle = 512

// open begins a notification for a unit unless one is open.
func (b *bundle) open(unit schema.Path) {
	if b.n > 0 && b.n < maxBundle && b.unit.Same(unit) {
		return
	}
	if b.flush() != nil {
		return
	}
	b.unit = unit
	b.begin(unit)
}

// begin writes what a notification starts with.
func (b *bundle) begin(prefix schema.Path) {
	b.body = protowire.AppendTag(b.body[:0], notificationTime, protowire.VarintType)
	b.body = protowire.AppendVarint(b.body, uint64(b.at))
	// Marshalling a Path cannot fail: its texts were checked when they came.
	text, _ := proto.Marshal(b.sub.request.prefixAt(prefix))
	b.field(notificationPath, text)
}

func (b *bundle) field(number protowire.Number, content []byte) {
	b.body = protowire.AppendTag(b.body, number, protowire.BytesType)
	b.body = protowire.AppendBytes(b.body, content)
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
	b.path = p.AppendProto(b.path[:0], unit.Node)
	b.val = b.sub.encoder.appendLeaf(b.val[:0], v)
	size := 2 + protowire.SizeBytes(len(b.path)) + protowire.SizeBytes(len(b.val))
	if duplicates > 0 {
		size += 1 + protowire.SizeVarint(uint64(duplicates))
	}
	b.body = protowire.AppendTag(b.body, notificationUpd, protowire.BytesType)
	b.body = protowire.AppendVarint(b.body, uint64(size))
	b.field(updatePath, b.path)
	b.field(updateValue, b.val)
	if duplicates > 0 {
		b.body = protowire.AppendTag(b.body, updateDuplicates, protowire.VarintType)
		b.body = protowire.AppendVarint(b.body, uint64(duplicates))
	}
	b.n++
}

// remove adds deletes. A unit that is gone as a whole is named by an absolute
// path, because a path cannot be empty relative to its prefix.
func (b *bundle) remove(unit schema.Path, paths []schema.Path) {
	for _, p := range paths {
		below := unit.Node
		if p.Node == unit.Node {
			if b.flush() != nil {
				return
			}
			below = b.sub.tree.schema.Root
			b.unit = schema.Path{Node: below}
			b.begin(b.unit)
		} else if b.open(unit); b.err != nil {
			return
		}
		b.path = p.AppendProto(b.path[:0], below)
		b.field(notificationDel, b.path)
		b.n++
	}
}

// flush sends what was gathered.
func (b *bundle) flush() error {
	if b.err != nil || b.n == 0 {
		return b.err
	}
	// Sending keeps the octets, so each message gets its own.
	text := make([]byte, 0, len(b.body)+8)
	text = protowire.AppendTag(text, responseUpdate, protowire.BytesType)
	text = protowire.AppendBytes(text, b.body)
	b.err = b.sub.stream.SendMsg(encoded(text))
	b.n = 0
	return b.err
}
