package schema

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// compileXPath parses an expression.
func compileXPath(text string) (expr, error) {
	toks, err := xpathTokens(text)
	if err != nil {
		return nil, err
	}
	p := &xpathParser{toks: toks}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek() != "" {
		return nil, fmt.Errorf("unexpected %q", p.peek())
	}
	return e, nil
}

// xpathTokens cuts the text; literals keep their opening quote.
func xpathTokens(text string) ([]string, error) {
	var toks []string
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			i++
		case c == '\'' || c == '"':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return nil, errors.New("literal without its end")
			}
			toks = append(toks, "'"+text[i+1:i+1+end])
			i += end + 2
		case strings.HasPrefix(text[i:], "!="), strings.HasPrefix(text[i:], "<="), strings.HasPrefix(text[i:], ">="), strings.HasPrefix(text[i:], ".."):
			toks = append(toks, text[i:i+2])
			i += 2
		case strings.IndexByte("=<>(),/", c) >= 0:
			toks = append(toks, text[i:i+1])
			i++
		case isNameByte(c):
			j := i
			for j < len(text) && isNameByte(text[j]) {
				j++
			}
			toks = append(toks, text[i:j])
			i = j
		default:
			return nil, fmt.Errorf("unexpected character %q", c)
		}
	}
	return toks, nil
}

func isNameByte(c byte) bool {
	return c == '-' || c == '_' || c == ':' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

type xpathParser struct {
	toks []string
}

func (p *xpathParser) peek() string {
	if len(p.toks) == 0 {
		return ""
	}
	return p.toks[0]
}

func (p *xpathParser) next() string {
	t := p.peek()
	if t != "" {
		p.toks = p.toks[1:]
	}
	return t
}

func (p *xpathParser) expect(tok string) error {
	if t := p.next(); t != tok {
		return fmt.Errorf("%q where %q is expected", t, tok)
	}
	return nil
}

func (p *xpathParser) or() (expr, error) {
	terms, err := p.list("or", p.and)
	if err != nil || len(terms) == 1 {
		return first(terms), err
	}
	return logic{or: terms}, nil
}

func (p *xpathParser) and() (expr, error) {
	terms, err := p.list("and", p.comparison)
	if err != nil || len(terms) == 1 {
		return first(terms), err
	}
	return logic{and: terms}, nil
}

func first(terms []expr) expr {
	if len(terms) == 0 {
		return nil
	}
	return terms[0]
}

func (p *xpathParser) list(sep string, parse func() (expr, error)) ([]expr, error) {
	var terms []expr
	for {
		e, err := parse()
		if err != nil {
			return nil, err
		}
		terms = append(terms, e)
		if p.peek() != sep {
			return terms, nil
		}
		p.next()
	}
}

func (p *xpathParser) comparison() (expr, error) {
	l, err := p.primary()
	if err != nil {
		return nil, err
	}
	switch op := p.peek(); op {
	case "=", "!=", "<", "<=", ">", ">=":
		p.next()
		r, err := p.primary()
		return compare{op, l, r}, err
	}
	return l, nil
}

func (p *xpathParser) primary() (expr, error) {
	t := p.peek()
	switch {
	case t == "":
		return nil, errors.New("expression ends too early")
	case t == "(":
		p.next()
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	case t[0] == '\'':
		return constant{operand{kind: literal, text: p.next()[1:]}}, nil
	case t[0] >= '0' && t[0] <= '9':
		f, err := strconv.ParseFloat(p.next(), 64)
		return constant{operand{kind: number, num: f}}, err
	case len(p.toks) > 1 && p.toks[1] == "(":
		return p.call()
	}
	return p.path()
}

func (p *xpathParser) call() (expr, error) {
	name := p.next()
	p.next()
	arg, err := p.or()
	if err != nil {
		return nil, err
	}
	var e expr
	switch name {
	case "not":
		e = not{arg}
	case "count":
		e = count{arg}
	case "derived-from-or-self":
		if err := p.expect(","); err != nil {
			return nil, err
		}
		id := p.next()
		if !strings.HasPrefix(id, "'") {
			return nil, errors.New("derived-from-or-self needs a literal identity")
		}
		_, local, ok := strings.Cut(id[1:], ":")
		if !ok {
			local = id[1:]
		}
		e = isIdentity{arg, local}
	default:
		return nil, fmt.Errorf("function %s() is not supported", name)
	}
	return e, p.expect(")")
}

func (p *xpathParser) path() (expr, error) {
	var names []string
	for {
		t := p.next()
		if t != ".." && (t == "" || !isNameByte(t[0])) {
			return nil, fmt.Errorf("%q where a name is expected", t)
		}
		if _, local, ok := strings.Cut(t, ":"); ok {
			t = local
		}
		names = append(names, t)
		if p.peek() != "/" {
			return steps{names}, nil
		}
		p.next()
	}
}
