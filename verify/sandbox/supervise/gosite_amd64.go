//go:build linux

package supervise

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"
)

// How stat stops no more in Go programs.
//
// They make most system calls from one place, internal/runtime/syscall.Syscall6,
// and have several threads at any time but before the first instruction. So that
// is when the moves before the system call are overwritten by a jump to the vDSO,
// where they are made, and the stat family goes on the detour. All other calls go
// back to the instruction itself, which the kernel may begin anew after a signal.

// goMoves are the instructions before: the registers of Go's calls become those
// of the kernel's. Then come syscall, and a comparison with -4095.
var goMoves = []byte{
	0x49, 0x89, 0xf2, // mov r10, rsi
	0x48, 0x89, 0xfa, // mov rdx, rdi
	0x48, 0x89, 0xce, // mov rsi, rcx
	0x48, 0x89, 0xdf, // mov rdi, rbx
}

var goCall = append(append([]byte{}, goMoves...), 0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff)

// goPlace is where a program has them, and a gap, from its beginning on; zero
// where it is no Go program or has none.
type goPlace struct{ moves, slot uint64 }

type fileKey struct {
	dev, ino uint64
	size     int64
	mtime    unix.Timespec
}

// Of elf(5), and of the auxiliary vector.
const (
	phdrSize = 56
	ptLoad   = 1
	ptNote   = 4
	ptPHDR   = 6
	pfX      = 1
	maxPHDRs = 64
	maxText  = 256 << 20 // bytes of a program that are looked through
)

// shortenGo overwrites the place in a Go program that stands before its first
// instruction.
func (s *supervisor) shortenGo(t *thread, phdr, phnum uint64) {
	p := t.proc
	if s.patch == nil || p.vdso == 0 || s.patch.stubs == 0 || s.asking(askTime) || phnum > maxPHDRs {
		return
	}
	headers := make([]byte, phnum*phdrSize)
	var st unix.Stat_t
	if !t.read(phdr, headers) || unix.Stat("/proc/"+strconv.Itoa(t.tid)+"/exe", &st) != nil {
		return
	}
	key := fileKey{st.Dev, st.Ino, st.Size, st.Mtim}
	le := binary.LittleEndian
	var bias uint64
	for h := headers; len(h) > 0; h = h[phdrSize:] {
		if le.Uint32(h) == ptPHDR {
			bias = phdr - le.Uint64(h[16:])
		}
	}
	place, known := s.goPlaces[key]
	if !known {
		place = t.findGo(headers, bias)
		if s.goPlaces == nil {
			s.goPlaces = map[fileKey]goPlace{}
		}
		s.goPlaces[key] = place
	}
	stub := s.patch.stubs + uint64(p.stubs)*siteStub
	const length = 3 * siteStub
	if place.moves == 0 || stub+length > s.patch.size {
		return
	}
	stub += p.vdso
	moves, slot := place.moves+bias, place.slot+bias
	code := s.goCode(stub, moves+uint64(len(goMoves)), p.vdso)
	var there [12]byte
	if len(code) > length || !t.read(moves, there[:]) || !bytes.Equal(there[:], goMoves) {
		return
	}
	p.stubs += 3
	jump := le.AppendUint32([]byte{0xff, 0x25}, uint32(slot-moves-6)) // jmp [rip+…]
	if t.overwriteCode(stub, code) && t.overwriteCode(slot, le.AppendUint64(nil, stub)) {
		t.overwriteCode(moves, jump)
	}
}

// goCode makes the moves, and sends some calls on the detour.
func (s *supervisor) goCode(at, call, vdso uint64) []byte {
	c := &coder{}
	c.add(goMoves...)
	for _, to := range []struct {
		nr   int64
		kind kind
	}{
		{unix.SYS_NEWFSTATAT, callNewfstatat},
		{unix.SYS_FSTAT, callStat},
	} {
		c.add(0x3d) // cmp eax, …
		c.u32(to.nr)
		other := strconv.Itoa(int(to.nr))
		c.jump(0x0f85, other) // jne
		c.add(0x48, 0xb9)     // mov rcx, …
		c.u64(int64(call + 2))
		c.add(0xe9) // jmp
		c.u32(int64(vdso+s.patch.detour.entry[to.kind]) - int64(at) - int64(len(c.b)) - 4)
		c.land(other)
	}
	c.add(0x49, 0xbb) // mov r11, …
	c.u64(int64(call))
	c.add(0x41, 0xff, 0xe3) // jmp r11
	c.resolve()
	return c.b
}

// findGo looks through a program's code, if Go's linker has left its note.
func (t *thread) findGo(headers []byte, bias uint64) goPlace {
	le := binary.LittleEndian
	isGo := false
	for h := headers; len(h) > 0; h = h[phdrSize:] {
		var note [16]byte // lengths of name and text, type, name
		if le.Uint32(h) == ptNote && t.read(bias+le.Uint64(h[16:]), note[:]) && string(note[12:]) == "Go\x00\x00" {
			isGo = true
		}
	}
	for h := headers; isGo && len(h) > 0; h = h[phdrSize:] {
		if le.Uint32(h) != ptLoad || le.Uint32(h[4:])&pfX == 0 {
			continue
		}
		from, size := le.Uint64(h[16:]), min(le.Uint64(h[40:]), maxText)
		const piece = 1 << 20
		b := make([]byte, piece+64)
		for done := uint64(0); done < size; done += piece {
			code := b[:t.readSome(bias+from+done, b[:min(piece+64, size-done)])]
			i := bytes.Index(code, goCall)
			if i < 0 {
				continue
			}
			// Between functions lie traps, which nobody runs into.
			for k := 8 - int((from+done)%8); k+16 <= len(code); k += 8 {
				if bytes.Equal(code[k-1:k+9], bytes.Repeat([]byte{0xcc}, 10)) {
					return goPlace{from + done + uint64(i), from + done + uint64(k)}
				}
			}
		}
	}
	return goPlace{}
}
