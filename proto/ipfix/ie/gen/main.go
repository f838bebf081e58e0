// Command gen turns a table of Information Elements (CSV with the columns id,
// name, type, semantics, units, status) into the Go table and constants of
// package ie.
package main

import (
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
)

type element struct {
	number                         uint16
	name, goName                   string
	typeName, semantics, unitsName string
	deprecated                     bool
}

func main() {
	log.SetFlags(0)
	in := flag.String("in", "", "CSV file to read")
	out := flag.String("out", "", "Go file to write")
	table := flag.String("table", "", "name of the table variable")
	id := flag.String("id", "ID", "type of the constants")
	flag.Parse()
	if err := run(*in, *out, *table, *id); err != nil {
		log.Fatalf("gen: %v", err)
	}
}

func run(in, out, table, id string) error {
	f, err := os.Open(in)
	if err != nil {
		return fmt.Errorf("read elements: %w", err)
	}
	defer f.Close()
	elements, err := read(f)
	if err != nil {
		return fmt.Errorf("read elements from %s: %w", in, err)
	}
	code, err := render(elements, in, table, id)
	if err != nil {
		return fmt.Errorf("render %s: %w", out, err)
	}
	if err := os.WriteFile(out, code, 0o644); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// read refuses a table in which two elements share a number or a name: the
// later one would hide the earlier.
func read(r io.Reader) ([]element, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	want := []string{"id", "name", "type", "semantics", "units", "status"}
	if len(rows) == 0 || !slices.Equal(rows[0], want) {
		return nil, fmt.Errorf("header is not %s", strings.Join(want, ","))
	}
	var out []element
	seen := map[string]bool{}
	for i, row := range rows[1:] {
		e, err := parse(row)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i+2, err)
		}
		for _, key := range []string{strconv.Itoa(int(e.number)), e.goName} {
			if seen[key] {
				return nil, fmt.Errorf("row %d: %q occurs twice", i+2, key)
			}
			seen[key] = true
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b element) int { return int(a.number) - int(b.number) })
	return out, nil
}
