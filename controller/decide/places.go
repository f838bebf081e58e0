package decide

import (
	"fmt"
	"strings"
)

// placesNamed is how many places a summary names before it only counts.
const placesNamed = 3

// places puts in words where conditions hold: flows that meet the same one at
// the same place are counted.
type places []place

type place struct {
	what  string
	times int
}

func (p *places) add(metric, node, iface string) {
	what := strings.TrimSpace(fmt.Sprintf("%s at %s %s", metric, node, iface))
	for i := range *p {
		if (*p)[i].what == what {
			(*p)[i].times++
			return
		}
	}
	*p = append(*p, place{what, 1})
}

// String names the first few places.
func (p places) String() string {
	if len(p) == 0 {
		return "no condition holds"
	}
	var words []string
	for i, at := range p {
		if i == placesNamed {
			words = append(words, fmt.Sprintf("%d more places", len(p)-i))
			break
		}
		if at.times > 1 {
			at.what += fmt.Sprintf(" (%d times)", at.times)
		}
		words = append(words, at.what)
	}
	return strings.Join(words, ", ")
}
