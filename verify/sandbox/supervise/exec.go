//go:build linux

package supervise

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
)

// Of the auxiliary vector, linux/auxvec.h.
const (
	atNull        = 0
	atPHDR        = 3
	atPHNum       = 5
	atIgnore      = 1
	atRandom      = 25
	atSysinfoEHDR = 33
)

const (
	maxArguments = 8 << 20 // bytes of arguments: the kernel allows 6 MiB, fs/exec.c
	maxWords     = maxArguments / 8
)

// execved prepares a new program that stands before its first instruction.
func (s *supervisor) execved(t *thread) {
	p := t.proc
	p.timers, p.clockCall, p.vdso = nil, 0, 0
	p.sites, p.stubs, p.borrowed = nil, 0, false
	p.name, _ = os.Readlink("/proc/" + strconv.Itoa(t.tid) + "/exe")
	sp, native := t.registers()
	if !native {
		s.refuse(p.name + " is a 32-bit program, which is not supervised: use a 64-bit one")
		return
	}
	stack, ok := t.readStack(sp)
	if !ok {
		return // it has died, or its stack is of no known shape
	}
	s.identify(p, stack.args)
	var phdr, phnum uint64
	for _, a := range stack.auxv {
		switch a.key {
		case atPHDR:
			phdr = a.value
		case atPHNum:
			phnum = a.value
		case atRandom:
			if s.controls.random {
				var b [16]byte
				p.prog.fixed("AT_RANDOM", b[:])
				t.write(a.value, b[:])
			}
		case atSysinfoEHDR:
			if (s.controls.clock || s.controls.random || s.controls.stats()) && !s.patchVDSO(t, a.value) && (s.controls.clock || s.controls.random) {
				t.write(a.at, binary.LittleEndian.AppendUint64(nil, atIgnore))
			}
		}
	}
	if phdr != 0 {
		s.shortenGo(t, phdr, phnum)
	}
}

// identify gives a process its new program.
func (s *supervisor) identify(p *process, args []string) {
	what := s.identity(p.name, args)
	switch {
	case p.prog != nil:
		p.prog = p.prog.exec(what)
	default:
		p.prog = s.seed.exec(what)
	}
	if s.root == nil {
		s.root = p.prog
	}
}

// hideVDSO is set by a test: no vDSO is of a known shape.
var hideVDSO bool

// patchVDSO overwrites the functions of a program's vDSO, which the kernel
// copies for it on the first write.
func (s *supervisor) patchVDSO(t *thread, base uint64) bool {
	if !s.patchTried {
		s.patchTried = true
		if image := t.readVDSO(base); image != nil && !hideVDSO {
			if p, ok := newPatch(image, s.controls, s.files); ok {
				s.patch = p
			}
		}
	}
	if s.patch == nil || base == 0 {
		return false
	}
	if !s.patch.apply(t, base) {
		return false
	}
	t.proc.vdso = base
	if s.patch.mark != 0 {
		t.proc.clockCall = base + s.patch.clockCall
		if s.asking(askTime) {
			poke(t.tid, base+s.patch.mark, 0)
		}
	}
	return true
}

// stack is what the kernel puts on a new program's stack.
type stack struct {
	args []string
	auxv []auxiliary
}

type auxiliary struct{ key, value, at uint64 }

// readStack reads arguments and auxiliary vector: above the stack pointer lie
// argc, the pointers to the arguments and a zero, those to the environment and
// a zero, then pairs (System V ABI, "Process Initialization").
func (t *thread) readStack(sp uint64) (stack, bool) {
	var st stack
	words := &wordReader{t: t, next: sp}
	argc, ok := words.word()
	if !ok || argc > maxWords {
		return st, false
	}
	var first, end uint64
	for i := range argc + 1 {
		v, ok := words.word()
		if !ok {
			return st, false
		}
		if i == 0 {
			first = v
		}
	}
	for i := 0; ; i++ { // the environment begins where the arguments end
		v, ok := words.word()
		if !ok || i > maxWords {
			return st, false
		}
		if i == 0 {
			end = v
		}
		if v == 0 {
			break
		}
	}
	for range 64 {
		at := words.next
		key, ok1 := words.word()
		value, ok2 := words.word()
		if !ok1 || !ok2 {
			return st, false
		}
		if key == atNull {
			break
		}
		st.auxv = append(st.auxv, auxiliary{key, value, at})
	}
	if argc > 0 && end == 0 { // no environment: the arguments end at one zero byte more than argc
		end = first + maxArguments
	}
	st.args = t.readArguments(first, end, argc)
	return st, true
}

// readArguments reads argc strings that lie one behind the other.
func (t *thread) readArguments(first, end, argc uint64) []string {
	if argc == 0 || end <= first {
		return nil
	}
	size := min(end-first, maxArguments)
	var text []byte
	for uint64(len(text)) < size {
		b := make([]byte, min(16*page-first%page, size-uint64(len(text))))
		n := t.readSome(first, b)
		text = append(text, b[:n]...)
		first += uint64(n)
		if n < len(b) || uint64(bytes.Count(b[:n], []byte{0})) >= argc {
			break
		}
	}
	var args []string
	for uint64(len(args)) < argc {
		a, rest, ok := bytes.Cut(text, []byte{0})
		if !ok {
			break
		}
		args = append(args, string(a))
		text = rest
	}
	return args
}

// wordReader reads words one after the other, a piece of memory at a time.
type wordReader struct {
	t    *thread
	next uint64
	b    []byte
}

func (r *wordReader) word() (uint64, bool) {
	if len(r.b) < 8 {
		b := make([]byte, page-r.next%page)
		if len(b) < 8 || !r.t.read(r.next, b) {
			return 0, false
		}
		r.b = b
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	r.next += 8
	return v, true
}
