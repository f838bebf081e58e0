package compile

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/openifit/openifit/gen/yang"
)

func (p *problems) collectors(in *yang.Collectors) []Collector {
	if in == nil {
		return nil
	}
	var out []Collector
	for _, name := range slices.Sorted(maps.Keys(in.Collector)) {
		at := "/ifit/collectors/collector[name=" + name + "]/config"
		out = append(out, p.collector(at, name, in.Collector[name].GetConfig()))
	}
	return out
}

func (p *problems) collector(at, name string, c *yang.Collector_Config) Collector {
	out := Collector{
		Name: name, DSCP: c.GetDscp(), PathMTU: int(c.GetPathMtu()),
		TemplateRefresh: time.Duration(c.GetTemplateRefreshInterval()) * time.Second,
	}
	if t := c.GetTransport(); t != yang.CollectorTransport_UDP {
		p.notBuilt(at+"/transport", t)
	}
	if c == nil || c.Address == nil {
		p.add(Invalid, at, "a collector needs an address")
		return out
	}
	address := p.address(at+"/address", *c.Address)
	if address.IsValid() && (address.IsUnspecified() || address.IsMulticast()) {
		p.add(Invalid, at+"/address", "%s is not the address of one host", address)
	}
	if address.IsLinkLocalUnicast() && address.Is6() {
		p.add(Invalid, at+"/address", "%s is a link-local address, which does not tell the interface", address)
	}
	out.Address = netip.AddrPortFrom(address, c.GetPort())
	if c.SourceAddress != nil {
		out.Source = p.address(at+"/source-address", *c.SourceAddress)
		if out.Source.IsValid() && address.IsValid() && out.Source.Is4() != address.Is4() {
			p.add(Invalid, at+"/source-address", "is not of the collector's address family")
		}
	}
	if c.TlsProfile != nil {
		p.add(NotBuilt, at+"/tls-profile", notBuilt)
	}
	if c.NetworkInstance != nil {
		p.add(NotBuilt, at+"/network-instance", notBuilt)
	}
	return out
}
