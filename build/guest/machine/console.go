package machine

import (
	"bytes"
	"io"
	"regexp"
	"sync/atomic"
)

// panicked is what a Linux kernel says when it panics, kernel/panic.c, in a line
// of its own: what programs of the guest say has other words before it.
var panicked = regexp.MustCompile(`(?m)^(?:\[[^]\n]*\] ?)*Kernel panic - not syncing: ([^\r\n]*)`)

// console is what the machine's console said. Fields that are not atomic may
// be read when it has ended.
type console struct {
	moved chan struct{} // has an element where something came since the last look
	panic atomic.Bool   // a kernel said that it panicked
	ended chan struct{}
	tail  tail
	err   error // of the caller's writer
}

func newConsole() *console {
	return &console{moved: make(chan struct{}, 1), ended: make(chan struct{})}
}

// read reads the console to its end, whatever the caller's writer does.
func (c *console) read(from io.Reader, to io.Writer) {
	defer close(c.ended)
	b := make([]byte, 8<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if c.err == nil {
				_, c.err = to.Write(b[:n])
			}
			_, _ = c.tail.Write(b[:n])
			if bytes.Contains(c.tail.b, []byte("Kernel panic - ")) && panicked.Match(c.tail.b) {
				c.panic.Store(true)
			}
			select {
			case c.moved <- struct{}{}:
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

// why is the kernel's reason for its panic, and what was said before it; empty
// where there was none. What follows are registers.
func (c *console) why() (reason string, before tail) {
	m := panicked.FindSubmatchIndex(c.tail.b)
	if m == nil {
		return "", c.tail
	}
	line := bytes.LastIndexByte(c.tail.b[:m[0]], '\n') + 1
	return "kernel panic: " + cut(clean(string(c.tail.b[m[2]:m[3]]))), tail{c.tail.b[:line]}
}

// outOfMemory tells whether the kernel said that it had no memory left,
// mm/oom_kill.c.
func (c *console) outOfMemory() bool {
	return bytes.Contains(c.tail.b, []byte("Out of memory")) || bytes.Contains(c.tail.b, []byte("deadlocked on memory"))
}
