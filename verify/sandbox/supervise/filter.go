//go:build linux

package supervise

import "golang.org/x/sys/unix"

// Places in struct seccomp_data, linux/seccomp.h, on a little-endian machine.
const (
	dataNR   = 0
	dataArch = 4
	dataArgs = 16
)

// low and high are the two halves of an argument: a filter loads 32 bits.
func low(arg int) uint32  { return uint32(dataArgs + 8*arg) }
func high(arg int) uint32 { return low(arg) + 4 }

// maxFilter is BPF_MAXINSNS of linux/bpf_common.h.
const maxFilter = 4096

// bpf assembles a program of classic BPF for seccomp(2). Jumps name marks and
// run forward only, at most 255 instructions.
type bpf struct {
	code  []unix.SockFilter
	marks map[string]int
	jumps []bpfJump
}

type bpfJump struct {
	at      int
	yes, no string // "": the next instruction
}

func (b *bpf) load(offset uint32) {
	b.code = append(b.code, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset})
}

func (b *bpf) and(k uint32) {
	b.code = append(b.code, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: k})
}

func (b *bpf) jump(op uint16, k uint32, yes, no string) {
	b.jumps = append(b.jumps, bpfJump{len(b.code), yes, no})
	b.code = append(b.code, unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: k})
}

func (b *bpf) equal(k uint32, yes, no string)  { b.jump(unix.BPF_JEQ, k, yes, no) }
func (b *bpf) anySet(k uint32, yes, no string) { b.jump(unix.BPF_JSET, k, yes, no) }

func (b *bpf) ret(action uint32) {
	b.code = append(b.code, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action})
}

func (b *bpf) mark(name string) {
	if b.marks == nil {
		b.marks = map[string]int{}
	}
	b.marks[name] = len(b.code)
}

// resolve fills in the jumps since the last call. A mark that is missing, or
// too far away, is a mistake in this package.
func (b *bpf) resolve() {
	distance := func(j bpfJump, name string) uint8 {
		if name == "" {
			return 0
		}
		to, ok := b.marks[name]
		if d := to - j.at - 1; ok && d >= 0 && d <= 255 {
			return uint8(d)
		}
		panic("seccomp filter: no way to " + name)
	}
	for _, j := range b.jumps {
		b.code[j.at].Jt, b.code[j.at].Jf = distance(j, j.yes), distance(j, j.no)
	}
	b.jumps, b.marks = nil, nil
}

// on adds what happens at a system call. The accumulator holds the call's
// number before and, for all other calls, after; the body ends in ret.
func (b *bpf) on(nr int, body func()) {
	b.equal(uint32(nr), "", "next call")
	body()
	b.mark("next call")
	b.resolve()
}

// trace stops the process, and tells the supervisor which call it is.
func (b *bpf) trace(k kind) { b.ret(unix.SECCOMP_RET_TRACE | uint32(k)) }

// traceIfSet stops where the 64-bit argument is not zero.
func (b *bpf) traceIfSet(arg int, k kind) {
	b.load(low(arg))
	b.equal(0, "", "trace")
	b.load(high(arg))
	b.equal(0, "allow", "trace")
	b.endTrace(k)
}

// endTrace ends a body whose tests jump to trace or to allow.
func (b *bpf) endTrace(k kind) {
	b.mark("allow")
	b.ret(unix.SECCOMP_RET_ALLOW)
	b.mark("trace")
	b.trace(k)
}

// fail makes a call fail without stopping.
func (b *bpf) fail(e unix.Errno) { b.ret(unix.SECCOMP_RET_ERRNO | uint32(e)) }
