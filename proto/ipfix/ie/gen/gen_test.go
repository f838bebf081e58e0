package main

import (
	"os"
	"strings"
	"testing"
)

const header = "id,name,type,semantics,units,status\n"

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ name, rows, reason string }{
		{"no header", "", "header is not"},
		{"other header", "id,name\n1,x\n", "header is not"},
		{"missing column", header + "1,octets,unsigned64,,\n", "wrong number of fields"},
		{"number 0", header + "0,x,unsigned8,,,current\n", "not in 1..32767"},
		{"number beyond 15 bits", header + "32768,x,unsigned8,,,current\n", "not in 1..32767"},
		{"no number", header + "x,x,unsigned8,,,current\n", "not in 1..32767"},
		{"name with a space", header + "1,a b,unsigned8,,,current\n", "not alphanumeric"},
		{"type", header + "1,x,int,,,current\n", `type "int" is unknown`},
		{"semantics", header + "1,x,unsigned8,counter,,current\n", `semantics "counter" is unknown`},
		{"units", header + "1,x,unsigned8,,bytes,current\n", `units "bytes" are unknown`},
		{"status", header + "1,x,unsigned8,,,obsolete\n", `status "obsolete" is unknown`},
		{"number twice", header + "1,x,unsigned8,,,current\n1,y,unsigned8,,,current\n", `row 3: "1" occurs twice`},
		{"name twice", header + "1,x,unsigned8,,,current\n2,x,unsigned8,,,current\n", `row 3: "X" occurs twice`},
		{"names that differ in the first letter's case", header + "1,x,unsigned8,,,current\n2,X,unsigned8,,,current\n", "occurs twice"},
	} {
		_, err := read(strings.NewReader(c.rows))
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.reason)
		}
	}
}

// TestCommitted fails when the tables were not generated after a change.
func TestCommitted(t *testing.T) {
	for table, id := range map[string]string{"iana": "ID", "ifit": "Private"} {
		f, err := os.Open(table + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		elements, err := read(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		want, err := render(elements, "gen/"+table+".csv", table, id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../" + table + "_gen.go")
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s_gen.go is not what gen makes of %s.csv; run make gen", table, table)
		}
	}
}
