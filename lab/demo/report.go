package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Check is one promise of the demo, held against the generator's truth or the
// kernel's counters.
type Check struct {
	// Step is the letter of the step that made the check.
	Step string
	// What is checked, Expected and Measured are in plain words.
	What, Expected, Measured string
	OK                       bool
}

// Report collects the checks of a run.
type Report struct{ Checks []Check }

// Add appends a check.
func (r *Report) Add(c Check) { r.Checks = append(r.Checks, c) }

// Failed counts the checks that did not hold.
func (r *Report) Failed() int {
	n := 0
	for _, c := range r.Checks {
		if !c.OK {
			n++
		}
	}
	return n
}

// WriteTo prints the table: check, expected, measured, verdict.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	rows := [][]string{{"", "check", "expected", "measured", "verdict"}}
	for _, c := range r.Checks {
		verdict := "ok"
		if !c.OK {
			verdict = "FAILED"
		}
		rows = append(rows, []string{c.Step, c.What, c.Expected, c.Measured, verdict})
	}
	n, err := io.WriteString(w, table(rows))
	return int64(n), err
}

// table aligns rows in columns under a ruled heading.
func table(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			if i == len(cells)-1 {
				fmt.Fprintf(&b, "%s\n", cell)
				return
			}
			fmt.Fprintf(&b, "%s%s  ", cell, strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)))
		}
	}
	line(rows[0])
	rule := make([]string, len(width))
	for i, w := range width {
		rule[i] = strings.Repeat("-", w)
	}
	line(rule)
	for _, row := range rows[1:] {
		line(row)
	}
	return b.String()
}
