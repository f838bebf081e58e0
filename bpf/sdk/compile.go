package sdk

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Compilers are the names under which clang is looked for, the first that is
// there wins. Tags of fields in BTF need version 14.
func Compilers() []string {
	names := []string{"clang"}
	for v := 22; v >= 14; v-- {
		names = append(names, fmt.Sprintf("clang-%d", v))
	}
	return names
}

// FindCompiler returns the clang that is there.
func FindCompiler() (string, error) {
	for _, name := range Compilers() {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no clang is there: looked for %s", strings.Join(Compilers(), ", "))
}

// Compile makes an object of a probe in C. ifit_probe.h is found beside the
// source, or else is the one of this package. What the compiler says is in the
// error.
func Compile(ctx context.Context, clang, source, object string) error {
	dir, err := os.MkdirTemp("", "ifit-probe")
	if err != nil {
		return fmt.Errorf("make a directory for the header: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "ifit_probe.h"), Header, 0o600); err != nil {
		return fmt.Errorf("write the header: %w", err)
	}
	from, err := filepath.Abs(source)
	if err != nil {
		return fmt.Errorf("find %s: %w", source, err)
	}
	// Where it was compiled must not be part of what is signed.
	made := filepath.Join(dir, "probe.o")
	cmd := exec.CommandContext(ctx, clang, "-O2", "-g", "-mcpu=v3", "-Wall", "-target", "bpfel",
		"-fdebug-compilation-dir=.", "-fdebug-prefix-map="+dir+"=.", "-I", dir, "-c", filepath.Base(from), "-o", made)
	cmd.Dir = filepath.Dir(from)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(clang), err, strings.TrimSpace(string(out)))
	}
	data, err := os.ReadFile(made)
	if err != nil {
		return fmt.Errorf("read the object: %w", err)
	}
	if err := os.WriteFile(object, data, 0o644); err != nil {
		return fmt.Errorf("write the object: %w", err)
	}
	return nil
}
