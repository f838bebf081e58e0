package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/custom"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
	"github.com/openifit/openifit/dataplane/probe/custom/signature"
	"github.com/openifit/openifit/gen/yang"
)

// maxUploads is the number of probes that a node keeps: their objects are part
// of its configuration, and so of the answers to those who read all of it.
const maxUploads = 16

// upload is what became of an object that an operator brought.
type upload struct {
	object   *object.Object
	signedBy string
	// refused is why there is no object.
	refused *compile.Error
}

// uploads checks objects, and no object twice: trees are immutable, so that a
// probe that has not changed is known by its pointer.
type uploads struct {
	keys   signature.Keys
	limits object.Limits

	mu      sync.Mutex
	checked map[*yang.Probe]*upload
}

// look checks the probes of a tree.
func (u *uploads) look(tree *yang.Probes) map[string]*upload {
	if tree == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	out, checked := make(map[string]*upload, len(tree.Probe)), make(map[*yang.Probe]*upload, len(tree.Probe))
	for name, p := range tree.Probe {
		found := u.checked[p]
		if found == nil {
			found = u.check(name, p.GetConfig())
		}
		out[name], checked[p] = found, found
	}
	u.checked = checked
	return out
}

func probePath(name string) string { return "/ifit/probes/probe[name=" + name + "]" }

func (u *uploads) check(name string, c *yang.Probe_Config) *upload {
	refuse := func(leaf, format string, args ...any) *upload {
		return &upload{refused: &compile.Error{
			Path: probePath(name) + "/config/" + leaf, Code: compile.Invalid, Reason: fmt.Sprintf(format, args...),
		}}
	}
	data := c.GetObject()
	if len(data) == 0 {
		return refuse("object", "a probe needs an object")
	}
	digest := sha256.Sum256(data)
	if want := c.GetSha256(); want != "" && want != hex.EncodeToString(digest[:]) {
		return refuse("sha256", "the object has SHA-256 %x", digest)
	}
	by, err := u.keys.Verify(data, c.GetSignature())
	if err != nil {
		return refuse("signature", "%v", err)
	}
	o, err := object.Read(data, u.limits)
	if err != nil {
		return refuse("object", "%v", err)
	}
	return &upload{object: o, signedBy: by}
}

// admit refuses a change that brings a probe which cannot run. What was
// accepted once and is refused now, because a key is gone, concerns the
// policies that run it, and nothing else.
func (c *change) admit() error {
	if !c.asked() {
		return nil
	}
	tree := c.next.snapshot.Root.GetProbes()
	if tree != nil && len(tree.Probe) > maxUploads {
		return &compile.Error{Path: "/ifit/probes", Code: compile.TooMuch,
			Reason: fmt.Sprintf("%d probes, at most %d are kept", len(tree.Probe), maxUploads)}
	}
	for _, name := range c.next.snapshot.Changed.Probes {
		found := c.next.uploads[name]
		switch {
		case found == nil: // it is gone
		case found.refused != nil:
			return found.refused
		default:
			// The kernel has the last word, before any policy depends on it.
			if err := custom.Try(found.object); err != nil {
				return &compile.Error{Path: probePath(name) + "/config/object", Code: compile.Invalid, Reason: err.Error()}
			}
		}
	}
	return nil
}

// compilable is what the compiler needs to know of uploads.
func compilable(found map[string]*upload) map[string]compile.Probe {
	out := make(map[string]compile.Probe, len(found))
	for name, u := range found {
		p := compile.Probe{Object: u.object}
		if u.refused != nil {
			p.Reason = u.refused.Reason
		}
		out[name] = p
	}
	return out
}

// instances are the probes that policies run.
func (a *applier) instances(r *compile.Result) []custom.Instance {
	var out []custom.Instance
	for i := range r.Policies {
		p := &r.Policies[i]
		if p.Custom.Object == nil || !p.Enabled || len(p.Declined) > 0 {
			continue
		}
		in := custom.Instance{
			PolicyRef: p.PolicyRef, Policy: p.Name, Probe: p.Custom.Probe,
			Object: p.Custom.Object, Parameters: p.Custom.Parameters,
			Budget: custom.Budget{PerPacket: p.Custom.PerPacket, CPU: p.Custom.CPU},
		}
		if p.Technique != yang.TECHNIQUE_CUSTOM_PROBE {
			in.Answers = a.engine.Answers()
		}
		for _, at := range p.Points {
			if in.Answers == nil || at.Actions&(plan.ActPostcard|plan.ActDigest) != 0 {
				in.Points = append(in.Points, at.PointID)
			}
		}
		out = append(out, in)
	}
	return out
}

// uploadNames lists the probes of a configuration.
func uploadNames(a *applied) []string {
	if a == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(a.uploads))
}
