package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe/livebench"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

const (
	// postcardBatch fits into the ring buffer.
	postcardBatch  = 40_000
	postcardRounds = 21
	// postcardFlood is sent while the reader reads. postcardOverflow, sent
	// before, is more than the ring buffer holds.
	postcardFlood    = 2_000_000
	postcardOverflow = 100_000
)

// postcardPath fills the ring buffer, then measures how much CPU time it takes
// to turn what is in it into IPFIX Messages; then floods it, without and with a
// reader, and compares what was sent with what was read and what was counted
// as lost.
func postcardPath() (_ []Row, err error) {
	cards, err := livebench.NewPostcards()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cards.Close()) }()
	encode, octets, err := postcardEncoder()
	if err != nil {
		return nil, err
	}
	var program, reader []float64
	var allocations uint64
	for range postcardRounds {
		took, err := cards.Send(postcardBatch)
		if err != nil {
			return nil, err
		}
		cost, allocated, err := readPostcards(cards, postcardBatch, encode)
		if err != nil {
			return nil, err
		}
		program = append(program, float64(took.Nanoseconds())/postcardBatch)
		reader = append(reader, float64(cost.Nanoseconds())/postcardBatch)
		allocations += allocated
	}
	if *octets == 0 {
		return nil, errors.New("postcards gave no octets")
	}
	unaccounted, overflow, flood, err := floodPostcards(cards, encode)
	if err != nil {
		return nil, err
	}
	perPostcard := float64(allocations) / postcardRounds / postcardBatch
	return []Row{
		AtLeast("postcard-path", 1e3/median(reader), 4, "M/s per core"),
		// Setting up a reader allocates, each postcard does not.
		AtMost("postcard-path/allocs", float64(int64(perPostcard+0.5)), 0, "allocs/postcard"),
		AtMost("postcard-path/unaccounted", float64(unaccounted), 0, "postcards"),
		{ID: "postcard-path/lost-without-reader", Value: float64(overflow), Unit: "postcards", OK: true},
		{ID: "postcard-path/lost-in-flood", Value: float64(flood), Unit: "postcards", OK: true},
		{ID: "postcard-path/program", Value: median(program), Unit: "ns", OK: true},
	}, nil
}

// postcardEncoder writes postcards into Messages that nobody gets, and counts
// their octets.
func postcardEncoder() (encode func([]flow.Postcard) error, octets *int, err error) {
	template, err := records.PostcardTemplate(ie.NewModel(32473), records.IPv4)
	if err != nil {
		return nil, nil, err
	}
	octets = new(int)
	exporter, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: 1, Transport: ipfix.UDP, MaxLength: 1400},
		func(m ipfix.Message) error {
			*octets += len(m.Octets)
			return nil
		})
	if err != nil {
		return nil, nil, err
	}
	stream, err := ipfix.NewStream[records.Postcard](exporter, template)
	if err != nil {
		return nil, nil, err
	}
	var record records.Postcard
	return func(batch []flow.Postcard) error {
		for i := range batch {
			fillRecord(&record, &batch[i])
			if err := stream.Write(&record); err != nil {
				return err
			}
		}
		return nil
	}, octets, nil
}

func fillRecord(out *records.Postcard, in *flow.Postcard) {
	delay, _ := in.Delay()
	*out = records.Postcard{
		Origin: records.Origin{Policy: in.Policy.ID, Generation: in.Policy.Generation, Node: 1},
		Tuple: records.Tuple{
			Source: in.ID.Source, Destination: in.ID.Destination,
			SourcePort: in.ID.SourcePort, DestinationPort: in.ID.DestinationPort, Protocol: in.ID.Protocol,
		},
		PacketID: uint64(in.PacketID), HopLimit: in.HopLimit, DiffServ: in.DSCP, Direction: records.Egress,
		IngressInterface: in.IngressIfindex, EgressInterface: in.EgressIfindex,
		IngressTime: ipfix.UnixNano(in.IngressTime), EgressTime: ipfix.UnixNano(in.EgressTime),
		TransitDelay: delay, Length: in.Length, Segments: in.Segments,
	}
}

// readPostcards reads that many and returns the CPU time and the allocations
// of the whole process.
func readPostcards(cards *livebench.Postcards, n int, encode func([]flow.Postcard) error) (time.Duration, uint64, error) {
	reader, err := source.NewPostcards(cards.Engine())
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, err := cpuTime()
	if err != nil {
		return 0, 0, err
	}
	var cost time.Duration
	var failed error
	err = reader.Run(ctx, func(batch []flow.Postcard) {
		if err := encode(batch); err != nil {
			failed = err
			cancel()
		}
		if n -= len(batch); n == 0 {
			end, err := cpuTime()
			cost, failed = end-start, errors.Join(failed, err)
			cancel()
		}
	})
	runtime.ReadMemStats(&after)
	if n != 0 || !errors.Is(err, context.Canceled) {
		return 0, 0, fmt.Errorf("%d postcards did not come: %w", n, err)
	}
	return cost, after.Mallocs - before.Mallocs, failed
}

// floodPostcards sends without regard for the reader, which is not there yet
// at the beginning.
func floodPostcards(cards *livebench.Postcards, encode func([]flow.Postcard) error) (unaccounted, overflow, flood uint64, err error) {
	sentBefore, lostBefore, err := cards.Count()
	if err != nil {
		return 0, 0, 0, err
	}
	if _, err := cards.Send(postcardOverflow); err != nil {
		return 0, 0, 0, err
	}
	_, lostThen, err := cards.Count()
	if err != nil {
		return 0, 0, 0, err
	}
	reader, err := source.NewPostcards(cards.Engine())
	if err != nil {
		return 0, 0, 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var read atomic.Uint64
	done := make(chan error, 1)
	go func() {
		var failed error
		err := reader.Run(ctx, func(batch []flow.Postcard) {
			failed = errors.Join(failed, encode(batch))
			read.Add(uint64(len(batch)))
		})
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		done <- errors.Join(failed, err)
	}()
	_, err = cards.Send(postcardFlood)
	sent, lost, countErr := cards.Count()
	sent, lost = sent-sentBefore, lost-lostBefore
	// What is in the buffer takes milliseconds to read.
	for deadline := time.Now().Add(10 * time.Second); read.Load() < sent && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	cancel()
	err = errors.Join(err, countErr, <-done)
	return apart(postcardOverflow+postcardFlood, lost+read.Load()), lostThen - lostBefore, lostBefore + lost - lostThen, err
}

// cpuTime is what this process has used of all CPUs.
func cpuTime() (time.Duration, error) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
