package intent

import (
	"time"

	"github.com/openifit/openifit/agent/intent/schema"
)

// OpenFaulty opens a store that asks fault before each step on disk.
func OpenFaulty(dir string, sch *schema.Schema, now func() time.Time, fault func(step string) error) (*Store, error) {
	d, err := openDisk(dir)
	if err != nil {
		return nil, err
	}
	d.fault = fault
	return load(d, sch, now)
}
