// Command bench runs OpenIFIT's benchmarks, prints one table and writes the
// same rows as JSON.
//
// A row is there only when its subject exists and could run: a benchmark
// that needs a privilege this process lacks is left out with a word on
// stderr. A missed bar is shown, and does not fail the run, since the
// machine may be busy; a benchmark that breaks does.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func main() {
	if dir := os.Getenv(agentDir); dir != "" {
		if err := serveAgent(dir); err != nil {
			fmt.Fprintln(os.Stderr, "bench agent:", err)
			os.Exit(1)
		}
		return
	}
	testing.Init() // registers -test.benchtime, which testing.Benchmark reads
	only := flag.String("only", "", "comma-separated ids to run; empty runs all")
	out := flag.String("o", "bench.json", "file for the rows as JSON; empty writes none")
	list := flag.Bool("list", false, "print the ids and stop")
	flag.Parse()

	if *list {
		for _, b := range benchmarks() {
			fmt.Println(b.id)
		}
		return
	}
	if err := runAndReport(*only, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func runAndReport(only, out string) error {
	chosen, err := choose(benchmarks(), only)
	if err != nil {
		return err
	}
	rows, runErr := run(chosen, os.Geteuid() == 0)
	if err := printTable(os.Stdout, rows); err != nil {
		return err
	}
	if out != "" {
		if err := writeJSON(out, rows); err != nil {
			return err
		}
	}
	return runErr
}

// choose picks the benchmarks named in only, in the order of the list.
func choose(all []benchmark, only string) ([]benchmark, error) {
	if only == "" {
		return all, nil
	}
	var chosen []benchmark
	ids := strings.Split(only, ",")
	for _, b := range all {
		if slices.Contains(ids, b.id) {
			chosen = append(chosen, b)
		}
	}
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(b benchmark) bool { return b.id == id }) {
			return nil, fmt.Errorf("no benchmark %q; -list shows them", id)
		}
	}
	return chosen, nil
}

// run goes on after a broken benchmark, so that one of them does not hide
// the others.
func run(chosen []benchmark, root bool) ([]Row, error) {
	var rows []Row
	var errs []error
	for _, b := range chosen {
		if b.needsRoot && !root {
			fmt.Fprintf(os.Stderr, "bench: %s left out: needs root\n", b.id)
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s ...\n", b.id)
		got, err := b.run()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", b.id, err))
			continue
		}
		rows = append(rows, got...)
	}
	return rows, errors.Join(errs...)
}
