package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
)

// Row is one measured value beside what it is judged by. Its JSON form is a
// contract: scripts read bench.json.
type Row struct {
	// ID is the benchmark's id, with a suffix when it has several rows:
	// "ipfix-encode/allocs".
	ID string `json:"id"`
	// Value in Unit: a median where the benchmark repeats itself.
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Floor is the least that any implementation needs, or a peer's value,
	// measured in the same run and in the same unit; nil when there is none.
	Floor *float64 `json:"floor"`
	// Ratio is Value / Floor; nil without a floor. Ratios carry over to
	// other machines, values do not.
	Ratio *float64 `json:"ratio"`
	// Bar in words, such as "<= 30 ns"; empty when the row is for information.
	Bar string `json:"bar"`
	// OK tells whether the bar is met; true without a bar.
	OK bool `json:"ok"`
}

// AtMost makes a row that is good when value does not exceed bar.
func AtMost(id string, value, bar float64, unit string) Row {
	return Row{ID: id, Value: value, Unit: unit, Bar: "<= " + number(bar) + " " + unit, OK: value <= bar}
}

// AtLeast makes a row that is good when value reaches bar.
func AtLeast(id string, value, bar float64, unit string) Row {
	return Row{ID: id, Value: value, Unit: unit, Bar: ">= " + number(bar) + " " + unit, OK: value >= bar}
}

// RatioAtMost makes a row that is good when value is at most bar times floor.
func RatioAtMost(id string, value, floor, bar float64, unit string) Row {
	r := Row{ID: id, Value: value, Unit: unit, Bar: "<= " + number(bar) + " x floor"}.WithFloor(floor)
	r.OK = value <= bar*floor
	return r
}

// WithFloor adds a floor for information.
func (r Row) WithFloor(floor float64) Row {
	r.Floor = &floor
	if floor != 0 {
		ratio := r.Value / floor
		r.Ratio = &ratio
	}
	return r
}

func printTable(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tVALUE\tUNIT\tFLOOR\tRATIO\tBAR\tOK")
	for _, r := range rows {
		ok := "yes"
		switch {
		case r.Bar == "":
			ok = "-"
		case !r.OK:
			ok = "NO"
		}
		bar := r.Bar
		if bar == "" {
			bar = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			r.ID, number(r.Value), r.Unit, optional(r.Floor), optional(r.Ratio), bar, ok)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return nil
}

func writeJSON(path string, rows []Row) error {
	if rows == nil {
		rows = []Row{} // an empty list, not null
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // bars read "<= 30 ns", not "\u003c= 30 ns"
	e.SetIndent("", "  ")
	if err := e.Encode(rows); err != nil {
		return fmt.Errorf("encode rows: %w", err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

func optional(v *float64) string {
	if v == nil {
		return "-"
	}
	return number(*v)
}

// number shows three significant digits, and whole numbers as they are.
func number(v float64) string {
	if v == float64(int64(v)) || v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
