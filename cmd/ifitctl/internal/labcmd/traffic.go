//go:build linux

package labcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/traffic"
)

// arrivalIdle is how long nothing has to arrive before what is missing is
// lost.
const arrivalIdle = 500 * time.Millisecond

type trafficFlags struct {
	from, to        string
	mice, elephants int
	constant        int
	payload         int
	rate, share     float64
	packets, seed   uint64
	duration        time.Duration
	family          string
	delays, flows   bool
	format          output.Format
}

func (f *flags) traffic() *cobra.Command {
	t := new(trafficFlags)
	cmd := &cobra.Command{
		Use: "traffic", Short: "Send traffic between hosts and print the truth about it", Args: cobra.NoArgs,
		Long: "Send UDP flows from one host to another until the time is over, all packets are sent, or an interrupt.\n" +
			"Prints what was sent, what arrived, and what it carried.",
		Example: "  ifitctl lab traffic --mice 20000 --elephants 8 --rate 10000 --duration 30s\n" +
			"  ifitctl lab traffic --constant 4 --rate 100 --packets 1000 --delays -o json --flows",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(func(l *lab.Lab) error { return t.run(cmd.Context(), l, cmd.OutOrStdout()) })
		},
	}
	cmd.AddCommand(f.stream())
	p := cmd.Flags()
	p.StringVar(&t.from, "from", "h1", "host that sends")
	p.StringVar(&t.to, "to", "h2", "host that receives")
	p.IntVar(&t.mice, "mice", 1000, "number of small flows")
	p.IntVar(&t.elephants, "elephants", 4, "number of large flows")
	p.IntVar(&t.constant, "constant", 0, "number of equal flows, instead of mice and elephants")
	p.IntVar(&t.payload, "payload", 200, "UDP payload octets of equal flows")
	p.Float64Var(&t.rate, "rate", 2000, "packets per second of all flows together")
	p.Float64Var(&t.share, "share", 0.8, "share of the octets that the elephants carry")
	p.Uint64Var(&t.packets, "packets", 0, "packets per mouse or equal flow (default: without end)")
	p.Uint64Var(&t.seed, "seed", 1, "seed of ports and order")
	p.DurationVar(&t.duration, "duration", 0, "time to send (default: until an interrupt)")
	p.StringVar(&t.family, "family", "both", "address family: both, ipv4 or ipv6")
	p.BoolVar(&t.delays, "delays", false, "measure delays from host to host")
	p.BoolVar(&t.flows, "flows", false, "print the truth of every flow")
	t.format.AddFlag(cmd)
	return cmd
}

func (t *trafficFlags) run(ctx context.Context, l *lab.Lab, w io.Writer) error {
	p, err := t.profile(l)
	if err != nil {
		return err
	}
	ends, err := l.Ends(t.from, t.to)
	if err != nil {
		return err
	}
	sending := ctx
	if t.duration > 0 {
		var cancel context.CancelFunc
		sending, cancel = context.WithTimeout(ctx, t.duration)
		defer cancel()
	}
	s, err := traffic.NewSession(sending, ends, p, traffic.SessionOptions{
		ReceiverOptions: traffic.ReceiverOptions{Delays: t.delays},
	})
	if err != nil {
		return err
	}
	<-s.Done()
	// An interrupt ends the sending; the packets on the way still count.
	err = s.Stop(context.WithoutCancel(ctx), arrivalIdle)
	r, rerr := s.Report()
	if err := errors.Join(err, rerr, s.Close()); err != nil {
		return err
	}
	if !t.flows {
		r.Flows = nil
	}
	return t.format.Print(w, r, func() output.Rows { return truthTable(r) })
}

func (t *trafficFlags) profile(l *lab.Lab) (traffic.Profile, error) {
	pairs, err := t.pairs(l)
	if err != nil {
		return traffic.Profile{}, err
	}
	if t.constant > 0 {
		return traffic.Constant{
			Pairs: pairs, Flows: t.constant, Rate: t.rate, Payload: t.payload, Packets: t.packets, Seed: t.seed,
		}.Profile()
	}
	return traffic.MiceAndElephants{
		Pairs: pairs, Mice: t.mice, Elephants: t.elephants, Rate: t.rate, Share: t.share,
		MousePackets: t.packets, Seed: t.seed,
	}.Profile()
}

func (t *trafficFlags) pairs(l *lab.Lab) ([]traffic.Pair, error) {
	all := l.Pairs(t.from, t.to)
	var list []traffic.Pair
	for _, p := range all {
		v4 := p.Source.Is4()
		switch t.family {
		case "both":
		case "ipv4":
			if !v4 {
				continue
			}
		case "ipv6":
			if v4 {
				continue
			}
		default:
			return nil, fmt.Errorf("--family %q: want both, ipv4 or ipv6", t.family)
		}
		list = append(list, p)
	}
	return list, nil
}

func truthTable(r traffic.Report) output.Rows {
	rows := output.Rows{Titles: []string{"WHAT", "VALUE"}}
	if len(r.Flows) > 0 {
		rows.Titles = []string{"GROUP", "SOURCE", "DESTINATION", "SENT", "OCTETS", "RECEIVED", "LOST", "REORDERED", "MARKED", "HOP LIMIT", "DELAY"}
		for _, f := range r.Flows {
			rows.Add(f.Group, f.Source, f.Destination, f.SentPackets, f.SentOctets, f.ReceivedPackets, f.Lost,
				f.Reordered, f.Marked, f.MinHopLimit, f.MeanDelay)
		}
		return rows
	}
	t := r.Totals
	rows.Add("flows", t.Flows)
	rows.Add("packets sent", t.SentPackets)
	rows.Add("octets sent", t.SentOctets)
	rows.Add("packets received", t.ReceivedPackets)
	rows.Add("lost", t.Lost)
	rows.Add("duplicates", t.Duplicates)
	rows.Add("reordered", t.Reordered)
	rows.Add("marked on arrival", t.Marked)
	rows.Add("refused by the first link", t.Refused)
	rows.Add("missed by the receiver", t.Overrun)
	rows.Add("marks and headers seen at the receiver, all protocols", r.Seen.Instrumented(0))
	return rows
}

func (f *flags) stream() *cobra.Command {
	var from, to, family string
	var port uint16
	var octets, rate uint64
	var duration time.Duration
	var format output.Format
	cmd := &cobra.Command{
		Use: "tcp", Short: "Send octets over a TCP connection and print the truth about it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(func(l *lab.Lab) error {
				dst, ok := l.Topology().Address(to, family != "ipv6")
				if !ok || family != "ipv4" && family != "ipv6" {
					return fmt.Errorf("--to %q, --family %q: want a node, and ipv4 or ipv6", to, family)
				}
				truth, err := stream(cmd.Context(), l, from, to, duration, traffic.StreamOptions{
					Destination: netip.AddrPortFrom(dst, port), Octets: octets, Rate: rate,
				})
				if err != nil {
					return err
				}
				return format.Print(cmd.OutOrStdout(), truth, func() output.Rows { return streamTable(truth) })
			})
		},
	}
	p := cmd.Flags()
	p.StringVar(&from, "from", "h1", "host that sends")
	p.StringVar(&to, "to", "h2", "host that receives")
	p.StringVar(&family, "family", "ipv4", "address family: ipv4 or ipv6")
	p.Uint16Var(&port, "port", 5002, "TCP port of the receiver")
	p.Uint64Var(&octets, "octets", 0, "octets to send (default: without end)")
	p.Uint64Var(&rate, "rate", 0, "octets per second (default: as fast as it goes)")
	p.DurationVar(&duration, "duration", 0, "time to send (default: until an interrupt)")
	format.AddFlag(cmd)
	return cmd
}

func stream(ctx context.Context, l *lab.Lab, from, to string, d time.Duration, o traffic.StreamOptions) (traffic.StreamTruth, error) {
	ends, err := l.Ends(from, to)
	if err != nil {
		return traffic.StreamTruth{}, err
	}
	if d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	s, err := traffic.NewStream(ctx, ends.From, ends.To, o)
	if err != nil {
		return traffic.StreamTruth{}, err
	}
	select {
	case <-s.Done():
	case <-ctx.Done():
	}
	err = s.Stop()
	truth, terr := s.Truth()
	return truth, errors.Join(err, terr, s.Close())
}

func streamTable(t traffic.StreamTruth) output.Rows {
	rows := output.Rows{Titles: []string{"SOURCE", "DESTINATION", "SENT", "RECEIVED", "SEGMENTS", "RETRANSMITTED", "SECONDS"}}
	rows.Add(t.Source, t.Destination, t.SentOctets, t.ReceivedOctets, t.Segments, t.Retransmitted, t.Seconds)
	return rows
}
