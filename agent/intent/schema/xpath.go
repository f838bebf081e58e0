package schema

import (
	"math"
	"strconv"
	"strings"
)

// This file evaluates the part of XPath 1.0 that the model's must and when
// statements use: relative paths of names and "..", literals, numbers,
// comparisons, and, or, not(), count() and derived-from-or-self().

// expr is a compiled expression.
type expr interface {
	eval(at cursor) operand
}

// operand is the value of an expression: a node set, string, number or
// boolean, as XPath has them.
type operand struct {
	kind  operandKind
	nodes []string // string values of the nodes
	text  string
	num   float64
	truth bool
}

type operandKind uint8

const (
	nodeSet operandKind = iota
	literal
	number
	boolean
)

func (o operand) bool() bool {
	switch o.kind {
	case nodeSet:
		return len(o.nodes) > 0
	case literal:
		return o.text != ""
	case number:
		return o.num != 0 && !math.IsNaN(o.num)
	}
	return o.truth
}

type (
	logic   struct{ or, and []expr } // exactly one of them is set
	compare struct {
		op   string
		l, r expr
	}
	not   struct{ of expr }
	count struct{ of expr }
	// isIdentity is derived-from-or-self: the model derives no identity from
	// one that is itself a value.
	isIdentity struct {
		of   expr
		name string
	}
	steps    struct{ names []string }
	constant struct{ value operand }
)

func (e logic) eval(at cursor) operand {
	for _, x := range e.or {
		if x.eval(at).bool() {
			return operand{kind: boolean, truth: true}
		}
	}
	truth := len(e.and) > 0
	for _, x := range e.and {
		truth = truth && x.eval(at).bool()
	}
	return operand{kind: boolean, truth: truth}
}

func (e not) eval(at cursor) operand {
	return operand{kind: boolean, truth: !e.of.eval(at).bool()}
}

func (e count) eval(at cursor) operand {
	return operand{kind: number, num: float64(len(e.of.eval(at).nodes))}
}

func (e isIdentity) eval(at cursor) operand {
	for _, n := range e.of.eval(at).nodes {
		if n == e.name {
			return operand{kind: boolean, truth: true}
		}
	}
	return operand{kind: boolean}
}

func (e constant) eval(cursor) operand { return e.value }

func (e steps) eval(at cursor) operand {
	for i, name := range e.names {
		if name == ".." {
			if at.up == nil {
				return operand{}
			}
			at = *at.up
			continue
		}
		child := at.node.Child(name)
		if child == nil || !at.v.IsValid() {
			return operand{}
		}
		if child.IsLeaf() {
			if i != len(e.names)-1 {
				return operand{}
			}
			v, ok := child.read(at.v)
			if !ok {
				return operand{}
			}
			return operand{nodes: v.xpathValues()}
		}
		if child.Kind == List {
			entries := at.v.Field(child.field)
			if i != len(e.names)-1 {
				return operand{}
			}
			return operand{nodes: make([]string, entries.Len())}
		}
		p := at.v.Field(child.field)
		if p.IsNil() {
			return operand{}
		}
		outer := at
		at = cursor{&outer, child, p.Elem()}
	}
	return operand{nodes: []string{""}}
}

// xpathValues returns the string values of a leaf or of a leaf-list's entries.
func (v Value) xpathValues() []string {
	if v.node.Kind != LeafList {
		return []string{v.node.Type.text(v.v)}
	}
	out := make([]string, v.v.Len())
	for i := range out {
		out[i] = v.node.Type.text(v.v.Index(i))
	}
	return out
}

func (e compare) eval(at cursor) operand {
	l, r := e.l.eval(at), e.r.eval(at)
	return operand{kind: boolean, truth: l.compare(e.op, r)}
}

// compare follows section 3.4 of XPath 1.0: a node set compares true when one
// of its nodes does.
func (o operand) compare(op string, r operand) bool {
	if (o.kind == boolean || r.kind == boolean) && (op == "=" || op == "!=") {
		return (o.bool() == r.bool()) == (op == "=")
	}
	if o.kind == nodeSet {
		for _, n := range o.nodes {
			if (operand{kind: literal, text: n}).compare(op, r) {
				return true
			}
		}
		return false
	}
	if r.kind == nodeSet {
		for _, n := range r.nodes {
			if o.compare(op, operand{kind: literal, text: n}) {
				return true
			}
		}
		return false
	}
	if o.kind == literal && r.kind == literal && (op == "=" || op == "!=") {
		return (o.text == r.text) == (op == "=")
	}
	a, b := o.number(), r.number()
	switch op {
	case "=":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

func (o operand) number() float64 {
	switch o.kind {
	case number:
		return o.num
	case boolean:
		if o.truth {
			return 1
		}
		return 0
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(o.text), 64)
	if err != nil {
		return math.NaN()
	}
	return f
}
