package verify

import "strings"

// tailSize is how many bytes of a run's output are kept.
const tailSize = 8 << 10

// tail keeps the end of what is written to it.
type tail struct {
	b   []byte
	cut bool // whether b is not all
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - tailSize; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
		t.cut = true
	}
	return len(p), nil
}

// text is what was kept, in whole lines.
func (t *tail) text() string {
	s := string(t.b)
	if t.cut {
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
