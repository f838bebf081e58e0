// Package northcmd holds the commands of ifitctl that ask the controller.
package northcmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/openifit/openifit/cmd/ifitctl/internal/client"
	"github.com/openifit/openifit/cmd/ifitctl/internal/output"
)

// New returns the commands.
func New() []*cobra.Command {
	return []*cobra.Command{
		nodeCommand(), policyCommand(), flowCommand(), pathCommand(),
		eventCommand(), loopCommand(), decisionCommand(),
	}
}

// noun is a command like "node", with its connection and output format.
type noun struct {
	flags  client.Flags
	format output.Format
	cmd    *cobra.Command
}

func newNoun(use, short string) *noun {
	n := &noun{cmd: &cobra.Command{Use: use, Short: short}}
	n.flags.Add(n.cmd.PersistentFlags())
	return n
}

// verb adds a command below the noun.
func (n *noun) verb(c *cobra.Command) *cobra.Command {
	if c.Args == nil {
		c.Args = cobra.NoArgs
	}
	n.format.AddFlag(c)
	n.cmd.AddCommand(c)
	return c
}

// one takes exactly one argument, and says which one is missing.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf("%s: %s is missing: usage: %s", cmd.CommandPath(), what, cmd.UseLine())
		case len(args) > 1:
			return fmt.Errorf("%s: want %s alone, got %d arguments: %q", cmd.CommandPath(), what, len(args), args)
		}
		return nil
	}
}

// dial makes a Connect client.
func dial[C any](n *noun, client func(connect.HTTPClient, string, ...connect.ClientOption) C) (C, error) {
	h, url, err := n.flags.Connect()
	if err != nil {
		var none C
		return none, err
	}
	return client(h, url), nil
}

// explain drops the code's name from what the controller said in words.
func explain(err error) error {
	var c *connect.Error
	if !errors.As(err, &c) {
		return err
	}
	switch c.Code() {
	case connect.CodeNotFound, connect.CodeInvalidArgument, connect.CodeFailedPrecondition:
		return errors.New(c.Message())
	case connect.CodeUnavailable:
		return fmt.Errorf("the controller does not answer: %s", c.Message())
	}
	return err
}

// show prints a message in the format of the flag.
func (n *noun) show(cmd *cobra.Command, m proto.Message, table func() output.Rows) error {
	if n.format == output.Table || n.format == "" {
		return n.format.Print(cmd.OutOrStdout(), nil, table)
	}
	text, err := encode(m)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return n.format.PrintJSON(cmd.OutOrStdout(), pretty.Bytes())
}

// tell prints one message of a watch: a line of text, a line of JSON, or a
// document of YAML.
func (n *noun) tell(w io.Writer, m proto.Message, line func() string) error {
	if n.format == output.Table || n.format == "" {
		_, err := fmt.Fprintln(w, line())
		return err
	}
	text, err := encode(m)
	if err != nil {
		return err
	}
	if n.format == output.YAML {
		if _, err := fmt.Fprintln(w, "---"); err != nil {
			return err
		}
	}
	return n.format.PrintJSON(w, text)
}

// encode writes a message as JSON with the names of the schema and without the
// random blanks of protojson.
func encode(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("print answer: %w", err)
	}
	var plain bytes.Buffer
	if err := json.Compact(&plain, text); err != nil {
		return nil, fmt.Errorf("print answer: %w", err)
	}
	return plain.Bytes(), nil
}

// stream calls fn for each message of a watch until it ends or the user
// interrupts.
func stream[A any](cmd *cobra.Command, s *connect.ServerStreamForClient[A], err error, fn func(*A) error) error {
	if cmd.Context().Err() != nil {
		// The watch was interrupted before its first message.
		return nil
	}
	if err != nil {
		return explain(err)
	}
	defer func() { _ = s.Close() }()
	for s.Receive() {
		if err := fn(s.Msg()); err != nil {
			return err
		}
	}
	if cmd.Context().Err() != nil {
		return nil
	}
	if err := s.Err(); err != nil {
		return explain(err)
	}
	return nil
}
