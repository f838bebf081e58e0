package main

import (
	"testing"

	"github.com/openifit/openifit/proto/ipfix/ipfixbench"
)

func ipfixEncode() ([]Row, error) {
	return codec("ipfix-encode", ipfixbench.Encode, ipfixbench.EncodeFloor, 30)
}

func ipfixDecode() ([]Row, error) {
	return codec("ipfix-decode", ipfixbench.Decode, ipfixbench.DecodeFloor, 60)
}

func ipfixSend() ([]Row, error) {
	return codec("ipfix-send", ipfixbench.Send, ipfixbench.SendFloor, 60)
}

// codec compares one direction with the same record written by hand.
func codec(id string, subject, floor func(*testing.B), bar float64) ([]Row, error) {
	c, err := compare(subject, floor)
	if err != nil {
		return nil, err
	}
	return []Row{
		AtMost(id, c.nanoseconds, bar, "ns/record").WithFloor(c.floor),
		AtMost(id+"/allocs", c.allocs, 0, "allocs/record"),
	}, nil
}
