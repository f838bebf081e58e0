//go:build linux

package traffic

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control is what the kernel tells beside a packet.
type control struct {
	class, hopLimit uint8
	arrived         int64
}

// readControl walks the control messages of cmsg(3).
func readControl(b []byte) (control, error) {
	var c control
	for len(b) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(b)
		if err != nil {
			return c, fmt.Errorf("control message: %w", err)
		}
		c.read(header.Level, header.Type, data)
		b = rest
	}
	return c, nil
}

func (c *control) read(level, kind int32, data []byte) {
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_TOS && len(data) >= 1:
		c.class = data[0]
	case level == unix.IPPROTO_IP && kind == unix.IP_TTL && len(data) >= 4:
		c.hopLimit = uint8(binary.NativeEndian.Uint32(data))
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_TCLASS && len(data) >= 4:
		c.class = uint8(binary.NativeEndian.Uint32(data))
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT && len(data) >= 4:
		c.hopLimit = uint8(binary.NativeEndian.Uint32(data))
	case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPNS && len(data) >= 16:
		c.arrived = int64(binary.NativeEndian.Uint64(data))*int64(time.Second) + int64(binary.NativeEndian.Uint64(data[8:]))
	}
}

// socketDrops is how many packets a socket's full buffer refused.
func socketDrops(fd int) (uint64, error) {
	// SO_MEMINFO fills these counters of sock_diag(7); the last is drops.
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, os.NewSyscallError("getsockopt SO_MEMINFO", errno)
	}
	return uint64(info[8]), nil
}
