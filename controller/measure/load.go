package measure

// Counters are a node's counters of export at one moment, read over gNMI.
type Counters struct {
	Node string `json:"node"`
	// Time is when they were received, UNIX nanoseconds.
	Time int64 `json:"time"`
	// Octets and Records count what went to all collectors.
	Octets  uint64 `json:"octets"`
	Records uint64 `json:"records"`
	Dropped uint64 `json:"dropped"`
	// Policies holds the records of each policy.
	Policies map[string]PolicyCounters `json:"policies"`
}

// PolicyCounters are the counters of one policy on one node.
type PolicyCounters struct {
	Generation uint32 `json:"generation"`
	Observed   uint64 `json:"observed"`
	Selected   uint64 `json:"selected"`
	Records    uint64 `json:"records"`
	Dropped    uint64 `json:"dropped"`
	Events     uint64 `json:"events"`
}
