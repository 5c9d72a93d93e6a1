package inside

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kernelLog reads /dev/kmsg from a place on. Its format is in the kernel's
// Documentation/ABI/testing/dev-kmsg. Where there is none, nothing is in it.
type kernelLog struct {
	fd     int
	opened bool
}

// maxRecords bounds what is read at once: more than a kernel's buffer holds.
const maxRecords = 1 << 16

func (l *kernelLog) open() {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		l.fd, l.opened = fd, true
	}
}

// skip goes to the log's end: what comes later is what is read.
func (l *kernelLog) skip() {
	if l.opened {
		_, _ = unix.Seek(l.fd, 0, unix.SEEK_END)
	}
}

// record is one entry of the log.
type record struct {
	level int // of syslog: 3 is an error, 4 a warning
	text  string
}

// read takes the records up to the log's end, and stays before them.
func (l *kernelLog) read() (out []record) {
	if !l.opened {
		return nil
	}
	b := make([]byte, 8<<10) // the kernel's limit of a record: CONSOLE_EXT_LOG_MAX
	for range maxRecords {
		n, err := unix.Read(l.fd, b)
		if err == unix.EPIPE || err == unix.EINTR { // overwritten meanwhile: it goes on with the next
			continue
		}
		if err != nil || n <= 0 {
			break
		}
		if r, ok := parseRecord(string(b[:n])); ok {
			out = append(out, r)
		}
	}
	return out
}

// parseRecord reads "priority,number,microseconds,flags;text".
func parseRecord(s string) (r record, ok bool) {
	head, text, ok := strings.Cut(s, ";")
	if !ok {
		return r, false
	}
	priority, _, _ := strings.Cut(head, ",")
	p, err := strconv.ParseUint(priority, 10, 32)
	if err != nil {
		return r, false
	}
	text, _, _ = strings.Cut(text, "\n") // what follows are properties
	return record{level: int(p & 7), text: text}, true
}

// outOfMemory reports whether the kernel has ended a program for want of memory
// since skip.
func (l *kernelLog) outOfMemory() bool { return killedForMemory(l.read()) }

func killedForMemory(records []record) bool {
	for _, r := range records {
		// mm/oom_kill.c: "Out of memory: Killed process 123 (name)", and the
		// line that comes before it.
		if strings.HasPrefix(r.text, "Out of memory: Killed process") || strings.HasPrefix(r.text, "oom-kill:") || strings.Contains(r.text, " invoked oom-killer:") {
			return true
		}
	}
	return false
}

// complaint is the kernel's last warning or error since skip, in parentheses
// for the end of a message; empty where there is none.
func (l *kernelLog) complaint() string { return lastComplaint(l.read()) }

func lastComplaint(records []record) string {
	for i := len(records) - 1; i >= 0; i-- {
		if r := records[i]; r.level <= 4 && strings.TrimSpace(r.text) != "" {
			return " (the kernel: " + strings.TrimSpace(r.text) + ")"
		}
	}
	return ""
}
