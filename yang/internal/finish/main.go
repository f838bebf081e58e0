// Command finish completes the Go code that ygot generates: it drops unused
// imports, and adds aliases for the long names of uncompressed YANG paths,
// Policy_Config for OpenifitAgent_Ifit_Policies_Policy_Config and
// Direction_INGRESS for OpenifitTypes_Direction_INGRESS.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", "", "directory of the generated package, read and written")
	out := flag.String("names", "names.go", "file of that directory which gets the aliases")
	flag.Parse()
	if err := run(*dir, *out); err != nil {
		log.Fatal(err)
	}
}

func run(dir, out string) error {
	if err := dropUnusedImports(dir, out); err != nil {
		return err
	}
	names, err := declared(dir, out)
	if err != nil {
		return err
	}
	text, err := render(names)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, out), text, 0o644)
}
