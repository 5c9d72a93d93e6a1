//go:build linux

package supervise

import (
	"encoding/binary"
	"slices"
)

// newPatch assembles what takes the place of the vDSO's functions: into the
// largest of those that are overwritten goes the code, into the others a jump
// there. It fails where the functions are not there, or too small.
func newPatch(image []byte, ct controls, fs *files) (*patch, bool) {
	all := functions(image)
	out := slices.Clone(image)
	p := &patch{}
	if ct.random {
		if f, ok := all["__vdso_getrandom"]; ok { // Linux 6.11
			code := []byte{0x48, 0xc7, 0xc0, 0xda, 0xff, 0xff, 0xff, 0xc3} // mov rax, -ENOSYS; ret
			if f.size < uint64(len(code)) {
				return nil, false
			}
			copy(out[f.offset:], code)
		}
	}
	if ct.clock {
		names := []string{"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time"}
		var room function
		for _, name := range names {
			f, ok := all[name]
			if !ok || f.size < 5 {
				return nil, false
			}
			if f.size > room.size {
				room = f
			}
		}
		// The room's own function begins with a jump too, and behind it the code
		// is laid out from a multiple of eight on.
		start := (room.offset + 5 + 7) &^ 7
		code := clockCode(*fs.clock)
		if start+uint64(len(code.bytes)) > room.offset+room.size {
			return nil, false
		}
		copy(out[start:], code.bytes)
		for i, name := range names {
			f := all[name]
			out[f.offset] = 0xe9 // jmp rel32
			binary.LittleEndian.PutUint32(out[f.offset+1:], uint32(start+uint64(code.entry[i])-f.offset-5))
		}
		p.mark, p.clockCall = start, start+uint64(code.called)
	}
	if ct.stats() && fs.detours() {
		// At the end of the image there is mostly a good part of a page left.
		code, d := detourCode(fs)
		if start := tail(image); start+uint64(len(code)) <= uint64(len(image)) {
			copy(out[start:], code)
			for k := range d.entry {
				if d.entry[k] != 0 {
					d.entry[k] += start
				}
			}
			d.stat, d.statx = d.stat+start, d.statx+start
			p.detour = d
			p.stubs, p.size = (start+uint64(len(code))+15)&^15, uint64(len(image))
		}
	}
	p.pieces = difference(image, out)
	return p, true
}

// clockFunctions is code that may be laid at any multiple of eight: first the
// mark, then three functions.
type clockFunctions struct {
	bytes  []byte
	entry  [3]int // clock_gettime, gettimeofday, time
	called int    // behind the system call
}

// clockCode is clock_gettime as "system call, then add the offset" (or "then
// write the frozen time"), and gettimeofday and time in terms of it. All follow
// the C calling convention: ax, cx, dx, si, di, r8 to r11 are free.
func clockCode(c clock) clockFunctions {
	le := binary.LittleEndian
	var f clockFunctions
	b := make([]byte, 8) // the mark
	le.PutUint64(b, magic)
	add := func(code ...byte) { b = append(b, code...) }
	u32 := func(v int64) { b = le.AppendUint32(b, uint32(v)) }
	u64 := func(v int64) { b = le.AppendUint64(b, uint64(v)) }
	// Short jumps forward: short remembers one, land fills those in.
	short := func(op byte) int { add(op, 0); return len(b) }
	land := func(jumps ...int) {
		for _, j := range jumps {
			b[j-1] = byte(len(b) - j)
		}
	}
	const jumpIfEqual, jumpUnlessEqual, jumpIfBelow = 0x74, 0x75, 0x72

	f.entry[0] = len(b)
	add(0x4c, 0x8b, 0x0d) // mov r9, [rip+…]: the mark
	u32(int64(-len(b) - 4))
	add(0xb8) // mov eax, 228: clock_gettime
	u32(228)
	add(0x0f, 0x05) // syscall
	f.called = len(b)
	add(0x85, 0xc0) // test eax, eax
	failed := short(jumpUnlessEqual)
	add(0x85, 0xff) // test edi, edi: CLOCK_REALTIME
	dates := []int{short(jumpIfEqual)}
	for _, clock := range []byte{clockRealtimeCoarse, clockRealtimeAlarm, clockTAI} {
		add(0x83, 0xff, clock) // cmp edi, …
		dates = append(dates, short(jumpIfEqual))
	}
	land(failed)
	add(0xc3) // ret
	land(dates...)
	add(0x48, 0xb9) // mov rcx, …
	if c.frozen {
		u64(c.at.sec)
		add(0x48, 0x89, 0x0e)       // mov [rsi], rcx
		add(0x48, 0xc7, 0x46, 0x08) // mov qword [rsi+8], …
		u32(c.at.nsec)
	} else {
		u64(c.offset.sec)
		add(0x48, 0x01, 0x0e)       // add [rsi], rcx
		add(0x48, 0x8b, 0x4e, 0x08) // mov rcx, [rsi+8]
		add(0x48, 0x81, 0xc1)       // add rcx, …
		u32(c.offset.nsec)
		add(0x48, 0x81, 0xf9) // cmp rcx, 1e9
		u32(second)
		within := short(jumpIfBelow)
		add(0x48, 0x81, 0xe9) // sub rcx, 1e9
		u32(second)
		add(0x48, 0xff, 0x06) // inc qword [rsi]
		land(within)
		add(0x48, 0x89, 0x4e, 0x08) // mov [rsi+8], rcx
	}
	add(0x31, 0xc0, 0xc3) // xor eax, eax; ret

	// now leaves the seconds and nanoseconds on the stack, below the saved rdi.
	now := func() {
		add(0x57)                   // push rdi
		add(0x48, 0x83, 0xec, 0x10) // sub rsp, 16
		add(0x48, 0x89, 0xe6)       // mov rsi, rsp
		add(0x31, 0xff)             // xor edi, edi: CLOCK_REALTIME
		add(0xe8)                   // call clock_gettime
		u32(int64(f.entry[0] - len(b) - 4))
	}
	f.entry[1] = len(b)
	add(0x48, 0x85, 0xf6) // test rsi, rsi: the time zone, obsolete
	noZone := short(jumpIfEqual)
	add(0x48, 0xc7, 0x06) // mov qword [rsi], 0
	u32(0)
	land(noZone)
	add(0x48, 0x85, 0xff) // test rdi, rdi
	noTime := short(jumpIfEqual)
	now()
	add(0x48, 0x8b, 0x0c, 0x24)       // mov rcx, [rsp]
	add(0x48, 0x8b, 0x44, 0x24, 0x08) // mov rax, [rsp+8]
	add(0x48, 0x83, 0xc4, 0x10)       // add rsp, 16
	add(0x5f)                         // pop rdi
	add(0x48, 0x89, 0x0f)             // mov [rdi], rcx
	add(0x31, 0xd2)                   // xor edx, edx
	add(0xb9)                         // mov ecx, 1000
	u32(1000)
	add(0xf7, 0xf1)             // div ecx
	add(0x48, 0x89, 0x47, 0x08) // mov [rdi+8], rax
	land(noTime)
	add(0x31, 0xc0, 0xc3) // xor eax, eax; ret

	f.entry[2] = len(b)
	now()
	add(0x48, 0x8b, 0x04, 0x24) // mov rax, [rsp]
	add(0x48, 0x83, 0xc4, 0x10) // add rsp, 16
	add(0x5f)                   // pop rdi
	add(0x48, 0x85, 0xff)       // test rdi, rdi
	nowhere := short(jumpIfEqual)
	add(0x48, 0x89, 0x07) // mov [rdi], rax
	land(nowhere)
	add(0xc3) // ret
	f.bytes = b
	return f
}
