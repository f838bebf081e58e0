package intent

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// numbers hands out policy identifiers and generations. Blocks of them are
// reserved on disk before their first use, so that none is given twice even if
// the agent dies; what is left of a block is lost then.
type numbers struct {
	disk       *disk
	id         counter
	generation counter
}

type counter struct {
	next, reserved uint32
}

// block is how many numbers are reserved at once.
const block = 1024

// savedNumbers is the content of the numbers file: the first numbers that are
// not reserved.
type savedNumbers struct {
	ID         uint32 `json:"id"`
	Generation uint32 `json:"generation"`
}

func loadNumbers(d *disk) (*numbers, error) {
	text, err := d.read(numbersFile)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.path(numbersFile), err)
	}
	saved := savedNumbers{1, 1}
	if text != nil {
		if err := json.Unmarshal(text, &saved); err != nil {
			return nil, fmt.Errorf("read %s: %w", d.path(numbersFile), err)
		}
	}
	return &numbers{d, counter{saved.ID, saved.ID}, counter{saved.Generation, saved.Generation}}, nil
}

// used makes sure that numbers found in a saved policy are not given again,
// even if the numbers file was lost.
func (n *numbers) used(id, generation uint32) {
	n.id.skip(id)
	n.generation.skip(generation)
}

func (c *counter) skip(used uint32) {
	if used >= c.next && used < math.MaxUint32 {
		c.next = used + 1
		c.reserved = max(c.reserved, c.next)
	}
}

func (n *numbers) nextID() (uint32, error) { return n.take(&n.id) }

func (n *numbers) nextGeneration() (uint32, error) { return n.take(&n.generation) }

func (n *numbers) take(c *counter) (uint32, error) {
	if c.next > math.MaxUint32-block {
		return 0, errors.New("the numbers of policies are used up; start with an empty state directory")
	}
	if c.next >= c.reserved {
		before := c.reserved
		c.reserved = c.next + block
		text, err := json.Marshal(savedNumbers{n.id.reserved, n.generation.reserved})
		if err == nil {
			err = n.disk.write(numbersFile, text)
		}
		if err != nil {
			c.reserved = before
			return 0, fmt.Errorf("reserve numbers in %s: %w", n.disk.path(numbersFile), err)
		}
	}
	c.next++
	return c.next - 1, nil
}
