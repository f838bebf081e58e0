package target

import (
	"fmt"
	"strings"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"github.com/openconfig/ygot/ytypes"
	"google.golang.org/protobuf/proto"

	"github.com/openifit/openifit/gen/yang"
)

func parsePath(s string) (*gnmi.Path, error) {
	p, err := ygot.StringToStructuredPath(s)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", s, err)
	}
	return p, nil
}

// merge puts the values of a notification into a tree. A node may know leaves
// that this controller does not: they are left out.
func merge(device *yang.Device, n *gnmi.Notification) error {
	schema := yang.SchemaTree["Device"]
	for _, u := range n.GetUpdate() {
		path := join(n.GetPrefix(), u.GetPath())
		err := ytypes.SetNode(schema, device, path, u.GetVal(),
			&ytypes.InitMissingElements{}, &ytypes.IgnoreExtraFields{}, &ytypes.TolerateJSONInconsistencies{})
		if err != nil && known(path) {
			return fmt.Errorf("value of %s: %w", pathString(path), err)
		}
	}
	return nil
}

// known tells whether the model has the path.
func known(path *gnmi.Path) bool {
	entry := yang.SchemaTree["Device"]
	for _, e := range path.GetElem() {
		if entry = entry.Dir[e.GetName()]; entry == nil {
			return false
		}
	}
	return true
}

// join puts prefix and path together, without the names of modules.
func join(prefix, path *gnmi.Path) *gnmi.Path {
	whole := &gnmi.Path{}
	for _, p := range []*gnmi.Path{prefix, path} {
		for _, e := range p.GetElem() {
			if _, name, ok := strings.Cut(e.GetName(), ":"); ok {
				e = proto.CloneOf(e)
				e.Name = name
			}
			whole.Elem = append(whole.Elem, e)
		}
	}
	return whole
}

func pathString(p *gnmi.Path) string {
	s, err := ygot.PathToString(p)
	if err != nil {
		return p.String()
	}
	return s
}
