package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// terminalWidth is the columns of a terminal; 80 of what is none.
func terminalWidth(f *os.File) int {
	if ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && ws.Col > 0 {
		return int(ws.Col)
	}
	return 80
}

// progress says for people how far the work is: on a terminal in one line that
// is written anew, elsewhere in a line now and then. A nil progress is silent.
type progress struct {
	mu       sync.Mutex
	f        *os.File
	terminal bool
	shown    bool
	last     time.Time
	stage    string
	since    time.Time
}

const (
	interval     = 100 * time.Millisecond // between two lines on a terminal
	lineInterval = 10 * time.Second       // between two lines of a stage elsewhere
)

func newProgress(f *os.File) *progress {
	return &progress{f: f, terminal: isTerminal(f)}
}

// show writes the line; a total of 0 means that nobody knows it.
func (p *progress) show(stage string, done, total int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	every := interval
	if !p.terminal {
		every = lineInterval
	}
	if stage == p.stage && now.Sub(p.last) < every {
		return
	}
	if stage != p.stage {
		p.stage, p.since = stage, now
	}
	p.last = now
	line := stage
	switch {
	case total > 0:
		line += fmt.Sprintf(" %d%% of %s", int64(float64(done)/float64(total)*100), amount(float64(total)))
		if d := now.Sub(p.since); d >= time.Second {
			line += fmt.Sprintf(", %s/s", amount(float64(done)/d.Seconds()))
		}
	case now.Sub(p.since) >= time.Second:
		line += fmt.Sprintf(" %ds", int(now.Sub(p.since).Seconds()))
	default:
		line += " …"
	}
	if !p.terminal {
		fmt.Fprintln(p.f, "reprodisk: "+oneLine(line))
		return
	}
	runes := []rune(oneLine(line))
	fmt.Fprintf(p.f, "\r\x1b[K%s", string(runes[:min(len(runes), terminalWidth(p.f)-1)]))
	p.shown = true
}

// amount is a number of bytes as a person reads it in passing.
func amount(bytes float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for ; bytes >= 1000 && i < len(units)-1; i++ {
		bytes /= 1024
	}
	if i == 0 || bytes >= 10 {
		return fmt.Sprintf("%.0f %s", bytes, units[i])
	}
	return fmt.Sprintf("%.1f %s", bytes, units[i])
}

// clear takes the line away, for other output to follow.
func (p *progress) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		io.WriteString(p.f, "\r\x1b[K")
		p.shown, p.stage = false, ""
	}
}

// above is a writer to the terminal that takes the line away first.
type above struct {
	p *progress
	f *os.File
}

func (w above) Write(b []byte) (int, error) {
	w.p.clear()
	return w.f.Write(b)
}
