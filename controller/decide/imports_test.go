package decide_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestOnlyAuthenticatedInputs holds the promise of the package's types: neither
// decide nor analyze can name a record that came over IPFIX, so that nothing
// sent over plain UDP becomes a cause.
func TestOnlyAuthenticatedInputs(t *testing.T) {
	for _, dir := range []string{".", "../analyze"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", dir, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				for _, no := range []string{"proto/ipfix", "controller/collect", "controller/correlate", "controller/push", "net", "os"} {
					if path == no || strings.HasSuffix(path, "openifit/"+no) {
						t.Errorf("%s imports %s", name, path)
					}
				}
			}
		}
	}
}
