package fat

import "fmt"

// FormatError says that bytes are not what the format wants there.
type FormatError struct {
	Offset int64 // bytes from the filesystem's start
	Msg    string
}

func (e *FormatError) Error() string { return fmt.Sprintf("fat: byte %d: %s", e.Offset, e.Msg) }

func formatError(off int64, format string, args ...any) error {
	return &FormatError{off, fmt.Sprintf(format, args...)}
}

// Problem is damage, or an oddity, that did not keep the rest from being read.
type Problem struct {
	Offset int64  // bytes from the filesystem's start
	Text   string // one line, lower case, without the offset
}

func (p Problem) String() string { return fmt.Sprintf("byte %d: %s", p.Offset, p.Text) }

// problems collects at most maxProblems; the last one counts the rest.
type problems struct {
	list []Problem
	more int
}

func (p *problems) add(off int64, format string, args ...any) {
	if len(p.list) >= maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, Problem{off, fmt.Sprintf(format, args...)})
}

func (p *problems) all() []Problem {
	if p.more == 0 {
		return p.list
	}
	return append(p.list[:len(p.list):len(p.list)], Problem{0, fmt.Sprintf("%d more problems", p.more)})
}
