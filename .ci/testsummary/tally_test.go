package main

import (
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	tests := []struct {
		name            string
		strict          bool
		events          string
		passed, failed  int
		shown, notShown string
	}{
		{
			name: "failing test shows its output",
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: want 1\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}`,
			failed: 1, shown: "want 1",
		},
		{
			name: "package that does not build",
			events: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"a.go:1: syntax error\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			failed: 1, shown: "syntax error",
		},
		{
			name: "panic belongs to the package",
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: index out of range\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}`,
			failed: 1, shown: "index out of range",
		},
		{
			name:   "skip fails in CI",
			strict: true,
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: needs root\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			failed: 1, shown: "FAILED p.TestA (skipped: needs root)",
		},
		{
			name: "skip tells its reason elsewhere",
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: needs root\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			shown: "skipped    1: needs root",
		},
		{
			name: "passing test is quiet, its package is not",
			events: `not json
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}`,
			passed: 2, shown: "ok  \tp\t0.1s", notShown: "chatter",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			tally := newTally(&out, tt.strict)
			if err := tally.read(strings.NewReader(tt.events)); err != nil {
				t.Fatal(err)
			}
			tally.print(0)
			if tally.passed != tt.passed || tally.failed != tt.failed {
				t.Errorf("counted %d passed, %d failed; want %d, %d", tally.passed, tally.failed, tt.passed, tt.failed)
			}
			if !strings.Contains(out.String(), tt.shown) {
				t.Errorf("output lacks %q:\n%s", tt.shown, out.String())
			}
			if tt.notShown != "" && strings.Contains(out.String(), tt.notShown) {
				t.Errorf("output has %q:\n%s", tt.notShown, out.String())
			}
		})
	}
}
