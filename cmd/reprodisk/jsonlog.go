package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
)

// jsonLog writes how far the work is for machines: JSON objects, one a line,
// {"phase": …, "done": …, "total": …}, in bytes; total is 0 where nobody knows.
// There is a line where a phase begins, one where it ends, and one a second
// between them.
type jsonLog struct {
	path string // as the flag says; empty: no log
	f    *os.File
	err  error // the first of a write

	at     jsonPhase // what was told last
	stale  bool      // it is not written yet
	last   time.Time // of a line
	failed func(error)
}

type jsonPhase struct {
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// logInterval is the least time between two lines within a phase.
const logInterval = time.Second

func (l *jsonLog) add(flags *pflag.FlagSet) {
	flags.StringVar(&l.path, "json-log", "", "write how far the work is into `FILE`, as JSON, an object a\nline; - is standard error")
}

// open starts the log. One on standard error takes the place of the terminal's
// line.
func (l *jsonLog) open(a *app) (err error) {
	l.failed = func(err error) { a.warn(fmt.Sprintf("--json-log: %v; it ends here", err)) }
	switch l.path {
	case "":
		return nil
	case "-":
		l.f, a.progress = a.stderr, nil
		return nil
	}
	if l.f, err = os.Create(l.path); err != nil {
		return fmt.Errorf("--json-log: %w", err)
	}
	return nil
}

// tee is a progress that tells the terminal and the log.
func (l *jsonLog) tee(show func(string, int64, int64)) func(string, int64, int64) {
	if l.f == nil {
		return show
	}
	return func(phase string, done, total int64) {
		show(phase, done, total)
		l.show(phase, done, total)
	}
}

func (l *jsonLog) show(phase string, done, total int64) {
	begins := phase != l.at.Phase
	if begins {
		l.flush()
	}
	l.at, l.stale = jsonPhase{phase, done, total}, true
	if begins || time.Since(l.last) >= logInterval {
		l.flush()
	}
}

// flush writes what was told last, unless it stands there already.
func (l *jsonLog) flush() {
	if !l.stale || l.err != nil {
		return
	}
	l.stale, l.last = false, time.Now()
	line, err := json.Marshal(l.at)
	if err == nil {
		_, err = l.f.Write(append(line, '\n'))
	}
	if err != nil {
		l.err = err
		l.failed(err)
	}
}

// close ends the log.
func (l *jsonLog) close() {
	if l.f == nil {
		return
	}
	l.flush()
	if l.path != "-" {
		if err := l.f.Close(); err != nil && l.err == nil {
			l.failed(err)
		}
	}
}
