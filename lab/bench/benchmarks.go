package main

// benchmark yields the rows of one id of the budget table in
// docs/benchmarks.md.
type benchmark struct {
	id        string
	needsRoot bool
	run       func() ([]Row, error)
}

// benchmarks lists all of them, in the order of the table. A new one is a
// file with its function and a line here.
func benchmarks() []benchmark {
	return []benchmark{
		{id: "dp-meter", needsRoot: true, run: dpMeter},
		{id: "dp-all", needsRoot: true, run: dpAll},
		{id: "dp-classify", needsRoot: true, run: dpClassify},
		{id: "dp-forward", needsRoot: true, run: dpForward},
		{id: "dp-swap", needsRoot: true, run: dpSwap},
		{id: "dp-drain", needsRoot: true, run: dpDrain},
		{id: "postcard-path", needsRoot: true, run: postcardPath},
		{id: "ipfix-encode", run: ipfixEncode},
		{id: "ipfix-send", run: ipfixSend},
		{id: "ipfix-decode", run: ipfixDecode},
		{id: "set-latency", needsRoot: true, run: setLatency},
		{id: "gnmi-set", run: gnmiSet},
		{id: "gnmi-subscribe", run: gnmiSubscribe},
		{id: "collect", run: collectFlowRecords},
		{id: "correlate", run: correlatePostcards},
		{id: "loop-reaction", needsRoot: true, run: loopReaction},
	}
}
