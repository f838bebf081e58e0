// Package probecmd holds the commands "ifitctl probe": from an empty file in C
// to a probe that runs on a node.
package probecmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/bpf/sdk"
	"github.com/openifit/openifit/dataplane/probe/custom/signature"
)

// New is the command "probe" with all below it.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use: "probe", Short: "Write, check, sign and upload probes of your own",
		Long: "Write, check, sign and upload probes of your own: docs/write-a-probe.md tells how,\n" +
			"in the order new, build, check, keygen, sign, upload, status.",
	}
	cmd.AddCommand(newCommand(), buildCommand(), checkCommand(), keygenCommand(), signCommand(), uploadCommand(), statusCommand(), deleteCommand())
	return cmd
}

// one demands an argument and says which.
func one(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fmt.Errorf("%s is missing", what)
		case 1:
			return nil
		}
		return fmt.Errorf("unexpected argument %q", args[1])
	}
}

func newCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "new NAME", Short: "Write a probe to begin with, and the header that it includes", Args: one("the NAME of the probe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			// It is the name of a function in C, and of an object in YANG.
			if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,31}$`).MatchString(name) {
				return fmt.Errorf("%q cannot be the name of a probe: use up to 32 of a to z, 0 to 9 and _", name)
			}
			source := filepath.Join(dir, name+".c")
			text := strings.ReplaceAll(string(sdk.Template), "NAME", name)
			if err := create(source, []byte(text)); err != nil {
				return err
			}
			header := filepath.Join(dir, "ifit_probe.h")
			if err := os.WriteFile(header, sdk.Header, 0o644); err != nil {
				return fmt.Errorf("write the header: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is a probe that works; %s explains itself. Next:\n  %s probe build %s\n", source, header, self(), source)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".", "directory of the files")
	return cmd
}

// create writes a file that is not there yet.
func create(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already", path)
	}
	if err != nil {
		return fmt.Errorf("write the probe: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(data)
	return err
}

// self is how the user called this program.
func self() string { return os.Args[0] }

func buildCommand() *cobra.Command {
	var clang, out string
	cmd := &cobra.Command{
		Use: "build FILE.c", Short: "Compile a probe with clang 14 or newer, and check it", Args: one("the FILE.c of the probe"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if clang == "" {
				if clang, err = sdk.FindCompiler(); err != nil {
					return fmt.Errorf("%w; give one with --clang, or install it (Debian: apt install clang)", err)
				}
			}
			if out == "" {
				out = strings.TrimSuffix(args[0], ".c") + ".o"
			}
			if err := sdk.Compile(cmd.Context(), clang, args[0], out); err != nil {
				return err
			}
			return check(cmd.OutOrStdout(), out)
		},
	}
	cmd.Flags().StringVar(&clang, "clang", "", "the compiler (default: the first of clang, clang-22 ... clang-14)")
	cmd.Flags().StringVarP(&out, "out", "o", "", "the object (default: FILE.o)")
	return cmd
}

func keygenCommand() *cobra.Command {
	return &cobra.Command{
		Use: "keygen NAME", Short: "Make a pair of keys: NAME.key to sign with, NAME.pem for agents (--probe-keys)", Args: one("the NAME of the keys"),
		RunE: func(cmd *cobra.Command, args []string) error {
			private, public := args[0]+".key", args[0]+".pem"
			if err := signature.Generate(private, public); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s signs; keep it to yourself. Agents trust it that are started with --probe-keys %s\n", private, public)
			return nil
		},
	}
}

// labKey signs probes for the lab, whose agents trust it.
const labKey = "/var/run/openifit/lab/probe-keys/lab.key"

// sign signs an object with a key, or with that of the lab.
func sign(object []byte, key string) ([]byte, error) {
	if key == "" {
		key = labKey
		if _, err := os.Stat(key); err != nil {
			return nil, errors.New("no key: give one with --key (see probe keygen); without it, that of the lab is used, and no lab is up")
		}
	}
	private, err := signature.LoadPrivate(key)
	if err != nil {
		return nil, err
	}
	return signature.Sign(private, object), nil
}

func signCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use: "sign FILE.o", Short: "Sign a probe: the signature goes to FILE.o.sig", Args: one("the FILE.o of the probe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read the probe: %w", err)
			}
			made, err := sign(data, key)
			if err != nil {
				return err
			}
			path := args[0] + ".sig"
			if err := os.WriteFile(path, made, 0o644); err != nil {
				return fmt.Errorf("write the signature: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s holds the signature. Next:\n  %s probe upload %s --node NODE\n", path, self(), args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "private key (default: that of the lab)")
	return cmd
}
