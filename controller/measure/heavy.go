package measure

// HeavyFlow is one place of a node's list of heavy flows.
type HeavyFlow struct {
	Flow Flow   `json:"flow"`
	Rank uint32 `json:"rank"`
	// OctetsPerSecond is the mean rate over the epoch; Octets and Packets are
	// counts of the epoch. None is ever too small.
	OctetsPerSecond uint64 `json:"octets-per-second"`
	Octets          uint64 `json:"octets"`
	Packets         uint64 `json:"packets"`
}

// HeavyFlows is what a sketch found in one epoch, as reported over gNMI.
type HeavyFlows struct {
	Node       string `json:"node"`
	Policy     string `json:"policy"`
	Generation uint32 `json:"generation"`
	// Time is when the report was received, UNIX nanoseconds.
	Time  int64       `json:"time"`
	Flows []HeavyFlow `json:"flows"`
}
