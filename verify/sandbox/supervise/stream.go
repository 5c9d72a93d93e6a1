//go:build linux

package supervise

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/verify/world"
)

type digest = [sha256.Size]byte

// program is one run of a program, as randomness has it: the source of its
// random bytes, and of its children's.
//
// A stream depends on the seed, the program that started this one, its own name
// and arguments, and how many of the same that one has started before; not on
// process numbers or the time. So the jobs of a parallel make do not disturb each
// other. What a world may vary is taken out of the arguments before (see
// normal), so that another build path or a later date does not change the
// random bytes as well: a difference would have two causes.
type program struct {
	key    digest
	bytes  *rand.ChaCha8
	forks  uint64
	ran    map[digest]uint64
	parent *program // of a child that has not called execve yet
}

func newProgram(key digest) *program {
	return &program{key: key, bytes: rand.NewChaCha8(key), ran: map[digest]uint64{}}
}

func (p *program) sub(what []byte, n uint64) digest {
	b := append(p.key[:], what...)
	return sha256.Sum256(binary.LittleEndian.AppendUint64(b, n))
}

// fork is the program of a child that has not called execve yet.
func (p *program) fork() *program {
	p.forks++
	child := newProgram(p.sub([]byte("fork"), p.forks))
	child.parent = p
	return child
}

// exec is the program that takes a process's place. What a child of a shell
// becomes counts as the shell's, however many it forks for other ends.
func (p *program) exec(what digest) *program {
	if p.parent != nil {
		p = p.parent
	}
	p.ran[what]++
	return newProgram(p.sub(what[:], p.ran[what]))
}

// fixed is bytes that a program always sees alike, such as AT_RANDOM.
func (p *program) fixed(what string, b []byte) { rand.NewChaCha8(p.sub([]byte(what), 0)).Read(b) }

// identity is a program's name and arguments, as far as they are no matter of
// the world around: in any order, for folders are listed in any.
func (s *supervisor) identity(name string, args []string) digest {
	h := sha256.New()
	put := func(text string) {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(text))))
		h.Write([]byte(text))
	}
	put(s.normal.Replace(name))
	plain := make([]string, len(args))
	for i, a := range args {
		plain[i] = withoutNumbers(s.normal.Replace(a))
	}
	slices.Sort(plain)
	for _, a := range plain {
		put(a)
	}
	return digest(h.Sum(nil))
}

// normal replaces what a world may vary by its name.
func normal(w *world.World) *strings.Replacer {
	var pairs []string
	for _, p := range [][2]string{
		{w.BuildPath, "\x01build_path"},
		{w.Home, "\x01home"},
		{w.Host.Name, "\x01host"},
		{w.Host.Domain, "\x01domain"},
		{w.Kernel.Release, "\x01kernel"},
		{w.User.Name, "\x01user"},
		{w.User.Group, "\x01group"},
	} {
		if len(p[0]) > 1 { // not a mere "/"
			pairs = append(pairs, p[0], p[1])
		}
	}
	return strings.NewReplacer(pairs...)
}

// withoutNumbers replaces each run of digits by one 0: dates, sizes, numbers of
// processors and of users.
func withoutNumbers(s string) string {
	if !strings.ContainsAny(s, "0123456789") {
		return s
	}
	var b strings.Builder
	digits := false
	for i := range len(s) {
		switch c := s[i]; {
		case c < '0' || c > '9':
			b.WriteByte(c)
			digits = false
		case !digits:
			b.WriteByte('0')
			digits = true
		}
	}
	return b.String()
}
