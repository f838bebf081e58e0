package schema

import (
	"fmt"

	goyang "github.com/openconfig/goyang/pkg/yang"
)

// rule is a must or when statement.
type rule struct {
	text    string
	message string // of the error-message statement, "" without one
	expr    expr
}

// reason says what is wrong when the rule does not hold.
func (r rule) reason() string {
	if r.message != "" {
		return fmt.Sprintf("%s (must %q)", r.message, r.text)
	}
	return fmt.Sprintf("violates must %q", r.text)
}

// rules compiles the must or when statements of an entry; ygot embeds them as
// JSON.
func rules(e *goyang.Entry, keyword string) ([]rule, error) {
	var out []rule
	for _, x := range e.Extra[keyword] {
		m, ok := x.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("unexpected form of a %s statement: %T", keyword, x)
		}
		text, ok := m["Name"].(string)
		if !ok {
			return nil, fmt.Errorf("a %s statement without an expression", keyword)
		}
		compiled, err := compileXPath(text)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", keyword, text, err)
		}
		r := rule{text: text, expr: compiled}
		if em, ok := m["ErrorMessage"].(map[string]any); ok {
			r.message, _ = em["Name"].(string)
		}
		out = append(out, r)
	}
	return out, nil
}
