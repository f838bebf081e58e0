//go:build linux

package source_test

import (
	"io"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
)

// A bulk transfer crosses the point in super-packets. The ends' own counts of
// segments and octets are the truth.
func TestBulkTransfer(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}})
	for _, addr := range []netip.Addr{pair.Near4, pair.Near6} {
		const size = 4 << 20
		var server *net.TCPListener
		err := pair.Near.Do(func() (err error) {
			server, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 5001)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		var client net.Conn
		err = pair.Far.Do(func() (err error) {
			client, err = net.Dial("tcp", server.Addr().String())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		go func() {
			_, _ = client.Write(make([]byte, size))
			_ = client.(*net.TCPConn).CloseWrite()
		}()
		conn, err := server.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if n, err := io.Copy(io.Discard, conn); n != size || err != nil {
			t.Fatalf("received %d octets, %v", n, err)
		}
		// What is sent again, when an acknowledgement is late, counts as well.
		truth, sent := tcpInfo(t, conn), tcpInfo(t, client.(*net.TCPConn))

		records, err := source.NewRecords(engine)
		if err != nil {
			t.Fatal(err)
		}
		var got flow.Record
		err = pair.Do(func() error {
			return records.Drain(func(r *flow.Record) {
				if r.Key.DestinationPort == 5001 && r.Key.Destination == addr {
					got = *r
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		// IP header, TCP header and time stamp option; the SYN has 8 octets more.
		header := uint64(20 + 20 + 12)
		if !addr.Is4() {
			header += 20
		}
		if want := uint64(truth.Segs_in); got.Packets != want {
			t.Errorf("%s: %d packets, the receiver has %d", addr, got.Packets, want)
		}
		if want := sent.Bytes_sent + got.Packets*header + 8; got.Octets != want {
			t.Errorf("%s: %d octets, %d sent in %d packets", addr, got.Octets, sent.Bytes_sent, got.Packets)
		}
		if got.TCPFlags&0x13 != 0x13 {
			t.Errorf("%s: flags %#x lack SYN, ACK or FIN", addr, got.TCPFlags)
		}
	}
}

func tcpInfo(t *testing.T, c *net.TCPConn) *unix.TCPInfo {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	var infoErr error
	err = raw.Control(func(fd uintptr) {
		info, infoErr = unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO)
	})
	if err != nil || infoErr != nil {
		t.Fatalf("read TCP_INFO: %v, %v", err, infoErr)
	}
	return info
}
