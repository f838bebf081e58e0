package agent

import (
	"context"
	"errors"
	"fmt"
	"os"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/agent/gnmi"
)

// isFresh tells whether a state directory holds nothing yet.
func isFresh(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("state directory: %w", err)
	}
	return len(entries) == 0, nil
}

// install sets /ifit from a file, as a client would.
func install(ctx context.Context, s *gnmi.Server, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("initial configuration: %w", err)
	}
	_, err = s.Set(ctx, &gpb.SetRequest{Replace: []*gpb.Update{{
		Path: &gpb.Path{Elem: []*gpb.PathElem{{Name: "ifit"}}}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: data}},
	}}})
	if err != nil {
		return fmt.Errorf("initial configuration %s: %w", file, err)
	}
	return nil
}
