package gnmi

import (
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/openifit/openifit/agent/intent/schema"
)

// encoder encodes values as a request asked for.
type encoder struct {
	encoding gpb.Encoding
}

func newEncoder(e gpb.Encoding) (encoder, error) {
	switch e {
	case gpb.Encoding_JSON, gpb.Encoding_JSON_IETF, gpb.Encoding_PROTO:
		return encoder{e}, nil
	case gpb.Encoding_BYTES, gpb.Encoding_ASCII:
		return encoder{}, status.Errorf(codes.Unimplemented, "encoding %v is not served; use JSON, JSON_IETF or PROTO", e)
	}
	return encoder{}, status.Errorf(codes.InvalidArgument, "encoding %d is not defined", e)
}

func (e encoder) json() bool { return e.encoding != gpb.Encoding_PROTO }

// raw wraps JSON text.
func (e encoder) raw(text []byte) *gpb.TypedValue {
	if e.encoding == gpb.Encoding_JSON_IETF {
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: text}}
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: text}}
}

// appendLeaf appends one leaf as the content of a TypedValue message.
func (e encoder) appendLeaf(b []byte, v schema.Value) []byte {
	field := protowire.Number(typedJSON)
	switch e.encoding {
	case gpb.Encoding_PROTO:
		return v.AppendProto(b)
	case gpb.Encoding_JSON_IETF:
		field = typedJSONIETF
	}
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, v.AppendJSON(nil, e.encoding == gpb.Encoding_JSON_IETF))
}

// updates encodes what is at a place: as one JSON value, or leaf by leaf.
// Nothing comes back when there is nothing.
func (e encoder) updates(l schema.Location, c schema.Content, r request, origin string) []*gpb.Update {
	if !e.json() {
		var out []*gpb.Update
		l.Leaves(c, func(p schema.Path, v schema.Value) {
			out = append(out, &gpb.Update{Path: relative(p, r, origin), Val: v.Typed()})
		}, nil)
		return out
	}
	if l.Node.IsLeaf() && !c.Has(l.Node) {
		return nil
	}
	text, ok := l.AppendJSON(nil, c, e.encoding == gpb.Encoding_JSON_IETF)
	if !ok {
		return nil
	}
	return []*gpb.Update{{Path: relative(l.Path, r, origin), Val: e.raw(text)}}
}

// relative returns a path relative to what the answer's prefix names.
func relative(p schema.Path, r request, origin string) *gpb.Path {
	return &gpb.Path{Origin: origin, Elem: p.Elems(r.below)}
}

// refuseExtensions refuses the extensions of gNMI that would change what a
// request does, rather than ignore them.
func refuseExtensions(exts []*extpb.Extension) error {
	for _, x := range exts {
		name := ""
		switch x.GetExt().(type) {
		case *extpb.Extension_MasterArbitration:
			name = "master arbitration"
		case *extpb.Extension_History:
			name = "history"
		case *extpb.Extension_Commit:
			name = "commit confirmed"
		case *extpb.Extension_Depth:
			name = "depth"
		case *extpb.Extension_ConfigSubscription:
			name = "config subscription"
		default:
			// Registered extensions may be ignored by those that do not know
			// them.
			continue
		}
		return status.Errorf(codes.Unimplemented, "the extension %s is not served", name)
	}
	return nil
}
