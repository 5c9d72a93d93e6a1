package stage

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Mode is a change of permissions as rsync's --chmod takes it: clauses between
// commas, each octal ("755", "D755") or symbolic ("u+rwX", "Fgo-w", "Du=rwx", "g=u").
// D and F hold a clause to directories and to everything else.
type Mode []clause

// clause is one step: mode & and | or.
type clause struct {
	and, or    uint32
	dirs, rest bool // only directories, only what is none
	keepX      bool // X: execute only directories and what was executable before

	// copied tells that or is not constant but the bits of one class, which lie
	// at shift, for every class of who: "g=u". keep limits them to the umask.
	copied bool
	op     byte
	shift  uint32
	who    uint32
	keep   uint32
}

// builderUmask takes bits from a clause that does not say whose it sets ("+w").
// rsync takes the umask of its process, which in a Nix build is always this.
const builderUmask = 0o022

// ParseMode reads a mode. The empty text changes nothing.
func ParseMode(text string) (Mode, error) {
	if text == "" {
		return nil, nil
	}
	var m Mode
	for _, part := range strings.Split(text, ",") {
		c, ok := parseClause(part)
		if !ok {
			return nil, fmt.Errorf("mode %q is not one that rsync's --chmod takes; write 755, D755,F644 or u+rwX,go-w", text)
		}
		m = append(m, c)
	}
	return m, nil
}

func parseClause(s string) (c clause, ok bool) {
	var who, whoTop uint32 // 0111-like mask; set-id bits that s means
	i := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case 'D':
			c.dirs = true
			continue
		case 'F':
			c.rest = true
			continue
		case 'u':
			who |= 0o100
			whoTop |= 0o4000
			continue
		case 'g':
			who |= 0o010
			whoTop |= 0o2000
			continue
		case 'o':
			who |= 0o001
			continue
		case 'a':
			who |= 0o111
			whoTop |= 0o6000
			continue
		}
		break
	}
	if c.dirs && c.rest || i == len(s) {
		return c, false
	}
	op := s[i]
	if op >= '0' && op <= '7' && who == 0 {
		var bits uint32
		for ; i < len(s); i++ {
			if s[i] < '0' || s[i] > '7' || bits > tree.PermMask>>3 {
				return c, false
			}
			bits = bits<<3 | uint32(s[i]-'0')
		}
		c.or = bits
		return c, true
	}
	if i+2 == len(s) && strings.IndexByte("ugo", s[i+1]) >= 0 {
		c.copied, c.op, c.who, c.keep = true, op, who, tree.PermMask
		c.shift = map[byte]uint32{'u': 6, 'g': 3, 'o': 0}[s[i+1]]
		if who == 0 {
			c.who, c.keep = 0o111, tree.PermMask&^builderUmask
		}
		return c, op == '+' || op == '-' || op == '='
	}
	var what, top uint32
	for _, b := range []byte(s[i+1:]) {
		switch b {
		case 'r':
			what |= 4
		case 'w':
			what |= 2
		case 'X':
			c.keepX = true
			what |= 1
		case 'x':
			what |= 1
		case 's':
			if whoTop != 0 {
				top |= whoTop
			} else {
				top = 0o4000
			}
		case 't':
			top |= 0o1000
		default:
			return c, false
		}
	}
	bits := who * what
	if who == 0 {
		who = 0o111
		bits = who * what &^ builderUmask
	}
	switch op {
	case '+':
		c.and, c.or = tree.PermMask, bits|top
	case '-':
		c.and = tree.PermMask &^ (bits | top)
	case '=':
		c.and, c.or = tree.PermMask&^(who*7), bits|top
		if top != 0 {
			c.and &^= whoTop
		}
	default:
		return c, false
	}
	return c, true
}

// Apply is the mode after the change. mode holds the type as st_mode does;
// symbolic links keep theirs.
func (m Mode) Apply(mode uint32) uint32 {
	typ, perm := mode&tree.TypeMask, mode&tree.PermMask
	if typ == tree.Symlink {
		return mode
	}
	wasX, dir := perm&0o111 != 0, typ == tree.Directory
	for _, c := range m {
		if c.dirs && !dir || c.rest && dir {
			continue
		}
		if c.copied {
			perm = c.copyBits(perm)
			continue
		}
		or := c.or
		if c.keepX && !wasX && !dir {
			or &^= 0o111
		}
		perm = perm&c.and | or
	}
	return typ | perm
}

// copyBits is a clause such as g=u. With "=" each class that is written loses
// its special bit: setuid, setgid or sticky, as GNU chmod has it.
func (c clause) copyBits(perm uint32) uint32 {
	bits := c.who * (perm >> c.shift & 7) & c.keep
	switch c.op {
	case '+':
		return perm | bits
	case '-':
		return perm &^ bits
	}
	special := c.who&0o100<<5 | c.who&0o010<<7 | c.who&0o001<<9
	return perm&^(c.who*7|special) | bits
}
