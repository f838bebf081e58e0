package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	all := []benchmark{{id: "a"}, {id: "b"}, {id: "c"}}
	if _, err := choose(all, "a,x"); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("unknown id: got error %v", err)
	}
	chosen, err := choose(all, "c,a")
	if err != nil || len(chosen) != 2 || chosen[0].id != "a" || chosen[1].id != "c" {
		t.Errorf("c,a: got %v, %v", chosen, err)
	}
	if chosen, err := choose(all, ""); err != nil || len(chosen) != 3 {
		t.Errorf("all: got %v, %v", chosen, err)
	}
}

func TestRunGoesOnAfterFailure(t *testing.T) {
	broken := errors.New("no such thing")
	rows, err := run([]benchmark{
		{id: "broken", run: func() ([]Row, error) { return nil, broken }},
		{id: "root", needsRoot: true, run: func() ([]Row, error) { return []Row{{ID: "root"}}, nil }},
		{id: "good", run: func() ([]Row, error) { return []Row{{ID: "good"}}, nil }},
	}, false)
	if !errors.Is(err, broken) {
		t.Errorf("got error %v", err)
	}
	if len(rows) != 1 || rows[0].ID != "good" {
		t.Errorf("got rows %v", rows)
	}
}

func TestRows(t *testing.T) {
	tests := []struct {
		row   Row
		ok    bool
		ratio float64
	}{
		{row: AtMost("x", 31, 30, "ns"), ok: false},
		{row: AtMost("x", 30, 30, "ns"), ok: true},
		{row: AtLeast("x", 3.9, 4, "M/s"), ok: false},
		{row: AtLeast("x", 4, 4, "M/s").WithFloor(2), ok: true, ratio: 2},
		{row: RatioAtMost("x", 16, 10, 1.5, "ns"), ok: false, ratio: 1.6},
		{row: RatioAtMost("x", 15, 10, 1.5, "ns"), ok: true, ratio: 1.5},
	}
	for _, tt := range tests {
		if tt.row.OK != tt.ok {
			t.Errorf("%+v: ok is %v", tt.row, tt.row.OK)
		}
		if (tt.row.Ratio == nil) != (tt.ratio == 0) || tt.row.Ratio != nil && *tt.row.Ratio != tt.ratio {
			t.Errorf("%+v: want ratio %v", tt.row, tt.ratio)
		}
	}
}

// The keys of bench.json are a contract.
func TestJSONKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	if err := writeJSON(path, []Row{AtMost("x/allocs", 0, 0, "allocs/op")}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"id", "value", "unit", "floor", "ratio", "bar", "ok"} {
		if _, there := rows[0][key]; !there {
			t.Errorf("no key %q in %s", key, text)
		}
	}
	if len(rows[0]) != 7 {
		t.Errorf("keys beyond the contract in %s", text)
	}
}
