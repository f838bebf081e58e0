//go:build linux

package livebench

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
)

// Postcards is an engine whose programs send as many postcards as one likes.
type Postcards struct {
	stage   *stage
	program *ebpf.Program
	frame   []byte
}

// PostcardPolicy is the number of the policy that the postcards belong to.
const PostcardPolicy = 1

// marked is the code point of marked best-effort packets here.
const marked = 3

// NewPostcards sets up a point where marked packets leave.
func NewPostcards() (_ *Postcards, err error) {
	s, err := newStage()
	if err != nil {
		return nil, err
	}
	p := &Postcards{stage: s, frame: s.frame}
	p.frame[15] = marked << 2
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if err := s.open(); err != nil {
		return nil, err
	}
	next := plan.Plan{MaxFlows: 1024, Points: []plan.Point{{
		ID:        plan.PointID{Ifindex: loopback, Direction: flow.Egress},
		Interface: "lo", Role: plan.RoleCore, Postcards: true,
		Policies: []plan.Policy{{
			PolicyRef: flow.PolicyRef{ID: PostcardPolicy, Generation: 1}, Name: "postcards",
			Actions: plan.ActPostcard, Keys: plan.Key5Tuple,
		}},
	}}}
	for dscp := range next.Unmark {
		next.Unmark[dscp] = plan.NoMark
	}
	next.Unmark[marked] = 0
	err = s.ns.Do(func() error {
		change, err := s.engine.Prepare(next)
		if err != nil {
			return err
		}
		return change.Commit()
	})
	if err != nil {
		return nil, err
	}
	programs, err := s.engine.Programs()
	if err != nil {
		return nil, err
	}
	if p.program, err = ebpf.NewProgramFromID(ebpf.ProgramID(programs[0].ID)); err != nil {
		return nil, fmt.Errorf("open the program: %w", err)
	}
	return p, nil
}

// Engine is where the postcards can be read.
func (p *Postcards) Engine() *probe.Engine { return p.stage.engine }

// Send lets n marked packets leave and returns how long the program took.
func (p *Postcards) Send(n uint32) (time.Duration, error) {
	var took time.Duration
	err := p.stage.ns.Do(func() error {
		start := time.Now()
		_, err := p.program.Run(&ebpf.RunOptions{
			Data: p.frame, Repeat: n, Context: &arrival{Ingress: 2, Interface: loopback},
		})
		took = time.Since(start)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("send %d postcards: %w", n, err)
	}
	return took, nil
}

// arrival is the beginning of struct __sk_buff.
type arrival struct {
	_                  [9]uint32
	Ingress, Interface uint32
}

// Count returns how many postcards were sent, and how many found no place.
func (p *Postcards) Count() (sent, lost uint64, err error) {
	counters, err := p.stage.engine.PolicyCounters()
	if err != nil {
		return 0, 0, err
	}
	for _, c := range counters {
		sent += c.Postcards
		lost += c.PostcardsLost + c.PostcardsSuppressed + c.NoPacketID
	}
	return sent, lost, nil
}

// Close removes everything.
func (p *Postcards) Close() error {
	var err error
	if p.program != nil {
		err = p.program.Close()
	}
	return errors.Join(err, p.stage.close())
}
