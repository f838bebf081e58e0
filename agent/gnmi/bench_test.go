package gnmi_test

import (
	"fmt"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// load fills a node with the tree of the published figures: 1,000 policies
// with 10 rules each over 16 interfaces.
func load(b *testing.B) *node {
	b.Helper()
	n := start(b)
	var interfaces []string
	for i := range 16 {
		interfaces = append(interfaces, fmt.Sprintf(`{"name":"eth%d","config":{"role":"CORE"}}`, i))
	}
	updates := []*gpb.Update{
		update(b, "/ifit/collectors/collector[name=c]/config/address", `"192.0.2.1"`),
		update(b, "/ifit/interfaces/interface", "["+strings.Join(interfaces, ",")+"]"),
	}
	for i := range 1000 {
		var rules []string
		for r := range 10 {
			rules = append(rules, fmt.Sprintf(`{"sequence-id":%d,"config":{"source-prefix":"10.%d.%d.0/24","protocol":6,"destination-port":%d,"action":"ACCEPT"}}`, r+1, i/250, i%250, r+1000))
		}
		updates = append(updates, update(b, fmt.Sprintf("/ifit/policies/policy[name=p%d]", i), fmt.Sprintf(`{
			"config":{"technique":"FLOW_METERING","owner":"bench"},
			"observation-points":{"observation-point":[{"name":"o","config":{"interface":"eth%d","direction":"INGRESS"}}]},
			"flow-selection":{"rules":{"rule":[%s]}},
			"packet-selection":{"config":{"algorithm":"UNIFORM_PROBABILISTIC","probability":"0.5"}},
			"data-export":{"config":{"collector":["c"]}}}`, i%16, strings.Join(rules, ","))))
	}
	n.mustSet(b, updates...)
	return n
}

func BenchmarkSetOneLeaf(b *testing.B) {
	n := load(b)
	for i := 0; b.Loop(); i++ {
		n.mustSet(b, update(b, fmt.Sprintf("/ifit/policies/policy[name=p%d]/packet-selection/config/probability", i%1000), fmt.Sprintf(`"0.%03d"`, i%999)))
	}
}

// BenchmarkSetPolicies shows that the cost of a Set is linear in what it
// changes.
func BenchmarkSetPolicies(b *testing.B) {
	for _, many := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			n := load(b)
			round := 0
			for b.Loop() {
				round++
				var updates []*gpb.Update
				for i := range many {
					updates = append(updates, update(b, fmt.Sprintf("/ifit/policies/policy[name=p%d]/config/priority", i), fmt.Sprint(round%65536)))
				}
				n.mustSet(b, updates...)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*many), "us/policy")
		})
	}
}

func BenchmarkGetPolicy(b *testing.B) {
	n := load(b)
	req := &gpb.GetRequest{Path: []*gpb.Path{path(b, "/ifit/policies/policy[name=p7]")}, Encoding: gpb.Encoding_JSON_IETF}
	for b.Loop() {
		if _, err := n.client.Get(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSubscribe counts the leaves that reach one client: one that decodes
// them into messages, as Go's usual clients do, and one that only counts them,
// which shows what the server can do.
func BenchmarkSubscribe(b *testing.B) {
	for _, mode := range []string{"messages", "octets"} {
		b.Run(mode, func(b *testing.B) {
			n := load(b)
			l := once(b, "/ifit/policies")
			l.Encoding = gpb.Encoding_PROTO
			read := n.countMessages
			if mode == "octets" {
				read = n.countOctets
			}
			leaves := 0
			for b.Loop() {
				leaves += read(b, with(l, func(*gpb.SubscriptionList) {}))
			}
			b.ReportMetric(float64(leaves)/b.Elapsed().Seconds(), "leaves/s")
		})
	}
}

func (n *node) countMessages(b *testing.B, req *gpb.SubscribeRequest) int {
	b.Helper()
	stream, err := n.client.Subscribe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if err := stream.Send(req); err != nil {
		b.Fatal(err)
	}
	for leaves := 0; ; {
		r, err := stream.Recv()
		if err != nil {
			b.Fatal(err)
		}
		if r.GetSyncResponse() {
			return leaves
		}
		leaves += len(r.GetUpdate().GetUpdate())
	}
}

func (n *node) countOctets(b *testing.B, req *gpb.SubscribeRequest) int {
	b.Helper()
	stream, err := n.conn.NewStream(b.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
		gpb.GNMI_Subscribe_FullMethodName, grpc.ForceCodecV2(octets{encoding.GetCodecV2("proto")}))
	if err != nil {
		b.Fatal(err)
	}
	if err := stream.SendMsg(req); err != nil {
		b.Fatal(err)
	}
	for leaves := 0; ; {
		var text []byte
		if err := stream.RecvMsg(&text); err != nil {
			b.Fatal(err)
		}
		field, _, n := protowire.ConsumeTag(text)
		if field != 1 {
			return leaves
		}
		text, _ = protowire.ConsumeBytes(text[n:])
		for len(text) > 0 {
			field, _, n := protowire.ConsumeField(text)
			if n < 0 {
				b.Fatal("not a notification")
			}
			if field == 4 {
				leaves++
			}
			text = text[n:]
		}
	}
}

// octets is a codec that leaves what arrives as it is.
type octets struct{ encoding.CodecV2 }

func (o octets) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}
