package sandbox

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/verify/sandbox/supervise"
	"github.com/reprodisk/reprodisk/verify/world"
)

// execStage is what becomes the build: it sets all that a process hands on over
// execve(2), and says at the gate why it cannot.
func execStage() int {
	var o execOrders
	if err := hear(execOrdersFD, &o); err != nil {
		return 1
	}
	err := o.exec()
	rawWrite(gateFD, []byte(err.Error()))
	return 1
}

// exec returns only with an error.
func (o *execOrders) exec() error {
	if err := setCPUs(o.World.CPUs); err != nil {
		return err
	}
	if err := setPersonality(o.World.ASLR); err != nil {
		return err
	}
	if err := o.setLimits(); err != nil {
		return err
	}
	if o.World.Umask != nil {
		unix.Umask(int(*o.World.Umask & 0o777))
	}
	if o.DropCaps {
		if err := dropCaps(); err != nil {
			return err
		}
	}
	if err := os.Chdir(o.Dir); err != nil {
		return patherr.At(o.Dir, err)
	}
	if !o.Keep {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("sandbox: cannot forbid new privileges: %w", err)
		}
		unix.KeyctlJoinSessionKeyring("") // the caller's keys are none of the build's
	}
	path, err1 := syscall.BytePtrFromString(o.Path)
	argv, err2 := syscall.SlicePtrFromStrings(o.Args)
	envv, err3 := syscall.SlicePtrFromStrings(o.Env)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return fmt.Errorf("sandbox: the command or its environment holds a zero byte")
		}
	}
	if o.Traced {
		if err := supervise.Prepare(os.NewFile(execHelloFD, "supervisor")); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	for s := 1; s < 65; s++ {
		setSignal(s, sigDfl)
	}
	var none unix.Sigset_t
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&none)), 0, 8, 0, 0)
	// From here on nothing may start a thread or a process.
	b := [1]byte{'r'}
	rawWrite(gateFD, b[:])
	if rawRead(gateFD, b[:]) != 1 {
		os.Exit(1) // init is gone
	}
	_, _, e := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])))
	switch e {
	case unix.ENOENT:
		return fmt.Errorf("%s: not found in the sandbox, or the interpreter or loader that it names", o.Path)
	case unix.ENOEXEC:
		return fmt.Errorf("%s: is no program (a script needs a first line like #!/bin/sh)", o.Path)
	}
	return fmt.Errorf("%s: cannot be run: %w", o.Path, e)
}

// setCPUs restricts the build to the first n processors that the caller has.
func setCPUs(n int) error {
	if n <= 0 {
		return nil
	}
	var have, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		return fmt.Errorf("%s: %w", world.NumCPUs, err)
	}
	found := 0
	for i := 0; i < len(have)*64 && found < n; i++ {
		if have.IsSet(i) {
			set.Set(i)
			found++
		}
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("%s: %w", world.NumCPUs, err)
	}
	return nil
}

const addrNoRandomize = 0x0040000 // personality(2)

func setPersonality(a world.ASLR) error {
	if a == world.ASLRHost {
		return nil
	}
	now, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, 0xffffffff, 0, 0)
	if e == 0 {
		want := now | addrNoRandomize
		if a == world.ASLROn {
			want = now &^ addrNoRandomize
		}
		if want == now {
			return nil
		}
		_, _, e = unix.RawSyscall(unix.SYS_PERSONALITY, want, 0, 0)
	}
	if e != 0 {
		return fmt.Errorf("%s: %w", world.ASLRName, e)
	}
	return nil
}

// kept are the capabilities that root has in a sandbox without a user namespace:
// what it needs over files and ids, and nothing over the machine.
var kept = []uintptr{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID,
	unix.CAP_SETUID, unix.CAP_SETPCAP, unix.CAP_SETFCAP, unix.CAP_SYS_CHROOT, unix.CAP_NET_BIND_SERVICE,
}

// dropCaps takes all other capabilities out of reach.
func dropCaps() error {
	var mask uint64
	for _, c := range kept {
		mask |= 1 << c
	}
	for c := uintptr(0); c <= 63; c++ {
		if mask&(1<<c) == 0 {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err == unix.EINVAL {
				break // past the kernel's last
			} else if err != nil && os.Geteuid() == 0 {
				return fmt.Errorf("sandbox: cannot drop capabilities: %w", err)
			}
		}
	}
	if os.Geteuid() != 0 {
		return nil // execve leaves none
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(mask), Permitted: uint32(mask)},
		{Effective: uint32(mask >> 32), Permitted: uint32(mask >> 32)},
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("sandbox: cannot drop capabilities: %w", err)
	}
	return nil
}
