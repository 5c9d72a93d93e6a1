package document

import "fmt"

// Pos is a place in a text. Line and Col count from 1; a column counts
// characters. The zero Pos is that of an option that was not given.
type Pos struct {
	File      string
	Line, Col int
}

// String is file:line:column, without what is not known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error is what is wrong with a text, and where.
type Error struct {
	Pos Pos
	Msg string // one line, without the place
}

func (e *Error) Error() string {
	if at := e.Pos.String(); at != "" {
		return at + ": " + e.Msg
	}
	return e.Msg
}

// ErrorAt is an error of that place.
func ErrorAt(p Pos, format string, args ...any) *Error {
	return &Error{Pos: p, Msg: fmt.Sprintf(format, args...)}
}
