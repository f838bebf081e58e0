package object

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// helpers are the functions of the kernel that a probe may call. None of them
// reaches a packet, another program, memory of the kernel or user space.
func helpers() map[asm.BuiltinFunc]bool {
	allowed := make(map[asm.BuiltinFunc]bool)
	for _, f := range []asm.BuiltinFunc{
		asm.FnMapLookupElem, asm.FnMapUpdateElem, asm.FnMapDeleteElem,
		asm.FnMapPushElem, asm.FnMapPopElem, asm.FnMapPeekElem, asm.FnMapLookupPercpuElem,
		asm.FnKtimeGetNs, asm.FnKtimeGetBootNs, asm.FnKtimeGetCoarseNs, asm.FnKtimeGetTaiNs, asm.FnJiffies64,
		asm.FnGetPrandomU32, asm.FnGetSmpProcessorId,
		asm.FnRingbufOutput, asm.FnRingbufReserve, asm.FnRingbufSubmit, asm.FnRingbufDiscard, asm.FnRingbufQuery,
	} {
		allowed[f] = true
	}
	return allowed
}

// checkCode looks at each instruction of the probe and of what it calls.
func checkCode(p *ebpf.ProgramSpec, maps map[string]*ebpf.MapSpec, limits Limits) (int, error) {
	functions := make(map[string]bool)
	for i := range p.Instructions {
		if name := p.Instructions[i].Symbol(); name != "" {
			functions[name] = true
		}
	}
	allowed, function, count, at := helpers(), p.Name, 0, 0
	for i := range p.Instructions {
		ins := &p.Instructions[i]
		if name := ins.Symbol(); name != "" {
			function, at = name, 0
			if strings.HasPrefix(name, reservedPrefix) {
				return 0, fmt.Errorf("function %s has a name of the agent's: names with %s are taken", name, reservedPrefix)
			}
			if btf.FuncMetadata(ins) == nil {
				return 0, fmt.Errorf("function %s has no type in BTF: compile with -g, and strip with \"llvm-strip -g\" only", name)
			}
		}
		if what := refuseInstruction(ins, functions, maps, allowed); what != "" {
			return 0, fmt.Errorf("function %s, instruction %d: %s", function, at, what)
		}
		width := int(ins.Width())
		count, at = count+width, at+width
	}
	if count > limits.Instructions {
		return 0, fmt.Errorf("the probe has %d instructions, at most %d are taken", count, limits.Instructions)
	}
	return count, nil
}

// refuseInstruction says what is wrong with an instruction, if anything.
func refuseInstruction(ins *asm.Instruction, functions map[string]bool, maps map[string]*ebpf.MapSpec, allowed map[asm.BuiltinFunc]bool) string {
	if btf.CORERelocationMetadata(ins) != nil {
		return "it depends on the layout of a kernel structure, and a probe reads no memory of the kernel"
	}
	switch class := ins.OpCode.Class(); {
	case class.IsJump():
		return refuseJump(ins, functions, allowed)
	case class == asm.LdClass:
		return refuseWideLoad(ins, maps)
	case ins.Reference() != "":
		return misplaced
	case class.IsStore(), class == asm.LdXClass:
		switch ins.OpCode.Mode() {
		case asm.MemMode, asm.MemSXMode, asm.AtomicMode:
		default:
			return "it is of a kind that probes have no use for"
		}
	}
	return ""
}

const misplaced = "a relocation points to it, and it refers to nothing"

func refuseJump(ins *asm.Instruction, functions map[string]bool, allowed map[asm.BuiltinFunc]bool) string {
	switch op := ins.OpCode.JumpOp(); {
	case op == asm.JCOND || op == asm.InvalidJumpOp:
		return "it may jump back without an end that could be proved"
	case op != asm.Call && ins.Reference() != "":
		return misplaced
	case op != asm.Call:
		return ""
	case ins.IsKfuncCall():
		return "it calls a kernel function (kfunc), which a probe may not"
	case ins.IsFunctionCall():
		if !functions[ins.Reference()] {
			return "it calls a function that is not in the object"
		}
		return ""
	case !ins.IsBuiltinCall() || ins.OpCode.Source() != asm.ImmSource:
		return "it calls a function through a pointer, which a probe may not"
	case ins.Reference() != "":
		return fmt.Sprintf("it calls %s, which is not in the object", ins.Reference())
	}
	switch f := asm.BuiltinFunc(ins.Constant); {
	case ins.Constant < 0 || ins.Constant > 1<<16:
		return fmt.Sprintf("it calls helper %d, which there is not", ins.Constant)
	case f == asm.FnTailCall:
		return "it calls bpf_tail_call: a probe cannot go over to another program"
	case !allowed[f]:
		return fmt.Sprintf("it calls %s, which a probe may not", helperName(f))
	}
	return ""
}

// refuseWideLoad accepts constants and maps of the object. Whatever else stands
// in such an instruction is a number that the kernel would take for a file
// descriptor of the agent's, or for something of its own.
func refuseWideLoad(ins *asm.Instruction, maps map[string]*ebpf.MapSpec) string {
	if !ins.OpCode.IsDWordLoad() {
		return "it reads the packet by BPF_LD_ABS or BPF_LD_IND, which a probe may not"
	}
	switch {
	case ins.Src == asm.R0 && ins.Reference() == "":
		return ""
	case ins.IsLoadFromMap():
		if maps[ins.Reference()] == nil {
			return "it uses a map that is not in the object: its relocation is missing"
		}
		return ""
	case ins.IsLoadOfFunctionPointer():
		return "it takes the address of a function, which a probe may not"
	case ins.Reference() != "":
		return fmt.Sprintf("it refers to %s, which is not in the object", ins.Reference())
	}
	return "it refers to something of the kernel's, which a probe may not"
}

// helperName writes a helper as C does: FnSkbStoreBytes is bpf_skb_store_bytes.
func helperName(f asm.BuiltinFunc) string {
	name, ok := strings.CutPrefix(f.String(), "Fn")
	if !ok {
		return fmt.Sprintf("helper %d", uint32(f))
	}
	var b strings.Builder
	b.WriteString("bpf")
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
