package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// progressFlags say where machines read how far the work is: a file
// (--json-log), or a descriptor that the caller has opened (--status-fd).
type progressFlags struct {
	path string // of the log, as the flag says; empty: none
	fd   int    // of the status; negative: none
	logs []*phaseLog
}

func (p *progressFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&p.path, "json-log", "", "write how far the work is into `FILE`, as JSON, an object a\nline; - is standard error")
	flags.IntVar(&p.fd, "status-fd", -1, "write how far the work is to the file descriptor `FD`, as\ndiffoscope does, a JSON object a line")
}

// open starts the logs. One on standard error takes the place of the terminal's
// line.
func (p *progressFlags) open(a *app) error {
	start := func(flag string, f *os.File, every time.Duration, line func(phase) any) *phaseLog {
		l := &phaseLog{f: f, every: every, line: line, begun: time.Now(), close: func() error { return nil }}
		l.failed = func(err error) { a.warn(fmt.Sprintf("%s: %v; it ends here", flag, err)) }
		p.logs = append(p.logs, l)
		return l
	}
	if p.fd >= 0 {
		mode, err := unix.FcntlInt(uintptr(p.fd), unix.F_GETFL, 0)
		if err != nil || mode&unix.O_ACCMODE == unix.O_RDONLY {
			return fmt.Errorf("--status-fd %d: no descriptor of that number is open for writing", p.fd)
		}
		f := a.stderr
		switch p.fd {
		case 1:
			f = a.stdout
		case 2:
			a.progress = nil
		default:
			unix.CloseOnExec(p.fd) // a builder that goes on in the background must not keep it open
			f = os.NewFile(uintptr(p.fd), "status")
		}
		last := start(fmt.Sprintf("--status-fd %d", p.fd), f, interval, statusLine)
		last.close = func() error {
			last.show(phase{Done: 1, Total: 1}) // as diffoscope ends
			return nil
		}
	}
	switch p.path {
	case "":
		return nil
	case "-":
		a.progress = nil
		start("--json-log", a.stderr, logInterval, func(p phase) any { return p })
		return nil
	}
	f, err := os.Create(p.path)
	if err != nil {
		return fmt.Errorf("--json-log: %w", err)
	}
	start("--json-log", f, logInterval, func(p phase) any { return p }).close = f.Close
	return nil
}

// tee is a progress that tells the terminal and the logs.
func (p *progressFlags) tee(show func(string, int64, int64)) func(string, int64, int64) {
	if len(p.logs) == 0 {
		return show
	}
	return func(name string, done, total int64) {
		show(name, done, total)
		for _, l := range p.logs {
			l.show(phase{Phase: name, Done: done, Total: total})
		}
	}
}

// close ends the logs.
func (p *progressFlags) close() {
	for _, l := range p.logs {
		l.flush()
		if err := l.close(); err != nil && l.err == nil {
			l.failed(err)
		}
	}
	p.logs = nil
}

// phase is how far a phase of the work is, in bytes; total is 0 where nobody
// knows.
type phase struct {
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	// Seconds since the log began.
	Seconds float64 `json:"seconds"`
}

// statusLine is a phase as diffoscope tells it to its --status-fd. There the
// total is never 0: what is not known is none of one.
func statusLine(p phase) any {
	if p.Total <= 0 {
		p.Done, p.Total = 0, 1
	}
	return struct {
		Msg     string `json:"msg"`
		Total   int64  `json:"total"`
		Current int64  `json:"current"`
	}{p.Phase, p.Total, p.Done}
}

// logInterval is the least time between two lines of a log within a phase.
const logInterval = time.Second

// phaseLog writes JSON objects, one a line: one where a phase begins, one where
// it ends, and between them one an interval.
type phaseLog struct {
	f     *os.File
	every time.Duration
	line  func(phase) any
	close func() error
	err   error // the first of a write

	begun  time.Time
	at     phase // what was told last
	stale  bool  // it is not written yet
	last   time.Time
	failed func(error)
}

func (l *phaseLog) show(p phase) {
	begins := p.Phase != l.at.Phase || l.last.IsZero()
	if begins {
		l.flush()
	}
	p.Seconds = math.Round(1000*time.Since(l.begun).Seconds()) / 1000
	l.at, l.stale = p, true
	if begins || time.Since(l.last) >= l.every {
		l.flush()
	}
}

// flush writes what was told last, unless it stands there already.
func (l *phaseLog) flush() {
	if !l.stale || l.err != nil {
		return
	}
	l.stale, l.last = false, time.Now()
	b, err := json.Marshal(l.line(l.at))
	if err == nil {
		_, err = l.f.Write(append(b, '\n'))
	}
	if err != nil {
		l.err = err
		l.failed(err)
	}
}
