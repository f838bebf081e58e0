//go:build linux

package demo

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	var r Report
	r.Add(Check{Step: "a", What: "agents", Expected: "6", Measured: "5", OK: false})
	r.Add(Check{Step: "b", What: "µs per hop", Expected: "below 10 µs", Measured: "2 µs", OK: true})
	if r.Failed() != 1 {
		t.Errorf("%d failed, want 1", r.Failed())
	}
	var b strings.Builder
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"   check       expected     measured  verdict",
		"-  ----------  -----------  --------  -------",
		"a  agents      6            5         FAILED",
		"b  µs per hop  below 10 µs  2 µs      ok",
		"",
	}, "\n")
	if b.String() != want {
		t.Errorf("report:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestScreenInPipe(t *testing.T) {
	var b strings.Builder
	s := newScreen(&b)
	s.step("a", "title")
	s.now("half way")
	s.verdict(Check{What: "w", Expected: "1", Measured: "2"})
	if got := b.String(); strings.Contains(got, "half way") || strings.Contains(got, "\r") {
		t.Errorf("live line in a pipe: %q", got)
	}
	if !strings.Contains(b.String(), "FAILED  w: 2 (expected 1)") {
		t.Errorf("verdict missing: %q", b.String())
	}
}

func TestFlowSets(t *testing.T) {
	a, b, c := flowID{}, flowID{}, flowID{}
	a.Source, b.Source, c.Source = addr("10.0.0.1:1"), addr("10.0.0.1:2"), addr("[2001:db8::1]:3")
	want := flowSet{a: true, b: true}
	for _, row := range []struct {
		got   flowSet
		words string
		equal bool
	}{
		{flowSet{}, "0 of 2, and 0 others", false},
		{flowSet{a: true, c: true}, "1 of 2, and 1 others", false},
		{flowSet{a: true, b: true, c: true}, "2 of 2, and 1 others", false},
		{flowSet{a: true, b: true}, "2 of 2, and 0 others", true},
	} {
		words, equal := want.verdict(row.got)
		if words != row.words || equal != row.equal {
			t.Errorf("%v: %q %t, want %q %t", row.got, words, equal, row.words, row.equal)
		}
	}
}

func TestShort(t *testing.T) {
	for ns, want := range map[int64]string{1500: "1.5us", 123_400: "123us", 38_000_000: "38ms"} {
		if got := short(ns); got != want {
			t.Errorf("%d ns: %q, want %q", ns, got, want)
		}
	}
}
