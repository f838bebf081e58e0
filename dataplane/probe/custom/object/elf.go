package object

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"strings"
)

// checkELF refuses files that are no eBPF object, and those whose reading
// would take more memory than they have octets.
func checkELF(data []byte, limits Limits) error {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("the object is no ELF file, or broken: %w", err)
	}
	switch {
	case f.Machine != elf.EM_BPF:
		return fmt.Errorf("the object is for %s: compile with -target bpfel", f.Machine)
	case f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB:
		return errors.New("the object is not little endian of 64 bits: compile with -target bpfel")
	case f.Type != elf.ET_REL:
		return fmt.Errorf("the object is of type %s: do not link it", f.Type)
	case len(f.Sections) > maxSections:
		return fmt.Errorf("the object has %d sections, at most %d are taken", len(f.Sections), maxSections)
	}
	licensed, typed := false, false
	for _, s := range f.Sections {
		if err := checkSection(s, len(data), limits); err != nil {
			return err
		}
		licensed = licensed || s.Name == "license" && s.Size > 1
		typed = typed || s.Name == ".BTF" && s.Size > 0
	}
	if !licensed {
		return errors.New(`section "license" is missing or empty: the kernel asks under which licence a program is`)
	}
	if !typed {
		return errors.New(`section ".BTF" is missing: it describes parameters and records; compile with -g, and strip with "llvm-strip -g" only`)
	}
	symbols, err := f.Symbols()
	if err != nil {
		return fmt.Errorf("the object is broken: its symbols cannot be read: %w", err)
	}
	if len(symbols) > maxSymbols {
		return fmt.Errorf("the object has %d symbols, at most %d are taken", len(symbols), maxSymbols)
	}
	return nil
}

func checkSection(s *elf.Section, size int, limits Limits) error {
	switch {
	case s.Flags&elf.SHF_COMPRESSED != 0 || strings.HasPrefix(s.Name, ".zdebug"):
		return fmt.Errorf("section %q is compressed: compile with -gz=none", s.Name)
	case s.Type == elf.SHT_NOBITS && s.Size > limits.MapOctets:
		return fmt.Errorf("section %q has %d octets, maps may have %d in all", s.Name, s.Size, limits.MapOctets)
	case s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL && (s.Size > uint64(size) || s.Offset > uint64(size)-s.Size):
		return fmt.Errorf("the object is broken: section %q ends behind its end", s.Name)
	case s.Name == "maps" || strings.HasPrefix(s.Name, "maps/"):
		return fmt.Errorf("section %q holds maps of the old form: declare them in section %q", s.Name, ".maps")
	case s.Flags&elf.SHF_EXECINSTR != 0 && s.Size > 0 && s.Type == elf.SHT_PROGBITS &&
		s.Name != Section && s.Name != ".text":
		return foreignSection(s.Name)
	case strings.HasPrefix(s.Name, ".struct_ops"):
		return foreignSection(s.Name)
	}
	return nil
}

// foreignSection refuses programs of other kinds, such as kprobes.
func foreignSection(name string) error {
	return fmt.Errorf("section %q holds a program that is no probe: a probe is one function in section %q", name, Section)
}
