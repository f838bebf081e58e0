package probecmd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/openifit/openifit/dataplane/probe/custom/object"
	"github.com/openifit/openifit/lab/target"
)

func probePath(name string) string { return "/ifit/probes/probe[name=" + name + "]" }

// config is /ifit/probes/probe/config in JSON_IETF; octets become base64.
type config struct {
	Name           string  `json:"name"`
	Description    string  `json:"description,omitempty"`
	Object         []byte  `json:"object"`
	SHA256         string  `json:"sha256"`
	Signature      []byte  `json:"signature"`
	FirstElement   *uint16 `json:"first-element,omitempty"`
	MaxNsPerPacket *uint32 `json:"max-ns-per-packet,omitempty"`
	MaxCPUPercent  *uint32 `json:"max-cpu-percent,omitempty"`
}

func uploadCommand() *cobra.Command {
	var n nodes
	var name, key, description string
	var first uint16
	var ns, cpu uint32
	cmd := &cobra.Command{
		Use: "upload FILE.o", Short: "Bring a probe to nodes, or swap the one of the same name", Args: one("the FILE.o of the probe"),
		Long: "Bring a probe to nodes over gNMI, or swap the one of the same name while it runs.\n" +
			"Its signature is FILE.o.sig, unless --key signs it now.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := config{Name: name, Description: description}
			var err error
			if c.Object, err = os.ReadFile(args[0]); err != nil {
				return fmt.Errorf("read the probe: %w", err)
			}
			// A refusal is clearer here than from six nodes.
			o, err := object.Read(c.Object, object.Usual())
			if err != nil {
				return fmt.Errorf("%s would be refused: %w", args[0], err)
			}
			if c.Name == "" {
				c.Name = o.Name
			}
			if c.Signature, err = signatureOf(c.Object, args[0], key); err != nil {
				return err
			}
			digest := sha256.Sum256(c.Object)
			c.SHA256 = hex.EncodeToString(digest[:])
			set := cmd.Flags().Changed
			if set("first-element") {
				c.FirstElement = &first
			}
			if set("max-ns-per-packet") {
				c.MaxNsPerPacket = &ns
			}
			if set("max-cpu-percent") {
				c.MaxCPUPercent = &cpu
			}
			return n.each(cmd.Context(), cmd.ErrOrStderr(), func(ctx context.Context, node string, t *target.Target) error {
				if err := t.Update(ctx, probePath(c.Name)+"/config", &c); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s has probe %s, SHA-256 %.12s...\n", node, c.Name, c.SHA256)
				return nil
			})
		},
	}
	n.add(cmd.Flags())
	cmd.Flags().StringVar(&name, "name", "", "name on the node (default: that of the function)")
	cmd.Flags().StringVar(&key, "key", "", "private key to sign with now (default: FILE.o.sig, or else the lab's key)")
	cmd.Flags().StringVar(&description, "description", "", "free text")
	cmd.Flags().Uint16Var(&first, "first-element", 1000, "number of the first private Information Element of its fields")
	cmd.Flags().Uint32Var(&ns, "max-ns-per-packet", 2000, "its budget per packet in nanoseconds, 0 for none")
	cmd.Flags().Uint32Var(&cpu, "max-cpu-percent", 10, "its budget in per cent of a CPU, 0 for none")
	return cmd
}

// signatureOf reads or makes the signature of an object.
func signatureOf(data []byte, path, key string) ([]byte, error) {
	if key == "" {
		made, err := os.ReadFile(path + ".sig")
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return made, err
		}
	}
	return sign(data, key)
}

func deleteCommand() *cobra.Command {
	var n nodes
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Remove a probe that no policy runs any more", Args: one("the NAME of the probe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return n.each(cmd.Context(), cmd.ErrOrStderr(), func(ctx context.Context, node string, t *target.Target) error {
				if err := t.Delete(ctx, probePath(args[0])); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s has no probe %s any more\n", node, args[0])
				return nil
			})
		},
	}
	n.add(cmd.Flags())
	return cmd
}
