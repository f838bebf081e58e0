// Package output prints results as a table, as JSON or as YAML.
package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// Format is how a command prints its result; the zero value is a table. It
// is a flag's value.
type Format string

// The formats.
const (
	Table Format = "table"
	JSON  Format = "json"
	YAML  Format = "yaml"
)

// String is the format's name.
func (f *Format) String() string {
	if *f == "" {
		return string(Table)
	}
	return string(*f)
}

// Set takes a format's name.
func (f *Format) Set(s string) error {
	switch Format(s) {
	case Table, JSON, YAML:
		*f = Format(s)
		return nil
	}
	return errors.New("want table, json or yaml")
}

// Type names the choices in a command's help.
func (f *Format) Type() string { return "table|json|yaml" }

// AddFlag gives a command the flag -o.
func (f *Format) AddFlag(cmd *cobra.Command) {
	cmd.Flags().VarP(f, "output", "o", "output format")
}

// Rows is a table: a title per column, and a row of the same length per
// line.
type Rows struct {
	Titles []string
	Lines  [][]string
}

// Add appends a line; its cells print as fmt.Sprint does.
func (r *Rows) Add(cells ...any) {
	line := make([]string, len(cells))
	for i, c := range cells {
		line[i] = fmt.Sprint(c)
	}
	r.Lines = append(r.Lines, line)
}

// Print writes value in the format; table makes the rows, for a table only.
// JSON and YAML have the field names of value's JSON encoding.
func (f Format) Print(w io.Writer, value any, table func() Rows) error {
	if f == Table || f == "" {
		return printTable(w, table())
	}
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	return f.PrintJSON(w, data)
}

// PrintJSON writes a value that is encoded already, for types with an own
// JSON encoder, as JSON or YAML.
func (f Format) PrintJSON(w io.Writer, data []byte) error {
	if f != YAML {
		_, err := fmt.Fprintf(w, "%s\n", data)
		return err
	}
	// JSON is YAML already; only the style changes, so that the order of
	// the fields stays.
	var n yaml.Node
	if err := yaml.Unmarshal(data, &n); err != nil {
		return fmt.Errorf("convert result to YAML: %w", err)
	}
	block(&n)
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&n); err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	return e.Close()
}

func block(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		block(c)
	}
}

func printTable(w io.Writer, r Rows) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(r.Titles, "\t"))
	for _, l := range r.Lines {
		fmt.Fprintln(t, strings.Join(l, "\t"))
	}
	return t.Flush()
}
