//go:build linux

package supervise

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const filterWord = 8 // bytes of struct sock_filter

// Prepare makes the calling process ready to become the build: it tells the
// supervisor its number through the second file of a Pair, waits until it is
// traced, and installs the filter that it is sent. It closes the file.
//
// It has to be called on the process's first thread, with the goroutine locked
// to it, and execve has to follow on it; whatever else happens in between is
// stopped at like the build itself. It sets no_new_privs.
func Prepare(conn *os.File) error {
	defer conn.Close()
	if unix.Gettid() != os.Getpid() {
		return errors.New("supervision starts on a process's first thread: lock the main goroutine to it in an init function")
	}
	runtime.LockOSThread()
	fd := int(conn.Fd())
	if _, err := unix.Write(fd, []byte{0}); err != nil {
		return fmt.Errorf("the supervisor is gone: %w", err)
	}
	b := make([]byte, filterWord*maxFilter)
	n, err := readMessage(fd, b)
	if err != nil || n == 0 || n%filterWord != 0 {
		return errors.New("the supervisor is gone")
	}
	code := unsafe.Slice((*unix.SockFilter)(unsafe.Pointer(&b[0])), n/filterWord)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	// Without this flag old kernels slow the whole process down (SSBD).
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0} {
		_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
		runtime.KeepAlive(b)
		if e == 0 {
			return nil
		}
		if err = e; e != unix.EINVAL {
			break
		}
	}
	return fmt.Errorf("the system call filter of the build is refused (seccomp): %w", err)
}

func readMessage(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Read(fd, b)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// message is a filter as Prepare reads it.
func message(code []unix.SockFilter) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&code[0])), filterWord*len(code))
}

// hello waits for the exec stage's word, and returns its number; 0 where it has
// ended before.
func hello(conn *os.File) (int, error) {
	b, oob := make([]byte, 1), make([]byte, 64)
	for {
		n, on, _, _, err := unix.Recvmsg(int(conn.Fd()), b, oob, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || n == 0:
			return 0, nil
		}
		messages, err := unix.ParseSocketControlMessage(oob[:on])
		if err != nil {
			return 0, err
		}
		for i := range messages {
			if c, err := unix.ParseUnixCredentials(&messages[i]); err == nil && c.Pid > 0 {
				return int(c.Pid), nil
			}
		}
		return 0, errors.New("the exec stage does not say its number: its process namespace is not below this one")
	}
}
