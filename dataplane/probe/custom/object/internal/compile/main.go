// Command compile makes the objects of the tests from their sources in C. They
// are committed, so that tests need no compiler.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/openifit/openifit/bpf/sdk"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	sources, err := filepath.Glob(filepath.Join(dir, "*.c"))
	if err != nil {
		return err
	}
	for _, source := range sources {
		// The compiler of gen/bpf, so that everybody makes the same objects.
		if err := sdk.Compile(context.Background(), "clang-14", source, strings.TrimSuffix(source, ".c")+".o"); err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
	}
	return nil
}
