package inside

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

const (
	// hostLimit is how long the guest waits for a host that does not listen,
	// once; after that it goes on without it, and keeps what fits in backlog.
	hostLimit = time.Minute
	// farewell is how long it waits for it with the last event.
	farewell = time.Minute
	// backlog bounds the events that nobody has read, in bytes.
	backlog = 1 << 20
	// portLimit is how long a port may take to appear after its driver.
	portLimit = 20 * time.Second
	// pause is the time between two looks at something that will change.
	pause = 2 * time.Millisecond
)

// events tells the host, in order, and a person at the console.
type events struct {
	console  io.Writer
	patience time.Duration // with a host that does not listen: hostLimit

	mu      sync.Mutex
	port    int      // descriptor, not blocking; -1: none
	tty     bool     // it is a terminal
	lines   [][]byte // not yet taken by the host, the first perhaps in part
	size    int      // of lines
	unheard bool     // the host did not listen the last time
}

// send tells the host of an event.
func (s *events) send(e job.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.Uptime = uptime()
	if e.Kind != job.Alive && e.Kind != job.Data {
		e.Text = clean(e.Text)
		s.print(strings.TrimSpace(string(e.Kind) + " " + e.Step + ": " + e.Text))
	}
	if s.port < 0 {
		return
	}
	last := e.Kind == job.Failed || e.Kind == job.Done
	if s.unheard && e.Kind != job.Data && (e.Kind == job.Alive || s.size > backlog && !last) {
		s.flush(0)
		return
	}
	line := encode(e)
	s.lines, s.size = append(s.lines, line), s.size+len(line)
	wait := s.patience
	switch {
	case e.Kind == job.Data: // nothing of it may be lost, so that its writer waits, as at a pipe
		wait = math.MaxInt64
	case s.unheard:
		wait = 0
	}
	s.unheard = !s.flush(wait)
}

// drain gives the host a last chance to listen, and a serial line the time to
// send what it has taken.
func (s *events) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := time.Now().Add(farewell)
	s.flush(farewell)
	for s.tty && s.port >= 0 && time.Now().Before(until) {
		if n, err := unix.IoctlGetInt(s.port, unix.TIOCOUTQ); err != nil || n <= 0 {
			break
		}
		time.Sleep(pause)
	}
}

// flush writes what is not written; it reports whether all of it is.
func (s *events) flush(wait time.Duration) bool {
	began := time.Now()
	for s.port >= 0 && len(s.lines) > 0 {
		n, err := unix.Write(s.port, s.lines[0])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN, err == nil && n == 0:
			left := wait - time.Since(began)
			if left <= 0 {
				return false
			}
			p := []unix.PollFd{{Fd: int32(s.port), Events: unix.POLLOUT}}
			_, _ = unix.Poll(p, int(min(left.Milliseconds()+1, 1000)))
			if p[0].Revents&unix.POLLOUT == 0 && p[0].Revents != 0 {
				time.Sleep(pause) // hung up: the host may come back
			}
			continue
		case err != nil: // the port is gone, and with it the host
			s.print("the port of the events: " + err.Error())
			s.port = -1
			return false
		}
		s.lines[0], s.size = s.lines[0][n:], s.size-n
		if len(s.lines[0]) == 0 {
			s.lines = s.lines[1:]
		}
	}
	return true
}

// print writes a line on the console.
func (s *events) print(line string) {
	if s.console != nil {
		fmt.Fprintf(s.console, "reprodisk: %s\n", clean(line))
	}
}

// useConsole makes the console what this process, and whatever it prints when
// it fails, writes to.
func (s *events) useConsole() {
	if null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
		_ = unix.Dup3(null, 0, 0)
		unix.Close(null)
	}
	fd, err := unix.Open("/dev/console", unix.O_WRONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // what the kernel has given stays
	}
	_ = unix.Dup3(fd, 1, 0)
	_ = unix.Dup3(fd, 2, 0)
	unix.Close(fd)
}

// open opens the port: the virtio serial port of the name job.Port, or a
// terminal.
func (s *events) open(sys, dev, tty string) error {
	path := filepath.Join(dev, strings.TrimPrefix(tty, "/dev/"))
	if tty == "" {
		name := ""
		for until := time.Now().Add(portLimit); name == ""; time.Sleep(pause) {
			if name = findPort(sys); name == "" && time.Now().After(until) {
				return fmt.Errorf("there is no virtio serial port %s: the machine has none, or the kernel has no driver for it: give it the module virtio_console", job.Port)
			}
		}
		path = filepath.Join(dev, name)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("the port of the events: %w", patherr.At(path, err))
	}
	if tty != "" {
		if err := rawTerminal(fd); err != nil {
			unix.Close(fd)
			return fmt.Errorf("the port of the events: %s is no terminal: %w", path, err)
		}
	}
	s.mu.Lock()
	s.port, s.tty = fd, tty != ""
	s.mu.Unlock()
	return nil
}

// findPort is the device of the virtio serial port of our name, by sysfs.
func findPort(sys string) string {
	names, _ := filepath.Glob(filepath.Join(sys, "class/virtio-ports/*/name"))
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && strings.TrimSpace(string(b)) == job.Port {
			return filepath.Base(filepath.Dir(n))
		}
	}
	return ""
}

// rawTerminal has a terminal pass bytes as they are.
func rawTerminal(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	// As cfmakeraw(3).
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// encode is an event's line. A text that has no room is cut.
func encode(e job.Event) []byte {
	for {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(&e) // numbers and texts: there is always a line
		if b.Len() <= job.MaxEvent {
			return b.Bytes()
		}
		e.Text, e.Step = e.Text[:len(e.Text)/2], e.Step[:min(len(e.Step), job.MaxEvent/16)]
	}
}

// uptime is the guest's, in seconds.
func uptime() float64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t)
	return float64(t.Nano()/1e6) / 1e3
}
