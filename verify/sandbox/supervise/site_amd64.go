//go:build linux

package supervise

import (
	"bytes"
	"encoding/binary"
)

// How stat stops no more.
//
// A program with one thread that asks for the times of many files does so from
// one place, mostly in its C library: "mov eax, number; syscall", seven bytes.
// After some calls that place is overwritten by a jump to the detour, for as long
// as the program runs. The jump goes through a word that holds the address, for
// which there has to be a gap between two functions nearby; and nothing may jump
// to the second of the two instructions. Where one of these is not so, or there
// are more threads, one of which might stand in the middle, everything stays as
// it is.

const (
	siteLength = 7        // of the two instructions
	siteWindow = 32 << 10 // bytes of code on both sides that are looked at
	siteCalls  = 16       // so many first: most programs ask for few
	siteStub   = 32       // room for one stub, in the vDSO
)

// site is what is known of a place that makes system calls.
type site struct {
	calls int
	done  bool // or given up
}

// shorten overwrites the place that a thread's call comes from, if it may.
func (s *supervisor) shorten(t *thread, to uint64) {
	p := t.proc
	if p.threads != 1 || p.borrowed {
		return
	}
	ip := t.call.ip
	if p.sites == nil {
		p.sites = map[uint64]*site{}
	}
	at := p.sites[ip]
	if at == nil {
		at = &site{}
		p.sites[ip] = at
	}
	if at.calls++; at.done || at.calls < siteCalls {
		return
	}
	at.done = true
	stub := s.patch.stubs + uint64(p.stubs)*siteStub
	if s.patch.stubs == 0 || stub+siteStub > s.patch.size {
		return
	}
	stub += p.vdso
	code, from := t.codeAround(ip)
	slot, ok := gap(code, from, ip, uint32(t.call.nr))
	if !ok {
		return
	}
	p.stubs++
	jump := []byte{0xff, 0x25} // jmp [rip+…]
	jump = append(binary.LittleEndian.AppendUint32(jump, uint32(slot-(ip-siteLength)-6)), 0x90)
	if !t.overwriteCode(stub, siteCode(stub, ip, to, uint32(t.call.nr))) ||
		!t.overwriteCode(slot, binary.LittleEndian.AppendUint64(nil, stub)) {
		return
	}
	t.overwriteCode(ip-siteLength, jump)
}

// siteCode says where to go on, and what is called, as the processor and the
// program would have.
func siteCode(at, ip, to uint64, nr uint32) []byte {
	b := []byte{0x48, 0xb9} // mov rcx, …
	b = binary.LittleEndian.AppendUint64(b, ip)
	b = append(b, 0xb8) // mov eax, …
	b = binary.LittleEndian.AppendUint32(b, nr)
	b = append(b, 0xe9) // jmp
	return binary.LittleEndian.AppendUint32(b, uint32(to-at-uint64(len(b))-4))
}

// codeAround reads what is mapped around an address.
func (t *thread) codeAround(ip uint64) (code []byte, from uint64) {
	from = ip - min(ip, siteWindow)
	first := ip &^ (page - 1)
	for first > from && t.readable(first-page) {
		first -= page
	}
	from = max(from, first)
	code = make([]byte, ip+siteWindow-from)
	return code[:t.readSome(from, code)], from
}

func (t *thread) readable(addr uint64) bool {
	var b [1]byte
	return t.read(addr, b[:])
}

func (t *thread) overwriteCode(addr uint64, b []byte) bool {
	p := patch{pieces: []patchPiece{{0, b}}}
	if len(b)%8 != 0 {
		// Whole words, with what is around them.
		first := addr &^ 7
		words := make([]byte, (addr+uint64(len(b))+7)&^7-first)
		if !t.read(first, words) {
			return false
		}
		copy(words[addr-first:], b)
		addr, p.pieces[0].bytes = first, words
	}
	return p.apply(t, addr)
}

// gap looks at the code around a place that makes a system call, which ends at ip,
// and finds a word nearby that no instruction is in; or it fails. code begins at
// from.
func gap(code []byte, from, ip uint64, nr uint32) (uint64, bool) {
	here := int(ip - from)
	if here < siteLength || here > len(code) {
		return 0, false
	}
	want := append(binary.LittleEndian.AppendUint32([]byte{0xb8}, nr), 0x0f, 0x05) // mov eax, nr; syscall
	if !bytes.Equal(code[here-siteLength:here], want) || jumpedTo(code, here-2) {
		return 0, false
	}
	// A function ends with pop, ret; the next begins at a multiple of 16, and
	// between them is an instruction of 8 bytes or more that does nothing.
	for i := 16 - int(from%16); i <= len(code); i += 16 {
		for _, nop := range [][]byte{
			{0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0},
			{0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0},
		} {
			start := i - len(nop)
			if start < 2 || !bytes.Equal(code[start:i], nop) {
				continue
			}
			if pop := code[start-2]; code[start-1] == 0xc3 && pop >= 0x58 && pop <= 0x5f {
				return from + uint64(i-8), true
			}
		}
	}
	return 0, false
}

// jumpedTo tells whether something in the code, which is taken apart at every
// byte, may be a jump to a place.
func jumpedTo(code []byte, to int) bool {
	for i := range code {
		op := code[i]
		short := op >= 0x70 && op <= 0x7f || op == 0xeb || op >= 0xe0 && op <= 0xe3
		if short && i+1 < len(code) && i+2+int(int8(code[i+1])) == to {
			return true
		}
		long := op == 0xe9 || op == 0xe8 || op >= 0x80 && op <= 0x8f && i > 0 && code[i-1] == 0x0f
		if long && i+5 <= len(code) && i+5+int(int32(binary.LittleEndian.Uint32(code[i+1:]))) == to {
			return true
		}
	}
	return false
}
