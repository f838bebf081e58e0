package drops

import (
	"fmt"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
)

var start = time.Unix(1e9, 0)

func drop(policy, generation uint32, reason string, packets uint64) *flow.Drop {
	return &flow.Drop{
		Policy: flow.PolicyRef{ID: policy, Generation: generation}, Reason: reason, Location: "ip_forward",
		Packets: packets, Octets: 100 * packets, First: int64(packets), Last: 1000 + int64(packets),
	}
}

func setUp(policies ...Policy) (*Cache, *[]flow.Drop) {
	var out []flow.Drop
	c := New(func(d *flow.Drop) { out = append(out, *d) })
	c.Configure(policies)
	return c, &out
}

func policy(generation uint32) Policy {
	return Policy{flow.PolicyRef{ID: 1, Generation: generation}, time.Minute, 10 * time.Second}
}

func TestDropsOfUnknownPolicies(t *testing.T) {
	c, out := setUp(policy(1))
	c.Observe(drop(2, 1, "IP_INHDR", 7), start)
	c.Flush()
	if len(*out) != 0 || c.Unknown() != 7 || len(c.Sums(2)) != 0 {
		t.Errorf("exported %v, %d unknown", *out, c.Unknown())
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	c, out := setUp(policy(1))
	for i := range maxRecords + 5 {
		d := drop(1, 1, fmt.Sprint(i), 1)
		c.Observe(d, start)
	}
	if len(*out) != 5 || len(c.records) != maxRecords || len(c.Sums(1)) != maxReasons {
		t.Errorf("%d exported at once, %d kept, %d sums", len(*out), len(c.records), len(c.Sums(1)))
	}
}

func TestRecordsEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		after func(*Cache)
		want  int
	}{
		{"too early", func(c *Cache) { c.Drained(start.Add(9 * time.Second)) }, 0},
		{"idle", func(c *Cache) { c.Drained(start.Add(10 * time.Second)) }, 1},
		{"active", func(c *Cache) {
			for s := range 61 {
				at := start.Add(time.Duration(s) * time.Second)
				c.Observe(drop(1, 1, "IP_INHDR", 1), at)
				c.Drained(at)
			}
		}, 1},
		{"another generation", func(c *Cache) {
			c.Configure([]Policy{policy(2)})
			c.Drained(start)
		}, 1},
		{"policy gone", func(c *Cache) {
			c.Configure(nil)
			c.Drained(start)
		}, 1},
	} {
		cache, out := setUp(policy(1))
		cache.Observe(drop(1, 1, "IP_INHDR", 3), start)
		c.after(cache)
		if len(*out) != c.want {
			t.Errorf("%s: %d records, want %d", c.name, len(*out), c.want)
		}
	}
}

func TestDropsAreMerged(t *testing.T) {
	c, out := setUp(policy(1))
	c.Observe(drop(1, 1, "IP_INHDR", 3), start)
	c.Observe(drop(1, 1, "IP_INHDR", 2), start.Add(time.Second))
	c.Observe(drop(1, 1, "QDISC_DROP", 5), start.Add(time.Second))
	c.Flush()
	if len(*out) != 2 {
		t.Fatalf("%d records", len(*out))
	}
	for _, d := range *out {
		want := flow.Drop{Policy: d.Policy, Reason: d.Reason, Location: "ip_forward", Packets: 5, Octets: 500, First: 2, Last: 1003}
		if d.Reason == "QDISC_DROP" {
			want.First, want.Last = 5, 1005
		}
		if d != want {
			t.Errorf("got %+v, want %+v", d, want)
		}
	}
	if got := c.Sums(1); got["IP_INHDR"] != (Sum{5, 500}) || got["QDISC_DROP"] != (Sum{5, 500}) {
		t.Errorf("sums %v", got)
	}
}
