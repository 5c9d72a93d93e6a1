package treecmp

import (
	"crypto/sha256"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Digest tells long values apart whose beginnings are equal.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return fmt.Sprintf("SHA-256 %x…", sum[:8])
}

// ValueShown is how many bytes of a value are shown.
const ValueShown = 64

// ShowValue renders an extended attribute's value, or its like.
func ShowValue(b []byte) string {
	if len(b) > ValueShown {
		return fmt.Sprintf("%q… (%d bytes, %s)", b[:ValueShown], len(b), Digest(b))
	}
	return fmt.Sprintf("%q", b)
}

// ShowMode renders st_mode as ls -l does.
func ShowMode(m uint32) string {
	types := map[uint32]byte{
		tree.Directory: 'd', tree.Symlink: 'l', tree.Block: 'b', tree.Char: 'c', tree.FIFO: 'p', tree.Socket: 's', tree.Regular: '-',
	}
	t, ok := types[m&tree.TypeMask]
	if !ok {
		t = '?'
	}
	b := []byte{t}
	for i := 8; i >= 0; i-- {
		ch := byte('-')
		if m>>i&1 == 1 {
			ch = "xwr"[i%3]
		}
		b = append(b, ch)
	}
	for i, bit := range []uint32{0o4000, 0o2000, 0o1000} {
		if m&bit == 0 {
			continue
		}
		at := 3 * (i + 1)
		lower, upper := byte('s'), byte('S')
		if bit == 0o1000 {
			lower, upper = 't', 'T'
		}
		if b[at] == 'x' {
			b[at] = lower
		} else {
			b[at] = upper
		}
	}
	return fmt.Sprintf("%s (%04o)", b, m&tree.PermMask)
}
