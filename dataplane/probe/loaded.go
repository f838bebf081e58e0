package probe

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
)

// programPrefix begins the names of all programs of the project.
const programPrefix = "ifit_"

// Loaded returns the project's programs that are in the kernel, whoever
// loaded them: their names by kernel identifier.
func Loaded() (map[uint32]string, error) {
	names := make(map[uint32]string)
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list programs: %w", err)
		}
		id = next
		name, err := programName(id)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, programPrefix) {
			names[uint32(id)] = name
		}
	}
}

// programName is empty for a program that went meanwhile.
func programName(id ebpf.ProgramID) (string, error) {
	p, err := ebpf.NewProgramFromID(id)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open program %d: %w", id, err)
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return "", fmt.Errorf("read program %d: %w", id, err)
	}
	return info.Name, nil
}
