package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/openifit/openifit/controller/policy"
)

// readBaseline reads every policy of the directory, so that a mistake in one
// file stops the controller before it has done anything.
func readBaseline(dir string) ([]*policy.Policy, error) {
	if dir == "" {
		return nil, nil
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("baseline policies: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("baseline policies: %w", err)
	}
	slices.Sort(files)
	var (
		list []*policy.Policy
		errs []error
	)
	names := make(map[string]string)
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("baseline policies: %w", err))
			continue
		}
		p, err := policy.Parse(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("baseline policy %s: %w", filepath.Base(path), err))
			continue
		}
		if other, twice := names[p.Name()]; twice {
			errs = append(errs, fmt.Errorf("baseline policy %s: %s has the name %q, too", filepath.Base(path), other, p.Name()))
		}
		names[p.Name()] = filepath.Base(path)
		list = append(list, p)
	}
	return list, errors.Join(errs...)
}

// applyBaseline applies the baseline policies whose file is new or has changed
// since it was applied last: what an operator or a loop did to a policy since
// then stays.
func (c *Controller) applyBaseline(ctx context.Context) error {
	applied, err := c.state.baseline.All()
	if err != nil {
		return err
	}
	for _, p := range c.baseline {
		if bytes.Equal(applied[p.Name()], p.JSON()) {
			continue
		}
		if _, err := c.pusher.Apply(ctx, p, nil); err != nil {
			c.log.Error("cannot apply a baseline policy", "policy", p.Name(), "error", err)
			continue
		}
		if err := c.state.baseline.Put(p.Name(), p.JSON()); err != nil {
			return err
		}
	}
	return nil
}
