package compile

import (
	"slices"
	"time"

	"github.com/openifit/openifit/gen/yang"
)

// export converts how records leave the node.
func (p *problems) export(path string, in *yang.Policy_DataExport) Export {
	c, at := in.GetConfig(), path+"/data-export/config"
	out := Export{
		Collectors:    slices.Clone(c.GetCollector()),
		ActiveTimeout: milliseconds(c.GetActiveTimeout()),
		IdleTimeout:   milliseconds(c.GetIdleTimeout()),
		DrainInterval: milliseconds(c.GetDrainInterval()),
		BatchTimeout:  milliseconds(c.GetBatchTimeout()),
		MaxRecords:    uint64(c.GetMaxRecordsPerSecond()),
		MaxOctets:     c.GetMaxOctetsPerSecond(),
	}
	for i, name := range out.Collectors {
		if slices.Contains(out.Collectors[:i], name) {
			p.add(Invalid, at+"/collector", "%s is given twice", name)
		}
	}
	switch mode := c.GetCollectorMode(); mode {
	case yang.CollectorMode_REPLICATE:
	case yang.CollectorMode_FAILOVER:
		out.Failover = true
	default:
		p.notBuilt(at+"/collector-mode", mode)
	}
	if e := c.GetEncoding(); e != yang.ExportEncoding_IPFIX {
		p.notBuilt(at+"/encoding", e)
	}
	if e := c.GetProtocol(); e != yang.ExportProtocol_IPFIX {
		p.notBuilt(at+"/protocol", e)
	}
	return out
}

func milliseconds(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }
