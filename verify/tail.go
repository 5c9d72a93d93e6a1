package verify

import "strings"

const (
	keptTail  = 64 << 10 // bytes of a run's output that are kept
	shownTail = 8 << 10  // bytes of it that an error shows
)

// tail keeps the end of what is written to it.
type tail struct {
	b       []byte
	dropped int64 // bytes before it
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	// Cut only now and then: each cut moves what is kept.
	if len(t.b) > 2*keptTail {
		t.cut()
	}
	return len(p), nil
}

func (t *tail) cut() {
	if n := len(t.b) - keptTail; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
		t.dropped += int64(n)
	}
}

// text is what was kept, in whole lines.
func (t *tail) text() string { return t.end(keptTail) }

// end is the last lines of at most so many bytes.
func (t *tail) end(most int) string {
	t.cut()
	s, cut := string(t.b), t.dropped > 0
	if n := len(s) - most; n > 0 {
		s, cut = s[n:], true
	}
	if cut {
		if _, rest, ok := strings.Cut(s, "\n"); ok {
			s = rest
		}
	}
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}

// lastLine is the last line that is not blank.
func (t *tail) lastLine() string {
	lines := strings.Split(t.text(), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" {
			return line
		}
	}
	return ""
}
