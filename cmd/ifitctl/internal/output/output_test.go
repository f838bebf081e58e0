package output

import (
	"strings"
	"testing"
)

type result struct {
	Name  string   `json:"name"`
	Count int      `json:"count"`
	List  []string `json:"list"`
}

func TestPrint(t *testing.T) {
	v := result{"r1", 3, []string{"10.0.0.1", "true"}}
	rows := func() Rows {
		r := Rows{Titles: []string{"NAME", "COUNT"}}
		r.Add(v.Name, v.Count)
		return r
	}
	for _, c := range []struct {
		format Format
		want   string
	}{
		{"", "NAME  COUNT\nr1    3\n"},
		{Table, "NAME  COUNT\nr1    3\n"},
		{JSON, "{\n  \"name\": \"r1\",\n  \"count\": 3,\n  \"list\": [\n    \"10.0.0.1\",\n    \"true\"\n  ]\n}\n"},
		// A text that looks like another type stays a text.
		{YAML, "name: r1\ncount: 3\nlist:\n  - 10.0.0.1\n  - \"true\"\n"},
	} {
		var b strings.Builder
		if err := c.format.Print(&b, v, rows); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.format, err, b.String(), c.want)
		}
	}
}

func TestFormatSet(t *testing.T) {
	var f Format
	if err := f.Set("xml"); err == nil || f != "" {
		t.Errorf("xml: %v, %q", err, f)
	}
	if err := f.Set("yaml"); err != nil || f != YAML {
		t.Errorf("yaml: %v, %q", err, f)
	}
	if err := JSON.Print(new(strings.Builder), func() {}, nil); err == nil {
		t.Error("a function was encoded")
	}
}
