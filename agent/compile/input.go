package compile

import (
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/gen/yang"
)

// Input is all that a plan depends on.
type Input struct {
	// Tree is valid by its schema and is not changed.
	Tree *yang.Ifit
	// Refs numbers the policies by name. Policies without a number, such as
	// those whose lifetime is over, are left out.
	Refs map[string]flow.PolicyRef
	// Reactions are temporary changes of policies by the node itself, by name.
	Reactions map[string]Reaction
	// Probes are the uploaded ones by name.
	Probes map[string]Probe
	// Links are the interfaces of the kernel: ifindexes by name.
	Links map[string]uint32
	// NoTimestamps: the kernel cannot keep the time of arrival in a packet.
	NoTimestamps bool
	// NoStatistics: the kernel cannot measure how long programs run.
	NoStatistics bool
}

// Compiler compiles one tree after another and does not look twice at a
// policy that has not changed, which it recognises by its pointer: trees are
// immutable. It must not be used by two goroutines at a time.
type Compiler struct {
	techniques map[yang.TECHNIQUE]technique
	defined    map[*yang.Policy]*definition
}

// New returns a compiler.
func New() *Compiler {
	return &Compiler{techniques: builtTechniques()}
}
