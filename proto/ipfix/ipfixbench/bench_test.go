package ipfixbench

import "testing"

func BenchmarkEncode(b *testing.B)      { Encode(b) }
func BenchmarkEncodeFloor(b *testing.B) { EncodeFloor(b) }
func BenchmarkDecode(b *testing.B)      { Decode(b) }
func BenchmarkDecodeFloor(b *testing.B) { DecodeFloor(b) }
