//go:build linux

package supervise

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// How stat is made cheap.
//
// To change a call's result the supervisor would stop a process twice, before
// the call and behind it. The files that a build asks about are mostly old ones,
// of which nothing changes, and what changes in others is arithmetic. So the first
// stop sends the process on a detour: to code that lies in its vDSO, makes the
// call (with the mark that the filter lets pass), and does what files.stat does.
// What needs thought goes to the supervisor after all, by a second stop.
//
// The code uses the stack below the red zone, and no register but those that any
// system call overwrites: the address to return to comes in cx, where the
// processor puts it at each system call.

// nearby is how far the world's times have to be from the machine's for the
// detour to tell them apart without asking what time it is: a build is shorter.
const nearby = 24 * 3600

// detour is where a vDSO has the code, from its beginning.
type detour struct {
	entry [kinds]uint64
	stat  uint64 // behind the system call that asks for the supervisor
	statx uint64
}

// detours tells whether the code can do what files does.
func (f *files) detours() bool {
	if f.skip != 0 || f.clock == nil {
		return false
	}
	away := f.clock.offset.sec
	if f.clock.frozen {
		away = f.clock.at.sec - f.start.sec
	}
	return away >= 2*nearby || away <= -2*nearby
}

// send makes a thread that stands before a call go on at another place, with the
// call's number in ax and the place behind the call in cx.
func (t *thread) send(to uint64) bool {
	r, ok := t.allRegisters()
	if !ok {
		return false
	}
	r.Orig_rax, r.Rax, r.Rcx, r.Rip = ^uint64(0), r.Orig_rax, r.Rip, to
	return t.setRegisters(&r)
}

// detourCode assembles the code, to be laid at any place.
func detourCode(f *files) ([]byte, detour) {
	var d detour
	c := &coder{}
	shared := func(ft fileTimes) (begin int, seen uint64) {
		all := []int{ft.atime, ft.mtime, ft.ctime}
		if ft.btime != 0 {
			// The last is ctime: files.times takes it as it is, if it is asked.
			all = []int{ft.atime, ft.mtime, ft.btime, ft.ctime}
		}
		begin = len(c.b)
		if f.inputs.Mode != world.InputTimesHost {
			c.inputTimes(f, ft, all)
		}
		for _, at := range all {
			c.fileTime(f, ft, at)
		}
		c.land("out")
		c.add(0x31, 0xc0) // xor eax, eax
		c.land("failed")
		c.add(0x41, 0x59)                               // pop r9
		c.add(0x59)                                     // pop rcx
		c.add(0x9d)                                     // popfq
		c.add(0x48, 0x8d, 0xa4, 0x24, redZone, 0, 0, 0) // lea rsp, [rsp+128]
		c.add(0xff, 0xe1)                               // jmp rcx
		c.land("ask")                                   // a clock_gettime that is stopped at
		c.add(0x57)                                     // push rdi
		c.add(0x31, 0xff)                               // xor edi, edi: CLOCK_REALTIME
		c.add(0xb8)                                     // mov eax, …
		c.u32(unix.SYS_CLOCK_GETTIME)                   //
		c.add(0x0f, 0x05)                               // syscall
		seen = uint64(len(c.b))                         //
		c.add(0x5f)                                     // pop rdi
		c.jump(0xe9, "out")                             //
		return begin, seen
	}
	entry := func(k kind, begin int, buffer ...byte) {
		d.entry[k] = uint64(len(c.b))
		c.add(0x48, 0x8d, 0x64, 0x24, 0x80) // lea rsp, [rsp-128]
		c.add(0x9c)                         // pushfq
		c.add(0x51)                         // push rcx
		c.add(0x41, 0x51)                   // push r9
		c.add(0x49, 0xb9)                   // mov r9, …: the mark
		c.u64(magic)
		c.add(0x0f, 0x05)       // syscall
		c.add(0x48, 0x85, 0xc0) // test rax, rax
		c.jump(0x0f85, "failed")
		c.add(buffer...)
		c.add(0xe9) // jmp
		c.u32(int64(begin - len(c.b) - 4))
	}
	stat, seen := shared(statTimes)
	d.stat = seen
	entry(callStat, stat, 0x49, 0x89, 0xf1)       // mov r9, rsi
	entry(callNewfstatat, stat, 0x49, 0x89, 0xd1) // mov r9, rdx
	c.resolve()
	statx, seen := shared(statxTimes)
	d.statx = seen
	entry(callStatx, statx, 0x4d, 0x89, 0xc1) // mov r9, r8
	c.resolve()
	return c.b, d
}

// inputTimes is the first half of files.times: r9 is the buffer; ax, cx and r11
// are free.
func (c *coder) inputTimes(f *files, ft fileTimes, all []int) {
	c.load(ft.ctime)
	c.add(0x49, 0xbb) // mov r11, …
	c.u64(f.start.sec - 1)
	c.add(0x4c, 0x39, 0xd8) // cmp rax, r11
	c.jump(0x0f8d, "made")  // jge
	c.load(ft.mtime)
	if f.inputs.Mode == world.InputTimesShifted {
		c.add(0x49, 0xbb) // mov r11, …
		c.u64(int64(f.inputs.Offset.Seconds()))
		c.add(0x4c, 0x01, 0xd8) // add rax, r11
	}
	c.loadNsec(ft.mtime)
	for _, at := range all {
		if at != ft.mtime {
			c.store(at)
		}
	}
	c.jump(0xe9, "out")
	c.land("made")
}

// fileTime is what files.times does with one time, where that is plain.
func (c *coder) fileTime(f *files, ft fileTimes, at int) {
	c.load(at)
	c.add(0x49, 0xbb) // mov r11, …
	c.u64(f.start.sec - 1)
	c.add(0x4c, 0x39, 0xd8)          // cmp rax, r11
	c.jump(0x0f8c, c.local("old"))   // jl
	c.add(0x49, 0xff, 0xc3)          // inc r11
	c.add(0x4c, 0x39, 0xd8)          // cmp rax, r11
	c.jump(0x0f8c, "ask")            // jl: the second before
	c.jump(0x0f85, c.local("later")) // jne
	c.loadNsec(at)                   // the first second
	c.add(0x81, 0xf9)                // cmp ecx, …
	c.u32(f.start.nsec)              //
	c.jump(0x0f8c, "ask")            // jl
	c.land(c.local("later"))         //
	c.add(0x49, 0x81, 0xc3)          // add r11, …
	c.u32(nearby)                    //
	c.add(0x4c, 0x39, 0xd8)          // cmp rax, r11
	c.jump(0x0f8d, "ask")            // jge
	if f.clock.frozen {
		c.add(0x48, 0xb8) // mov rax, …
		c.u64(f.clock.at.sec)
		c.add(0xb9) // mov ecx, …
		c.u32(f.clock.at.nsec)
	} else {
		c.add(0x49, 0xbb) // mov r11, …
		c.u64(f.clock.offset.sec)
		c.add(0x4c, 0x01, 0xd8) // add rax, r11
		c.loadNsec(at)
		c.add(0x48, 0x81, 0xc1) // add rcx, …
		c.u32(f.clock.offset.nsec)
		c.add(0x48, 0x81, 0xf9) // cmp rcx, 1e9
		c.u32(second)
		c.jump(0x0f8c, c.local("within")) // jl
		c.add(0x48, 0x81, 0xe9)           // sub rcx, 1e9
		c.u32(second)
		c.add(0x48, 0xff, 0xc0) // inc rax
		c.land(c.local("within"))
	}
	c.store(at)
	c.land(c.local("old"))
	c.locals++
}

// coder assembles, with jumps forward and back to marks.
type coder struct {
	b      []byte
	marks  map[string]int
	jumps  map[int]string // the place behind a jump
	locals int
}

func (c *coder) add(code ...byte) { c.b = append(c.b, code...) }
func (c *coder) u32(v int64)      { c.b = binary.LittleEndian.AppendUint32(c.b, uint32(v)) }
func (c *coder) u64(v int64)      { c.b = binary.LittleEndian.AppendUint64(c.b, uint64(v)) }

// load is mov rax, [r9+at], the seconds; loadNsec mov ecx, [r9+at+8]; store
// writes both back.
func (c *coder) load(at int)     { c.add(0x49, 0x8b, 0x41, byte(at)) }
func (c *coder) loadNsec(at int) { c.add(0x41, 0x8b, 0x49, byte(at+8)) }
func (c *coder) store(at int)    { c.add(0x49, 0x89, 0x41, byte(at), 0x41, 0x89, 0x49, byte(at+8)) }

func (c *coder) local(name string) string { return name + string(rune('0'+c.locals)) }

// jump takes an opcode of one byte, or of two.
func (c *coder) jump(op uint16, to string) {
	if op > 0xff {
		c.add(byte(op >> 8))
	}
	c.add(byte(op), 0, 0, 0, 0)
	if c.jumps == nil {
		c.jumps = map[int]string{}
	}
	c.jumps[len(c.b)] = to
}

func (c *coder) land(mark string) {
	if c.marks == nil {
		c.marks = map[string]int{}
	}
	c.marks[mark] = len(c.b)
}

// resolve fills in the jumps since the last call.
func (c *coder) resolve() {
	for behind, to := range c.jumps {
		mark, ok := c.marks[to]
		if !ok {
			panic("detour: no way to " + to)
		}
		binary.LittleEndian.PutUint32(c.b[behind-4:], uint32(mark-behind))
	}
	c.jumps, c.marks = nil, nil
}
