package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// event is one line of `go test -json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail
	Test        string
	Output      string
	FailedBuild string
}

// tally counts the results of any number of runs.
type tally struct {
	out io.Writer
	// strict makes a skipped test a failure: CI has every tool and privilege.
	strict bool

	passed, failed, skipped, packages int
	failures                          []string
	reasons                           map[string]int

	output    map[string][]string // of tests that are still running
	failedIn  map[string]bool     // packages that already have a failed test
	wentWrong map[string][]string // output of packages outside of any test
}

func newTally(out io.Writer, strict bool) *tally {
	return &tally{
		out: out, strict: strict,
		reasons: map[string]int{}, output: map[string][]string{},
		failedIn: map[string]bool{}, wentWrong: map[string][]string{},
	}
}

// read takes events until r ends.
func (t *tally) read(r io.Reader) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e event
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			// Not an event: go test itself has something to say.
			fmt.Fprintf(t.out, "%s\n", s.Bytes())
			continue
		}
		t.take(e)
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("read output of go test: %w", err)
	}
	return nil
}

func (t *tally) take(e event) {
	switch {
	case e.Action == "build-output":
		fmt.Fprint(t.out, e.Output)
	case e.Test != "":
		t.takeTest(e)
	case e.Package != "":
		t.takePackage(e)
	}
}

func (t *tally) takeTest(e event) {
	name := e.Package + "." + e.Test
	switch e.Action {
	case "output":
		t.output[name] = append(t.output[name], e.Output)
		return
	case "pass":
		t.passed++
	case "fail":
		t.failedIn[e.Package] = true
		fmt.Fprint(t.out, strings.Join(t.output[name], ""))
		t.fail(name)
	case "skip":
		t.skip(name, reason(t.output[name]))
	default:
		return
	}
	delete(t.output, name)
}

func (t *tally) takePackage(e event) {
	switch e.Action {
	case "output":
		t.wentWrong[e.Package] = append(t.wentWrong[e.Package], e.Output)
		return
	case "pass":
		t.packages++
	case "fail":
		t.packages++
		if !t.failedIn[e.Package] {
			// Build failure, panic, timeout or os.Exit: no test owns it.
			t.showUnfinished(e.Package)
			fmt.Fprint(t.out, strings.Join(t.wentWrong[e.Package], ""))
			t.fail(e.Package)
			delete(t.wentWrong, e.Package)
			return
		}
	case "skip": // no test files
	default:
		return
	}
	for _, line := range t.wentWrong[e.Package] {
		if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "FAIL\t") {
			fmt.Fprint(t.out, line)
		}
	}
	delete(t.wentWrong, e.Package)
}

// showUnfinished prints what the tests of a package that ended by force had
// said: a panic's text belongs to the test that was running.
func (t *tally) showUnfinished(pkg string) {
	for _, name := range slices.Sorted(maps.Keys(t.output)) {
		if strings.HasPrefix(name, pkg+".") {
			fmt.Fprint(t.out, strings.Join(t.output[name], ""))
			delete(t.output, name)
		}
	}
}

func (t *tally) fail(name string) {
	t.failed++
	t.failures = append(t.failures, name)
}

func (t *tally) skip(name, why string) {
	if t.strict {
		t.fail(name + " (skipped: " + why + ")")
		return
	}
	t.skipped++
	t.reasons[why]++
}

// reason finds the text a test gave to Skip.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "===") {
			continue
		}
		// "file.go:12: reason"
		if _, why, found := strings.Cut(line, ": "); found {
			return why
		}
		return line
	}
	return "no reason given"
}

func (t *tally) print(took time.Duration) {
	fmt.Fprintln(t.out)
	for _, why := range slices.Sorted(maps.Keys(t.reasons)) {
		fmt.Fprintf(t.out, "skipped %4d: %s\n", t.reasons[why], why)
	}
	for _, name := range t.failures {
		fmt.Fprintf(t.out, "FAILED %s\n", name)
	}
	fmt.Fprintf(t.out, "%d packages, %d skipped, %s\n", t.packages, t.skipped, took.Round(time.Second))
	fmt.Fprintf(t.out, "%d passed, %d failed\n", t.passed, t.failed)
}
