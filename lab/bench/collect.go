package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/controller/collect"
	"github.com/openifit/openifit/controller/correlate"
	"github.com/openifit/openifit/controller/flows"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/paths"
	"github.com/openifit/openifit/gen/yang"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

const (
	collectRounds  = 7
	collectRecords = 200_000
	collectFlows   = 20_000
	// lineNodes is the length of the paths that are put together.
	lineNodes      = 5
	linePackets    = 40_000
	lineFlows      = 500
	enterprise     = 32473
	exporterSource = "192.0.2.1:4739"
)

// line is an inventory of nodes in a row: interface 1 leads back, 2 ahead.
func line() (*inventory.Inventory, error) {
	var cfg inventory.Config
	for n := range lineNodes {
		cfg.Nodes = append(cfg.Nodes, inventory.NodeConfig{
			Name: nodeName(n), Address: fmt.Sprintf("192.0.2.%d:9339", n+1), Role: inventory.Path,
		})
		if n > 0 {
			cfg.Links = append(cfg.Links, inventory.Link{
				A: inventory.LinkEnd{Node: nodeName(n - 1), Interface: "ahead"}, B: inventory.LinkEnd{Node: nodeName(n), Interface: "back"},
			})
		}
	}
	inv, err := inventory.New(cfg, func(inventory.Node) {})
	if err != nil {
		return nil, err
	}
	for n := range lineNodes {
		d := &yang.Device{}
		ifit := d.GetOrCreateIfit()
		ifit.GetOrCreateDomain().GetOrCreateState().ObservationDomainId = ygot.Uint32(uint32(n + 1))
		ifit.GetOrCreateInterfaces().Interface = map[string]*yang.Interface{}
		for i, name := range []string{"back", "ahead"} {
			ifit.Interfaces.Interface[name] = &yang.Interface{
				Name: ygot.String(name), State: &yang.Interface_State{Ifindex: ygot.Uint32(uint32(i + 1))},
			}
		}
		inv.Observe(nodeName(n), d, time.Now())
	}
	return inv, nil
}

func nodeName(n int) string { return fmt.Sprintf("r%d", n+1) }

// collector is the controller's Collecting Process without its socket: it is
// handed messages as if they had come.
func collector(inv *inventory.Inventory) (*collect.IPFIX, func([]byte), error) {
	c, err := collect.Listen(netip.MustParseAddrPort("127.0.0.1:0"), enterprise, inv)
	if err != nil {
		return nil, nil, err
	}
	from := netip.MustParseAddrPort(exporterSource)
	return c, func(m []byte) { c.Receive(time.Now(), from, m) }, c.Close()
}

// messages writes records of one Observation Domain into messages.
func messages[T any](domain uint32, template *ipfix.Template, list []T) ([][]byte, error) {
	var out [][]byte
	e, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: domain, Transport: ipfix.UDP, MaxLength: 1400}, func(m ipfix.Message) error {
		out = append(out, append([]byte(nil), m.Octets...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s, err := ipfix.NewStream[T](e, template)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := s.Write(&list[i]); err != nil {
			return nil, err
		}
	}
	return out, e.Flush()
}

func tuple(n int) records.Tuple {
	return records.Tuple{
		Source: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), Destination: netip.AddrFrom4([4]byte{10, 255, 0, 1}),
		SourcePort: 1024, DestinationPort: 443, Protocol: 6,
	}
}

// collectFlowRecords measures how much processor time it takes to decode Flow
// Records and to add them to the flows that the controller holds.
func collectFlowRecords() ([]Row, error) {
	template, err := records.FlowTemplate(ie.NewModel(enterprise), records.IPv4, records.DefaultFlowKeys(), records.FlowOptions{})
	if err != nil {
		return nil, err
	}
	list := make([]records.Flow, collectRecords)
	for i := range list {
		list[i] = records.Flow{Tuple: tuple(i % collectFlows), IngressInterface: 1, Packets: 3, Octets: 300}
	}
	sent, err := messages(1, template, list)
	if err != nil {
		return nil, err
	}
	inv, err := line()
	if err != nil {
		return nil, err
	}
	c, receive, err := collector(inv)
	if err != nil {
		return nil, err
	}
	table := flows.New(flows.DefaultMax, inv)
	rate, err := perSecond(collectRecords, func() error {
		for _, m := range sent {
			receive(m)
			batch := <-c.Flows
			table.Add(time.Now(), batch)
			c.RecycleFlows(batch)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n := c.Counters(); n.Flows != collectRounds*collectRecords || n.Malformed+n.UnknownDomain+n.DroppedFlows != 0 {
		return nil, fmt.Errorf("records were lost: %+v", n)
	}
	return []Row{AtLeast("collect", rate/1e6, 1, "M records/s per core")}, nil
}

// correlatePostcards measures how much processor time it takes to decode
// postcards and to put them together into paths.
func correlatePostcards() ([]Row, error) {
	inv, err := line()
	if err != nil {
		return nil, err
	}
	c, receive, err := collector(inv)
	if err != nil {
		return nil, err
	}
	template, err := records.PostcardTemplate(ie.NewModel(enterprise), records.IPv4)
	if err != nil {
		return nil, err
	}
	held := paths.New(correlate.Config{}, inv)
	round := 0
	rate, err := perRound(linePackets*lineNodes, func() (func() error, error) {
		round++
		sent, err := postcardsOfLine(template, round)
		return func() error {
			for _, m := range sent {
				receive(m)
				batch := <-c.Postcards
				held.Add(time.Now(), batch)
				c.RecyclePostcards(batch)
			}
			return nil
		}, err
	})
	if err != nil {
		return nil, err
	}
	n := held.Counters()
	if n.Complete != collectRounds*linePackets || n.Incomplete != 0 {
		return nil, fmt.Errorf("paths are not whole: %+v", n)
	}
	return []Row{AtLeast("correlate", rate/1e3, 300, "k postcards/s per core")}, nil
}

// postcardsOfLine are the messages of all nodes about packets that cross the
// whole line, the nodes taking turns as they do when each sends when a message
// is full.
func postcardsOfLine(template *ipfix.Template, round int) ([][]byte, error) {
	perNode := make([][][]byte, lineNodes)
	most := 0
	for n := range lineNodes {
		list := make([]records.Postcard, linePackets)
		for i := range list {
			at := ipfix.UnixNano(1_700_000_000_000_000_000 + int64(i)*1000 + int64(n)*50_000)
			list[i] = records.Postcard{
				Tuple: tuple(i % lineFlows), PacketID: uint64(round*linePackets + i), HopLimit: uint8(63 - n),
				IngressInterface: 1, EgressInterface: 2, IngressTime: at, EgressTime: at + 10_000, Segments: 1,
			}
		}
		var err error
		if perNode[n], err = messages(uint32(n+1), template, list); err != nil {
			return nil, err
		}
		most = max(most, len(perNode[n]))
	}
	var sent [][]byte
	for i := range most {
		for _, node := range perNode {
			if i < len(node) {
				sent = append(sent, node[i])
			}
		}
	}
	return sent, nil
}

// perSecond runs work a few times and returns the median of its rate, by the
// processor time of the process.
func perSecond(n int, work func() error) (float64, error) {
	return perRound(n, func() (func() error, error) { return work, nil })
}

// perRound does the same with work that is prepared for each round.
func perRound(n int, prepare func() (func() error, error)) (float64, error) {
	var rates []float64
	for range collectRounds {
		work, err := prepare()
		if err != nil {
			return 0, err
		}
		before, err := cpuTime()
		if err != nil {
			return 0, err
		}
		if err := work(); err != nil {
			return 0, err
		}
		after, err := cpuTime()
		if err != nil {
			return 0, err
		}
		rates = append(rates, float64(n)/(after-before).Seconds())
	}
	return median(rates), nil
}
