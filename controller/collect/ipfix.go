// Package collect receives what the nodes report: IPFIX over UDP, and gNMI
// subscriptions with mutual TLS. The two never mix: what came over UDP leaves
// as postcards and Flow Records, what may cause a decision as events, counters
// and heavy flows.
package collect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

const (
	// receiveBuffer is asked of the kernel: a burst of postcards of all nodes.
	receiveBuffer = 8 << 20
	// queueBatches bounds the batches that wait for their consumer.
	queueBatches = 1024
	// batchRecords is about what a message of one path MTU holds.
	batchRecords = 32
	// usedBatches bounds the batches that wait to be used again.
	usedBatches = 64
	maxDatagram = 65535
	// sumInterval is how often the sessions' losses are added up.
	sumInterval = time.Second
)

// Counters tell what became of the messages and records. They only grow.
type Counters struct {
	Messages, Octets uint64
	// Malformed messages, and messages refused because a limit was reached.
	Malformed, Refused uint64
	// Lost is the sum of the gaps in sequence numbers, in Data Records.
	Lost uint64
	// Postcards, Flows, Events and HeavyFlows are records by their kind; Other
	// are all the rest, options included.
	Postcards, Flows, Events, HeavyFlows, Other uint64
	// UnknownDomain are records of an Observation Domain that no node has told
	// to be its own.
	UnknownDomain uint64
	// Failed records held values that do not fit.
	Failed uint64
	// DroppedPostcards and DroppedFlows found their consumer busy.
	DroppedPostcards, DroppedFlows uint64
}

// IPFIX is a Collecting Process over UDP.
type IPFIX struct {
	// Postcards and Flows carry batches; a batch belongs to who receives it. Who
	// has done with it may give it back by Recycle.
	Postcards chan []measure.Postcard
	Flows     chan []measure.FlowRecord

	usedPostcards chan []measure.Postcard
	usedFlows     chan []measure.FlowRecord

	conn      *net.UDPConn
	local     netip.AddrPort
	inventory *inventory.Inventory
	decoder   *ipfix.Collector
	reader    *records.Reader
	selectors *selectors

	// Of the message being read.
	snapshot  *inventory.Snapshot
	postcards []measure.Postcard
	flows     []measure.FlowRecord
	counts    Counters
	summed    time.Time

	// published is what Counters returns.
	published atomic.Pointer[Counters]
}

// Listen opens the socket. Private elements are those of the enterprise.
func Listen(address netip.AddrPort, enterprise uint32, inv *inventory.Inventory) (*IPFIX, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(address))
	if err != nil {
		return nil, fmt.Errorf("listen for IPFIX: %w", err)
	}
	// The kernel caps what it gives; less is no error but a smaller burst.
	_ = conn.SetReadBuffer(receiveBuffer)
	c := &IPFIX{
		Postcards: make(chan []measure.Postcard, queueBatches),
		Flows:     make(chan []measure.FlowRecord, queueBatches),

		usedPostcards: make(chan []measure.Postcard, usedBatches),
		usedFlows:     make(chan []measure.FlowRecord, usedBatches),

		conn:      conn,
		local:     conn.LocalAddr().(*net.UDPAddr).AddrPort(),
		inventory: inv,
		decoder:   ipfix.NewCollector(ipfix.CollectorConfig{Model: ie.NewModel(enterprise)}),
		selectors: newSelectors(),
	}
	c.published.Store(&Counters{})
	c.reader, err = records.NewReader(records.Visitor{
		Postcard:   c.postcard,
		Flow:       c.flow,
		PolicyName: c.policyName,
		Selector:   c.selector,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for IPFIX: %w", err), conn.Close())
	}
	return c, nil
}

// Address is where the Collecting Process listens.
func (c *IPFIX) Address() netip.AddrPort { return c.local }

// Close closes the socket of a Collecting Process that does not run.
func (c *IPFIX) Close() error {
	if err := c.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close IPFIX socket: %w", err)
	}
	return nil
}

// RecyclePostcards takes a batch back that nobody looks at any more.
func (c *IPFIX) RecyclePostcards(batch []measure.Postcard) { giveBack(c.usedPostcards, batch) }

// RecycleFlows takes a batch back that nobody looks at any more.
func (c *IPFIX) RecycleFlows(batch []measure.FlowRecord) { giveBack(c.usedFlows, batch) }

func giveBack[T any](used chan []T, batch []T) {
	select {
	case used <- batch[:0]:
	default:
	}
}

// batch returns one that was given back, or a new one.
func batch[T any](used chan []T) []T {
	select {
	case b := <-used:
		return b
	default:
		return make([]T, 0, batchRecords)
	}
}

// Counters returns the counters as of the last message.
func (c *IPFIX) Counters() Counters { return *c.published.Load() }

// Run receives until the context ends, then closes the socket.
func (c *IPFIX) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	defer func() { _ = c.conn.Close() }()
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := c.conn.ReadFromUDPAddrPort(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive IPFIX: %w", err)
		}
		c.Receive(time.Now(), from, buffer[:n])
	}
}

// Receive takes one message in. It is not safe for concurrent use; Run calls
// it.
func (c *IPFIX) Receive(now time.Time, from netip.AddrPort, message []byte) {
	c.snapshot = c.inventory.Snapshot()
	c.counts.Messages++
	c.counts.Octets += uint64(len(message))
	key := ipfix.PeerKey{Exporter: from, Collector: c.local}
	if err := c.decoder.Decode(now, key, message, c.reader.Read); err != nil {
		if errors.Is(err, ipfix.ErrLimit) {
			c.counts.Refused++
		} else {
			c.counts.Malformed++
		}
	}
	c.flush()
	c.publish(now)
}

// flush hands on what the message held. A consumer that is busy loses it: a
// collector that waited would lose other messages in the kernel, uncounted.
func (c *IPFIX) flush() {
	if len(c.postcards) > 0 {
		select {
		case c.Postcards <- c.postcards:
		default:
			c.counts.DroppedPostcards += uint64(len(c.postcards))
		}
		c.postcards = nil
	}
	if len(c.flows) > 0 {
		select {
		case c.Flows <- c.flows:
		default:
			c.counts.DroppedFlows += uint64(len(c.flows))
		}
		c.flows = nil
	}
}

func (c *IPFIX) publish(now time.Time) {
	if now.Sub(c.summed) >= sumInterval {
		c.summed = now
		c.counts.Lost = 0
		c.decoder.Each(func(_ ipfix.PeerKey, s *ipfix.Session) { c.counts.Lost += s.Stats().LostRecords })
	}
	next := c.counts
	stats := c.reader.Stats()
	next.Postcards, next.Flows = stats.Of(records.KindPostcard), stats.Of(records.KindFlow)
	next.Events, next.HeavyFlows = stats.Of(records.KindEvent), stats.Of(records.KindHeavyFlow)
	next.Failed = stats.Failed
	for _, n := range stats.Read {
		next.Other += n
	}
	next.Other -= next.Postcards + next.Flows + next.Events + next.HeavyFlows
	c.published.Store(&next)
}
