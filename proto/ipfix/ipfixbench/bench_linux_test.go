package ipfixbench

import "testing"

func BenchmarkSend(b *testing.B)      { Send(b) }
func BenchmarkSendFloor(b *testing.B) { SendFloor(b) }
