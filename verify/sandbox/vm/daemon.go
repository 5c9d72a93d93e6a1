package vm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/child"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// farewell is how long a daemon may take to end when its machine is gone.
const farewell = 2 * time.Second

// daemon is a virtiofsd that serves one machine. It ends with its connection,
// and with this program.
type daemon struct {
	*child.Process
	name string
	said bytes.Buffer // may be read when it has ended
}

// startDaemon starts a daemon in a mount namespace where all is read-only, and
// connects with it.
func startDaemon(program string, args []string) (*daemon, *os.File, error) {
	conn, listener, err := connected()
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	d := &daemon{name: program}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{stageName, program, "--fd=3"}, args...)
	cmd.ExtraFiles = []*os.File{listener}
	cmd.Stdout, cmd.Stderr = &cappedWriter{to: &d.said}, &cappedWriter{to: &d.said}
	cmd.Dir, cmd.WaitDelay = "/", 10*time.Second
	if mayMount() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	}
	if d.Process, err = child.Start(cmd); err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("cannot start %s: %w", program, patherr.Bare(err))
	}
	return d, conn, nil
}

// end waits for the daemon's end, and makes it where that takes too long. The
// machine is gone by then, and with it what the daemon waits for.
func (d *daemon) end() {
	select {
	case <-d.Ended:
		return
	case <-time.After(farewell):
	}
	d.Kill()
	<-d.Ended
}

// failure waits for its end and says why it ended; empty where it was fine.
func (d *daemon) failure() string {
	<-d.Ended
	if d.Killed || d.State == nil || d.State.Success() {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(d.said.String()), "\n")
	why := d.State.String()
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		why += ": " + last
	}
	return fmt.Sprintf("the virtual machine lost this host's files: %s ended (%s)", d.name, why)
}

// connected makes a connection and the socket at which the daemon, which wants
// to accept it, will find it. The socket's name lies for a moment in a folder
// that nobody else may enter.
func connected() (conn, listener *os.File, err error) {
	dir, err := os.MkdirTemp("", "reprodisk-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder for a socket: %w", err)
	}
	defer os.RemoveAll(dir)
	folder, err := os.Open(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket: %w", err)
	}
	defer folder.Close()
	at := &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/s", folder.Fd())} // whatever the length of its path
	var fds [2]*os.File
	for i := range fds {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			fds[i] = os.NewFile(uintptr(fd), "share")
			if i == 0 {
				if err = unix.Bind(fd, at); err == nil {
					err = unix.Listen(fd, 1)
				}
			} else {
				err = unix.Connect(fd, at)
			}
		}
		if err != nil {
			fds[0].Close()
			fds[1].Close() // of none, an error
			return nil, nil, fmt.Errorf("make a socket: %w", err)
		}
	}
	return fds[1], fds[0], nil
}

// maxSaid bounds what is kept of what a daemon says, in bytes.
const maxSaid = 16 << 10

// cappedWriter keeps the beginning.
type cappedWriter struct{ to *bytes.Buffer }

func (w *cappedWriter) Write(b []byte) (int, error) {
	w.to.Write(b[:min(len(b), max(0, maxSaid-w.to.Len()))])
	return len(b), nil
}
