package northbound_test

import (
	"errors"

	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/target"
	"github.com/openifit/openifit/controller/watch"
)

type hubs struct {
	nodes    *watch.Hub[inventory.Node]
	policies *watch.Hub[string]
}

func newHubs() hubs { return hubs{new(watch.Hub[inventory.Node]), new(watch.Hub[string])} }

var errRefused = errors.Join(target.ErrRefused, errors.New("no room"))
