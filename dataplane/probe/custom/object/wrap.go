package object

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// What the agent adds to a probe.
const (
	// WrapperName is that of the program which calls the probe.
	WrapperName = reservedPrefix + "probe"
	viewMap     = reservedPrefix + "view"
	// AnswerMap is where the probe's answer goes: its value, and 1.
	AnswerMap = reservedPrefix + "answers"
	// Places in the wrapper, with names that no function of a probe can have.
	labelVlan  = reservedPrefix + "vlan"
	labelShort = reservedPrefix + "short"
	labelCall  = reservedPrefix + "call"
	labelOut   = reservedPrefix + "out"
	// next is TCX_NEXT: whatever comes after this program decides.
	next = -1
)

// Offsets in struct __sk_buff, which the kernel keeps for ever.
const (
	skbLength         = 0
	skbMark           = 8
	skbProtocol       = 16
	skbVLANPresent    = 20
	skbVLAN           = 24
	skbPriority       = 32
	skbIngressIfindex = 36
	skbIfindex        = 40
	skbHash           = 68
	skbSegments       = 164
)

// Wrapped returns what a kernel is to load: a program that copies what the
// probe may see of a packet, calls the probe with the copy, and lets the packet
// go on, whatever the probe did. The probe has become a function of it which no
// pointer to the packet ever reaches, so the kernel's own verifier is the proof
// that it changes none.
//
// With answers, what the probe returns is left in the map of that name.
func (o *Object) Wrapped(egress, answers bool, parameters []byte) *ebpf.CollectionSpec {
	spec := o.spec.Copy()
	if v := spec.Variables[parameterVar]; v != nil && len(parameters) == len(v.Value) {
		copy(v.Value, parameters)
		setVariable(spec, v)
	}
	if m := spec.Maps[recordMap]; m != nil {
		// The type of values told what a record is; the kernel wants none.
		m.ValueSize, m.Value = 0, nil
	}
	spec.Maps[viewMap] = &ebpf.MapSpec{
		Name: viewMap, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: uint32(PacketSize(o.Capture)), MaxEntries: 1,
	}
	if answers {
		spec.Maps[AnswerMap] = &ebpf.MapSpec{Name: AnswerMap, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 16, MaxEntries: 1}
	}
	probe := spec.Programs[o.Name]
	code := append(o.wrapper(egress, answers), private(probe.Instructions, o.Name)...)
	spec.Programs = map[string]*ebpf.ProgramSpec{WrapperName: {
		Name: WrapperName, Type: ebpf.SchedCLS, License: o.License, ByteOrder: probe.ByteOrder, Instructions: code,
	}}
	return spec
}

// setVariable writes a variable into the section that it is part of, as the
// library would, which does it by itself only for what it has loaded alone.
func setVariable(spec *ebpf.CollectionSpec, v *ebpf.VariableSpec) {
	section := spec.Maps[v.SectionName]
	if section == nil || len(section.Contents) != 1 {
		return
	}
	if data, ok := section.Contents[0].Value.([]byte); ok && int(v.Offset)+len(v.Value) <= len(data) {
		data = append([]byte(nil), data...)
		copy(data[v.Offset:], v.Value)
		section.Contents[0].Value = data
	}
}

// private makes the probe a function that is verified with what its caller
// gives it, instead of with what it says of its argument. Line numbers go:
// the wrapper has none, and the kernel takes those of all functions or none.
func private(code asm.Instructions, name string) asm.Instructions {
	out := make(asm.Instructions, len(code))
	for i, ins := range code {
		ins = ins.WithSource(nil)
		if ins.Symbol() == name {
			f := btf.Copy(btf.FuncMetadata(&ins)).(*btf.Func)
			f.Linkage = btf.StaticFunc
			ins = btf.WithFuncMetadata(ins, f)
		}
		out[i] = ins
	}
	return out
}

func (o *Object) wrapper(egress, answers bool) asm.Instructions {
	const skb, view, length = asm.R6, asm.R7, asm.R8
	code := asm.Instructions{
		asm.Mov.Reg(skb, asm.R1),
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, 0).WithReference(viewMap),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, labelOut),
		asm.Mov.Reg(view, asm.R0),
	}
	for _, c := range []struct {
		from, to int16
		size     asm.Size
	}{
		{skbIfindex, IfindexOffset, asm.Word}, {skbIngressIfindex, IngressIfindexOffset, asm.Word},
		{skbSegments, SegmentsOffset, asm.Word}, {skbMark, MarkOffset, asm.Word},
		{skbPriority, PriorityOffset, asm.Word}, {skbHash, HashOffset, asm.Word},
	} {
		code = append(code,
			asm.LoadMem(asm.R1, skb, c.from, asm.Word),
			asm.StoreMem(view, c.to, asm.R1, c.size))
	}
	direction := int64(0)
	if egress {
		direction = 1
	}
	code = append(code,
		asm.LoadMem(asm.R1, skb, skbProtocol, asm.Word),
		asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.StoreMem(view, ProtocolOffset, asm.R1, asm.Half),
		asm.LoadMem(asm.R1, skb, skbVLANPresent, asm.Word),
		asm.JEq.Imm(asm.R1, 0, labelVlan),
		asm.LoadMem(asm.R1, skb, skbVLAN, asm.Word),
		asm.StoreMem(view, VLANOffset, asm.R1, asm.Half).WithSymbol(labelVlan),
		asm.StoreImm(view, DirectionOffset, direction, asm.Half),
		asm.LoadMem(length, skb, skbLength, asm.Word),
		asm.StoreMem(view, LengthOffset, length, asm.Word),
		asm.JLE.Imm(length, int32(o.Capture), labelShort),
		asm.Mov.Imm(length, int32(o.Capture)),
		asm.StoreMem(view, CapturedOffset, length, asm.Word).WithSymbol(labelShort),
		asm.JEq.Imm(length, 0, labelCall),
		asm.Mov.Reg(asm.R1, skb),
		asm.Mov.Imm(asm.R2, 0),
		asm.Mov.Reg(asm.R3, view),
		asm.Add.Imm(asm.R3, DataOffset),
		asm.Mov.Reg(asm.R4, length),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, labelOut),
		asm.Mov.Reg(asm.R1, view).WithSymbol(labelCall),
		asm.Call.Label(o.Name),
	)
	if answers {
		code = append(code, keepAnswer()...)
	}
	code = append(code, asm.Mov.Imm(asm.R0, next).WithSymbol(labelOut), asm.Return())
	code[0] = btf.WithFuncMetadata(code[0].WithSymbol(WrapperName), wrapperType())
	return code
}

// keepAnswer leaves what the probe returned where the point's program finds it.
func keepAnswer() asm.Instructions {
	const answer = asm.R9
	return asm.Instructions{
		asm.Mov.Reg(answer, asm.R0),
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, 0).WithReference(AnswerMap),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, labelOut),
		asm.StoreMem(asm.R0, 0, answer, asm.DWord),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 8, asm.R1, asm.DWord),
	}
}

// wrapperType is int WrapperName(struct __sk_buff *skb).
func wrapperType() *btf.Func {
	return &btf.Func{
		Name: WrapperName, Linkage: btf.GlobalFunc,
		Type: &btf.FuncProto{
			Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
			Params: []btf.FuncParam{{Name: "skb", Type: &btf.Pointer{
				Target: &btf.Struct{Name: "__sk_buff", Size: 0},
			}}},
		},
	}
}
