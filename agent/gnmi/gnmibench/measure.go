package gnmibench

import (
	"context"
	"fmt"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// SetLeaf changes one leaf in each of so many policies, in one request. round
// makes the value a new one.
func (n *Node) SetLeaf(ctx context.Context, round, policies int) error {
	req := &gpb.SetRequest{}
	for i := range policies {
		req.Update = append(req.Update, update(fmt.Sprint(round%65536), append(policy(round+i), elem("config"), elem("priority"))...))
	}
	_, err := n.client.Set(ctx, req)
	return err
}

// Get reads one policy, configuration and state.
func (n *Node) Get(ctx context.Context, i int) error {
	_, err := n.client.Get(ctx, &gpb.GetRequest{Path: []*gpb.Path{path(policy(i)...)}, Encoding: gpb.Encoding_JSON_IETF})
	return err
}

func everything() *gpb.SubscribeRequest {
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_ONCE, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: path(elem("policies"))}},
	}}}
}

// Subscribe reads all policies once, as messages, and returns the number of
// leaves.
func (n *Node) Subscribe(ctx context.Context) (int, error) {
	stream, err := n.client.Subscribe(ctx)
	if err != nil {
		return 0, err
	}
	if err := stream.Send(everything()); err != nil {
		return 0, err
	}
	for leaves := 0; ; {
		r, err := stream.Recv()
		if err != nil {
			return leaves, err
		}
		if r.GetSyncResponse() {
			return leaves, nil
		}
		leaves += len(r.GetUpdate().GetUpdate())
	}
}

// Count does the same with a client that only counts leaves and makes no
// messages of them, which costs more than sending them.
func (n *Node) Count(ctx context.Context) (int, error) {
	stream, err := n.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
		gpb.GNMI_Subscribe_FullMethodName, grpc.ForceCodecV2(octets{encoding.GetCodecV2("proto")}))
	if err != nil {
		return 0, err
	}
	if err := stream.SendMsg(everything()); err != nil {
		return 0, err
	}
	for leaves := 0; ; {
		var text []byte
		if err := stream.RecvMsg(&text); err != nil {
			return leaves, err
		}
		got, more := updates(text)
		if !more {
			return leaves, nil
		}
		leaves += got
	}
}

// updates counts the updates in a SubscribeResponse; false for one that is no
// notification.
func updates(text []byte) (int, bool) {
	const responseUpdate, notificationUpdate = 1, 4
	field, _, n := protowire.ConsumeTag(text)
	if field != responseUpdate {
		return 0, false
	}
	text, _ = protowire.ConsumeBytes(text[n:])
	count := 0
	for len(text) > 0 {
		field, _, n := protowire.ConsumeField(text)
		if n < 0 {
			return count, false
		}
		if field == notificationUpdate {
			count++
		}
		text = text[n:]
	}
	return count, true
}

// octets is a codec that leaves what arrives as it is.
type octets struct{ encoding.CodecV2 }

// Unmarshal stores the octets.
func (o octets) Unmarshal(data mem.BufferSlice, v any) error {
	out, ok := v.(*[]byte)
	if !ok {
		return o.CodecV2.Unmarshal(data, v)
	}
	*out = data.Materialize()
	return nil
}
