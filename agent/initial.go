package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/agent/gnmi"
	"github.com/openifit/openifit/dataplane/probe"
)

// isFresh tells whether a state directory has never held a configuration. An
// agent that could not start may have left directories and empty counters.
func isFresh(dir string) (bool, error) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), countersFile) {
			return errUsed
		}
		return err
	})
	switch {
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, errUsed):
		return false, nil
	case errors.Is(err, fs.ErrPermission):
		return false, probe.ErrPrivilege
	}
	return false, fmt.Errorf("state directory: %w", err)
}

// errUsed ends the walk through a state directory at the first file.
var errUsed = errors.New("holds a file")

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
