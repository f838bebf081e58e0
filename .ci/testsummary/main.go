// Command testsummary runs `go test` on the whole module and counts what happened.
//
// Packages that need the lab's fixed namespace names to themselves run one
// after the other, all others in parallel. The lines of go test stay visible,
// output of tests is shown for those that fail, and the last line is
// "N passed, N failed". Tests and subtests count alike; a package that does
// not build, panics or times out counts as one failure. The exit status is 1
// as soon as one run of go test says so.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	serial := flag.String("serial", "^$", "regular expression of packages whose tests run one package at a time")
	extra := flag.String("extra", "", "a package to test besides ./...")
	race := flag.Bool("race", false, "test the parallel packages under the race detector")
	flag.Parse()

	alone, err := regexp.Compile(*serial)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsummary: -serial:", err)
		os.Exit(2)
	}
	start := time.Now()
	t := newTally(os.Stdout, os.Getenv("CI") == "true")
	if err := runAll(t, alone, *extra, *race); err != nil {
		fmt.Fprintln(os.Stderr, "testsummary:", err)
		t.fail("testsummary: " + err.Error())
	}
	t.print(time.Since(start))
	if t.failed > 0 || t.passed == 0 {
		os.Exit(1)
	}
}

// runAll tests the parallel packages first, since they find most mistakes in
// the shortest time.
func runAll(t *tally, alone *regexp.Regexp, extra string, race bool) error {
	packages, err := list("./...")
	if err != nil {
		return err
	}
	if extra != "" {
		packages = append(packages, extra)
	}
	var serial []string
	parallel := slices.DeleteFunc(packages, func(p string) bool {
		if alone.MatchString(p) {
			serial = append(serial, p)
			return true
		}
		return false
	})
	var flags []string
	if race {
		flags = []string{"-race"}
	}
	return errors.Join(
		run(t, flags, parallel),
		run(t, []string{"-p", "1"}, serial),
	)
}

func list(pattern string) ([]string, error) {
	out, err := command("list", pattern).Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", pattern, err)
	}
	return strings.Fields(string(out)), nil
}

// run feeds one go test into the tally. A failing test is no error here, it
// is in the tally; go test failing without one is.
func run(t *tally, flags, packages []string) error {
	if len(packages) == 0 {
		return nil
	}
	args := append([]string{"-json", "-count=1", "-timeout=40m"}, flags...)
	cmd := command("test", append(args, packages...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("pipe of go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start go test: %w", err)
	}
	failedBefore := t.failed
	readErr := t.read(out)
	if err := cmd.Wait(); err != nil && t.failed == failedBefore {
		return fmt.Errorf("go test: %w", err)
	}
	return readErr
}

func command(verb string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", append([]string{verb}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}
