package object_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openifit/openifit/bpf/sdk"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".o"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// limits do not depend on the machine of the test.
func limits() object.Limits {
	l := object.Usual()
	l.CPUs = 4
	return l
}

func TestHostileObjectsAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"kprobe":     `section "kprobe/tcp_v4_connect" holds a program that is no probe`,
		"two":        `section "tcx/ingress" holds a program that is no probe`,
		"redirect":   "function redirect, instruction 2: it calls bpf_redirect, which a probe may not",
		"store":      "it calls bpf_skb_store_bytes, which a probe may not",
		"context":    "function context: its argument is struct __sk_buff *: a probe gets struct ifit_packet *",
		"tailcall":   "it calls bpf_tail_call",
		"kfunc":      "it calls a kernel function (kfunc)",
		"hugemap":    "map huge: with it, the maps would take 1073741824 octets",
		"devmap":     "map devices is of type DevMap",
		"pinned":     "map left_behind asks to be pinned",
		"callback":   "it takes the address of a function",
		"core":       "a probe reads no memory of the kernel",
		"descriptor": "it uses a map that is not in the object",
		"field":      `field "length" of struct ifit_record is a bit field`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := object.Read(read(t, "hostile_"+name), limits())
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("refused with %v, want %q", err, want)
			}
		})
	}
}

// section returns where a section's octets are in the file.
func section(t testing.TB, data []byte, name string) (offset, size int) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Section(name)
	if s == nil {
		t.Fatalf("there is no section %s", name)
	}
	return int(s.Offset), int(s.FileSize)
}

func TestBrokenObjectsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, data []byte) []byte
		want  string
	}{
		"empty": {func(*testing.T, []byte) []byte { return nil }, "is empty"},
		"text":  {func(*testing.T, []byte) []byte { return []byte("#!/bin/sh\n") }, "no ELF file"},
		"too big": {func(_ *testing.T, data []byte) []byte {
			return append(data, make([]byte, 256<<10)...)
		}, "at most 262144 are taken"},
		"another machine": {func(_ *testing.T, data []byte) []byte {
			binary.LittleEndian.PutUint16(data[18:], uint16(elf.EM_X86_64))
			return data
		}, "the object is for EM_X86_64"},
		"linked": {func(_ *testing.T, data []byte) []byte {
			binary.LittleEndian.PutUint16(data[16:], uint16(elf.ET_EXEC))
			return data
		}, "do not link it"},
		"stripped of BTF": {func(t *testing.T, data []byte) []byte {
			return rename(t, data, ".BTF\x00", ".XXX\x00")
		}, `section ".BTF" is missing`},
		"stripped of function types": {func(t *testing.T, data []byte) []byte {
			return rename(t, data, ".BTF.ext\x00", ".BTF.xxx\x00")
		}, "function dns has no type in BTF"},
		"without licence": {func(t *testing.T, data []byte) []byte {
			return rename(t, data, "ifit_license\x00", "ifit_licence\x00")
		}, `section "license" is missing`},
		"BTF of noise": {func(t *testing.T, data []byte) []byte {
			at, n := section(t, data, ".BTF")
			for i := at + 24; i < at+n; i++ {
				data[i] = byte(i * 7)
			}
			return data
		}, "the object is broken"},
		"relocation to nowhere": {func(t *testing.T, data []byte) []byte {
			at, _ := section(t, data, ".relifit/probe")
			binary.LittleEndian.PutUint32(data[at+12:], 4000)
			return data
		}, "the object is broken"},
		"relocation of another instruction": {func(t *testing.T, data []byte) []byte {
			at, _ := section(t, data, ".relifit/probe")
			binary.LittleEndian.PutUint64(data[at:], 0)
			return data
		}, "instruction 0: a relocation points to it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := object.Read(c.spoil(t, read(t, "dns")), limits())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("refused with %v, want %q", err, c.want)
			}
		})
	}
}

// rename changes a name in the table of names.
func rename(t *testing.T, data []byte, from, to string) []byte {
	t.Helper()
	if bytes.Count(data, []byte(from)) == 0 {
		t.Fatalf("there is no %q", from)
	}
	return bytes.ReplaceAll(data, []byte(from), []byte(to))
}

func TestTruncatedObjectsAreRefused(t *testing.T) {
	data := read(t, "dns")
	for n := range data {
		if n > 512 && n%37 != 0 {
			continue
		}
		if _, err := object.Read(data[:n], limits()); err == nil {
			t.Errorf("the first %d of %d octets are accepted", n, len(data))
		}
	}
}

func TestAnObjectDescribesItself(t *testing.T) {
	o, err := object.Read(read(t, "dns"), limits())
	if err != nil {
		t.Fatal(err)
	}
	if o.Name != "dns" || o.License != "GPL" || o.Capture != 128 || o.Instructions < 50 || o.Instructions > 200 {
		t.Errorf("object %s under %s sees %d octets with %d instructions", o.Name, o.License, o.Capture, o.Instructions)
	}
	if len(o.Parameters) != 2 || o.Parameters[0].Name != "port" || o.Parameters[0].Default != "53" || o.Parameters[0].Type != ie.TypeUnsigned16 {
		t.Errorf("parameters are %+v", o.Parameters)
	}
	want := []object.Field{
		{Name: "time", Offset: 0, Size: 8, Type: ie.TypeDateTimeNanoseconds},
		{Name: "client", Offset: 8, Size: 4, Type: ie.TypeIPv4Address},
		{Name: "length", Offset: 12, Size: 4, Type: ie.TypeUnsigned32, Units: ie.UnitsOctets},
		{Name: "id", Offset: 16, Size: 2, Type: ie.TypeUnsigned16, Semantics: ie.SemanticsIdentifier, Text: "identifier of the query"},
	}
	if !o.Record.Equal(&object.Struct{Size: 24, Fields: want}) {
		t.Errorf("records are %+v", o.Record)
	}
	if o.Counters == nil || len(o.Counters.Fields) != 3 || o.Counters.Fields[1].Units != ie.UnitsOctets {
		t.Errorf("counters are %+v", o.Counters)
	}
	if o.MapOctets() != 65536+4*24+8+8 {
		t.Errorf("maps take %d octets: %+v", o.MapOctets(), o.Maps)
	}
}

func TestParameters(t *testing.T) {
	dns, err := object.Read(read(t, "dns"), limits())
	if err != nil {
		t.Fatal(err)
	}
	size, err := object.Read(read(t, "size"), limits())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of     *object.Object
		values map[string]string
		want   string // octets, or the error
	}{
		{dns, map[string]string{"prot": "1"}, "parameter prot is unknown: the probe has port, report"},
		{dns, map[string]string{"port": "65536"}, "parameter port is from 0 to 65535, not 65536"},
		{dns, map[string]string{"port": "dns"}, `parameter port is a number from 0 to 65535, not "dns"`},
		{dns, map[string]string{"port": "-1"}, `parameter port is a number from 0 to 65535, not "-1"`},
		{size, map[string]string{"weight": "2147483648"}, "parameter weight is from -2147483648 to 2147483647, not 2147483648"},
		{size, map[string]string{"wide": "2"}, `parameter wide is true or false, not "2"`},
		{dns, nil, "\x35\x00\x01\x00"},
		{dns, map[string]string{"port": "0x14e9", "report": "0"}, "\xe9\x14\x00\x00"},
		{size, nil, "\xff\xff\xff\xff\x00\x00\x00\x00"},
		{size, map[string]string{"weight": "-2", "wide": "true"}, "\xfe\xff\xff\xff\x01\x00\x00\x00"},
	} {
		got, err := c.of.Encode(c.values)
		if err != nil {
			var p *object.ParameterError
			if !errors.As(err, &p) || err.Error() != c.want {
				t.Errorf("%v: %v, want %s", c.values, err, c.want)
			}
			continue
		}
		if string(got) != c.want {
			t.Errorf("%v: % x, want % x", c.values, got, c.want)
		}
	}
}

// FuzzRead: whatever is uploaded, Read returns, and what it accepts can be
// wrapped.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"dns", "size", "scribble", "hostile_kfunc", "hostile_core"} {
		f.Add(read(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := object.Read(data, limits())
		if err != nil {
			return
		}
		parameters, err := o.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		if o.Wrapped(true, true, parameters).Programs[object.WrapperName] == nil {
			t.Error("the wrapper is missing")
		}
	})
}

func TestSpoiledObjectsNeverStopTheReader(t *testing.T) {
	source, random := read(t, "dns"), rand.New(rand.NewPCG(1, 2))
	accepted := 0
	const tries = 3000
	for range tries {
		data := bytes.Clone(source)
		for range 1 + random.IntN(6) {
			data[random.IntN(len(data))] = byte(random.IntN(256))
		}
		if o, err := object.Read(data, limits()); err == nil {
			accepted++
			o.Wrapped(true, true, nil)
		}
	}
	// Much of an object is debugging information that nobody reads.
	if accepted == 0 || accepted == tries {
		t.Errorf("%d of %d spoiled objects are accepted", accepted, tries)
	}
}

// What people begin with is what these tests are about.
func TestTheTemplateIsTested(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("testdata", "dns.c"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(source, bytes.ReplaceAll(sdk.Template, []byte("NAME"), []byte("dns"))) {
		t.Error("testdata/dns.c is not made of the template")
	}
}
