package source

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/bpf/point"
)

// postcardWait is the longest time that a lone postcard lies in the kernel:
// programs wake the reader for many at once only.
const postcardWait = 10 * time.Millisecond

// Postcards reads the postcards of all points of an engine. What is lost for
// want of space is counted in the kernel, by policy and point.
type Postcards struct{ ring *ring[flow.Postcard] }

// NewPostcards opens the engine's ring buffer of postcards, which can have
// one reader at a time.
func NewPostcards(engine *probe.Engine) (*Postcards, error) {
	r, err := openRing(engine.PostcardRing(), &ring[flow.Postcard]{
		wait: postcardWait, size: int(unsafe.Sizeof(point.BPFIfitPostcard{})), decode: decodePostcard,
	})
	if err != nil {
		return nil, fmt.Errorf("read postcards: %w", err)
	}
	return &Postcards{r}, nil
}

// Run hands on postcards in batches until ctx ends, and then returns its
// error. A batch is only valid during the call. Run can be called once.
func (p *Postcards) Run(ctx context.Context, deliver func([]flow.Postcard)) error {
	return p.ring.run(ctx, deliver)
}

// Count is the number of postcards handed on, and of samples that were none.
func (p *Postcards) Count() (postcards, malformed uint64) {
	return p.ring.samples.Load(), p.ring.malformed.Load()
}

func decodePostcard(sample []byte, clock *Clock, out *flow.Postcard) {
	in := (*point.BPFIfitPostcard)(unsafe.Pointer(unsafe.SliceData(sample)))
	*out = flow.Postcard{
		ID:             ID(&in.Id),
		Policy:         flow.PolicyRef{ID: in.Policy, Generation: in.Generation},
		PacketID:       in.PacketId,
		IngressTime:    clock.UNIX(in.IngressNs),
		EgressTime:     clock.UNIX(in.EgressNs),
		IngressIfindex: in.IngressIfindex,
		EgressIfindex:  in.EgressIfindex,
		Length:         in.Length,
		Segments:       in.Segments,
		HopLimit:       in.HopLimit,
		DSCP:           in.Dscp,
		Answer:         in.Answer,
		Answered:       in.Answered != 0,
	}
}
