package supervise

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// missing tells what this machine lacks for any supervision, or "".
func missing() string {
	if !supported {
		return "supervising processes is written for amd64, not for " + runtime.GOARCH
	}
	if v, old := kernelBefore(5, 3); old { // PTRACE_GET_SYSCALL_INFO
		return "supervising processes needs Linux 5.3 or later, this is " + v
	}
	action := uint32(unix.SECCOMP_RET_TRACE)
	if _, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action))); e != 0 {
		return "the kernel has no system call filters (CONFIG_SECCOMP_FILTER)"
	}
	if b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && strings.TrimSpace(string(b)) == "3" {
		return "kernel.yama.ptrace_scope is 3: no process may trace another until the next boot"
	}
	return ""
}

func kernelBefore(major, minor int) (string, bool) {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "", false
	}
	release := unix.ByteSliceToString(u.Release[:])
	a, rest, _ := strings.Cut(release, ".")
	b, _, _ := strings.Cut(rest, ".")
	b, _, _ = strings.Cut(b, "-")
	x, err1 := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	return release, err1 == nil && err2 == nil && (x < major || x == major && y < minor)
}
