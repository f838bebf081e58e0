//go:build linux

package labcmd

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/impair"
	"github.com/openifit/openifit/lab/namespace"
)

func (f *flags) impair() *cobra.Command {
	cmd := &cobra.Command{Use: "impair", Short: "Make a link slower, lossy or disordered"}
	cmd.AddCommand(f.impairQueue(), f.impairLoss(), f.impairClear(), f.impairShow())
	return cmd
}

// onNode runs fn with the namespace of a node that the first argument names.
func (f *flags) onNode(args []string, fn func(ns *namespace.NS, name string) error) error {
	return f.with(func(l *lab.Lab) error {
		if _, err := l.Topology().Interface(args[0], args[1]); err != nil {
			return err
		}
		ns, err := l.Node(args[0]).Namespace()
		if err != nil {
			return err
		}
		return fn(ns, args[1])
	})
}

func (f *flags) impairQueue() *cobra.Command {
	var q impair.Queue
	cmd := &cobra.Command{
		Use: "queue NODE INTERFACE", Short: "Put a queue in front of an interface", Args: cobra.ExactArgs(2),
		Example: "  ifitctl lab impair queue r3 to-r4 --rate 5000000",
		RunE: func(_ *cobra.Command, args []string) error {
			return f.onNode(args, func(ns *namespace.NS, name string) error { return impair.TBF(ns, name, q) })
		},
	}
	cmd.Flags().Uint64Var(&q.Rate, "rate", 1000000, "bits per second")
	cmd.Flags().Uint32Var(&q.Burst, "burst", 5000, "octets that may leave at once")
	cmd.Flags().Uint32Var(&q.Limit, "limit", 100000, "octets that may wait")
	return cmd
}

func (f *flags) impairLoss() *cobra.Command {
	var l impair.Loss
	cmd := &cobra.Command{
		Use: "loss NODE INTERFACE", Short: "Lose or reorder packets that leave by an interface", Args: cobra.ExactArgs(2),
		Example: "  ifitctl lab impair loss r3 to-r4 --drop 0.01",
		RunE: func(_ *cobra.Command, args []string) error {
			return f.onNode(args, func(ns *namespace.NS, name string) error { return impair.SetLoss(ns, name, l) })
		},
	}
	cmd.Flags().Float64Var(&l.Drop, "drop", 0, "probability of a packet to be lost")
	cmd.Flags().Float64Var(&l.Reorder, "reorder", 0, "probability of a packet to change its place")
	cmd.Flags().Uint64Var(&l.Seed, "seed", 1, "seed of the packets' fates")
	return cmd
}

// impairments are what one interface suffers from.
type impairments struct {
	Queue *impair.QueueStats `json:"queue,omitempty"`
	Loss  *impair.Counts     `json:"loss,omitempty"`
}

func (f *flags) impairClear() *cobra.Command {
	var format output.Format
	cmd := &cobra.Command{
		Use: "clear NODE INTERFACE", Short: "Remove queue and loss, and print their last counts", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onNode(args, func(ns *namespace.NS, name string) error {
				i, err := examine(ns, name, impair.ClearLoss)
				if err != nil {
					return err
				}
				if err := impair.ClearTBF(ns, name); err != nil && !errors.Is(err, impair.ErrNone) {
					return err
				}
				return i.print(cmd, format)
			})
		},
	}
	format.AddFlag(cmd)
	return cmd
}

func (f *flags) impairShow() *cobra.Command {
	var format output.Format
	cmd := &cobra.Command{
		Use: "show NODE INTERFACE", Short: "Print the counts of queue and loss", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onNode(args, func(ns *namespace.NS, name string) error {
				i, err := examine(ns, name, impair.LossCounts)
				if err != nil {
					return err
				}
				return i.print(cmd, format)
			})
		},
	}
	format.AddFlag(cmd)
	return cmd
}

func examine(ns *namespace.NS, name string, loss func(*namespace.NS, string) (impair.Counts, error)) (impairments, error) {
	var i impairments
	q, err := impair.TBFStats(ns, name)
	if err == nil {
		i.Queue = &q
	} else if !errors.Is(err, impair.ErrNone) {
		return i, err
	}
	c, err := loss(ns, name)
	if err == nil {
		i.Loss = &c
	} else if !errors.Is(err, impair.ErrNone) {
		return i, err
	}
	return i, nil
}

func (i impairments) print(cmd *cobra.Command, format output.Format) error {
	return format.Print(cmd.OutOrStdout(), i, func() output.Rows {
		rows := output.Rows{Titles: []string{"IMPAIRMENT", "PACKETS", "DROPPED", "REORDERED", "WAITING"}}
		if i.Queue != nil {
			rows.Add("queue", i.Queue.Sent+i.Queue.Dropped, i.Queue.Dropped, 0, i.Queue.BacklogPackets)
		}
		if i.Loss != nil {
			rows.Add("loss", i.Loss.Packets, i.Loss.Dropped, i.Loss.Reordered, i.Loss.Held)
		}
		return rows
	})
}
