package ext4

import (
	"fmt"
	"strconv"
)

// Problem is something wrong on disk. It is an error where it stops what was
// asked for, and an item of a list where the rest could be read.
type Problem struct {
	Offset int64  // bytes from the volume's start, of the structure that is wrong
	Text   string // what is wrong, naming the structure
}

func (p *Problem) Error() string { return fmt.Sprintf("ext4: byte %d: %s", p.Offset, p.Text) }

func problemf(off int64, format string, args ...any) *Problem {
	return &Problem{Offset: off, Text: fmt.Sprintf(format, args...)}
}

// maxProblems is how many problems a list keeps; a damaged volume can have
// one for every few bytes.
const maxProblems = 1000

// problems collects problems up to the limit.
type problems struct {
	list []*Problem
	more int
}

func (p *problems) add(off int64, format string, args ...any) {
	if len(p.list) >= maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, problemf(off, format, args...))
}

func (p *problems) done() []*Problem {
	if p.more > 0 {
		p.list = append(p.list, problemf(0, "%d more problems of the same kinds", p.more))
		p.more = 0
	}
	return p.list
}

func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
