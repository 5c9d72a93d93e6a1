//go:build linux

package supervise

import "golang.org/x/sys/unix"

const x32Bit = 0x4000_0000 // __X32_SYSCALL_BIT of asm/unistd.h

// Not in the oldest headers.
const (
	sysFutexWaitv = 449
	sysFutexWait  = 455
)

// filter assembles the program that decides at which calls a build stops.
func filter(c controls) []unix.SockFilter {
	b := &bpf{}
	b.load(dataArch)
	b.equal(unix.AUDIT_ARCH_X86_64, "ours", "")
	b.ret(unix.SECCOMP_RET_TRAP | refusedMark) // refused, with the program's name
	b.mark("ours")
	b.load(dataNR)
	b.equal(0xffff_ffff, "number", "") // system call -1 does not exist, in no interface
	b.anySet(x32Bit, "", "number")
	b.ret(unix.SECCOMP_RET_TRAP | refusedMark)
	b.mark("number")
	b.resolve()

	always := func(k kind, numbers ...int) {
		for _, nr := range numbers {
			b.on(nr, func() { b.trace(k) })
		}
	}
	always(callPtrace, unix.SYS_PTRACE)
	if c.clock {
		clockRules(b)
	}
	if c.stats() {
		for _, nr := range []int{unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_FSTAT} {
			unmarked(b, nr, callStat)
		}
		unmarked(b, unix.SYS_NEWFSTATAT, callNewfstatat)
		unmarked(b, unix.SYS_STATX, callStatx)
	}
	if c.random || c.watch {
		always(callGetrandom, unix.SYS_GETRANDOM)
	}
	if c.opens() {
		openRules(b)
	}
	if c.dents() || c.watch {
		always(callGetdents64, unix.SYS_GETDENTS64)
		always(callGetdents, unix.SYS_GETDENTS)
	}
	if c.dents() {
		always(callMount, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOVE_MOUNT)
	}
	if c.uname || c.watch {
		always(callUname, unix.SYS_UNAME)
	}
	if c.memory || c.watch {
		always(callSysinfo, unix.SYS_SYSINFO)
	}
	if c.watch {
		always(callAskPID, unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID, unix.SYS_GETPGRP, unix.SYS_GETPGID, unix.SYS_GETSID)
		always(callAskCPUs, unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETCPU)
	}
	if c.clock || c.random || c.inodes || c.inputTimes || c.watch {
		b.on(unix.SYS_IO_URING_SETUP, func() { b.fail(unix.ENOSYS) })
	}
	b.ret(unix.SECCOMP_RET_ALLOW)
	return b.code
}

// unmarked stops at a call that does not carry the mark.
func unmarked(b *bpf, nr int, k kind) {
	b.on(nr, func() {
		b.load(low(5))
		b.equal(magic&0xffff_ffff, "", "trace")
		b.load(high(5))
		b.equal(magic>>32, "allow", "trace")
		b.endTrace(k)
	})
}

func clockRules(b *bpf) {
	dates := func() { // the accumulator is a clock's number
		for _, clock := range []uint32{clockRealtime, clockRealtimeCoarse, clockRealtimeAlarm, clockTAI} {
			b.equal(clock, "trace", "")
		}
	}
	b.on(unix.SYS_CLOCK_GETTIME, func() {
		b.load(low(5))
		b.equal(magic&0xffff_ffff, "", "clock")
		b.load(high(5))
		b.equal(magic>>32, "allow", "")
		b.mark("clock")
		b.load(low(0))
		dates()
		b.endTrace(callClockGettime)
	})
	b.on(unix.SYS_GETTIMEOFDAY, func() { b.trace(callGettimeofday) })
	b.on(unix.SYS_TIME, func() { b.trace(callTime) })
	for _, nr := range []int{unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME} {
		b.on(nr, func() { b.fail(unix.EPERM) })
	}
	b.on(unix.SYS_FUTEX, func() {
		b.load(low(3)) // the time limit, a pointer
		b.equal(0, "", "limited")
		b.load(high(3))
		b.equal(0, "allow", "limited")
		b.mark("limited")
		b.load(low(1))
		b.anySet(futexClockRealtime, "trace", "")
		b.and(futexCmdMask)
		b.equal(futexLockPI, "trace", "") // always by the clock, futex(2)
		b.endTrace(callFutex)
	})
	b.on(sysFutexWaitv, func() {
		b.load(low(4))
		b.equal(clockRealtime, "", "allow")
		b.traceIfSet(3, callFutexWaitv)
	})
	b.on(sysFutexWait, func() {
		b.load(low(5))
		b.equal(clockRealtime, "", "allow")
		b.traceIfSet(4, callFutexWait)
	})
	b.on(unix.SYS_CLOCK_NANOSLEEP, func() {
		b.load(low(1))
		b.anySet(timerAbstime, "", "allow")
		b.load(low(0))
		dates()
		b.endTrace(callClockNanosleep)
	})
	b.on(unix.SYS_TIMER_CREATE, func() {
		b.load(low(0))
		dates()
		b.endTrace(callTimerCreate)
	})
	absolute := func(nr int, k kind) {
		b.on(nr, func() {
			b.load(low(1))
			b.anySet(timerAbstime, "trace", "")
			b.endTrace(k)
		})
	}
	absolute(unix.SYS_TIMER_SETTIME, callTimerSettime)
	absolute(unix.SYS_TIMERFD_SETTIME, callTimerfdSettime)
	for _, nr := range []int{unix.SYS_MQ_TIMEDSEND, unix.SYS_MQ_TIMEDRECEIVE} {
		b.on(nr, func() { b.traceIfSet(4, callMQTimed) })
	}
}

// openRules lets pass what cannot be the reading of a device: making a file,
// opening a folder, a descriptor that only names a place.
func openRules(b *bpf) {
	const other = unix.O_DIRECTORY | unix.O_CREAT | unix.O_PATH
	open := func(nr, flags int, k kind) {
		b.on(nr, func() {
			b.load(low(flags))
			b.anySet(other, "allow", "")
			b.and(unix.O_ACCMODE)
			b.equal(unix.O_WRONLY, "allow", "trace")
			b.endTrace(k)
		})
	}
	open(unix.SYS_OPEN, 1, callOpen)
	open(unix.SYS_OPENAT, 2, callOpenat)
	b.on(unix.SYS_OPENAT2, func() { b.trace(callOpenat2) })
}
