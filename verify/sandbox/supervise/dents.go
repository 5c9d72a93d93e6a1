//go:build linux

package supervise

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/verify/world"
)

// entry is one name in a folder, as getdents64(2) has it.
type entry struct {
	ino  uint64
	next uint64 // d_off
	kind uint8  // d_type
	name string
}

// Byte offsets in struct linux_dirent64; the older struct linux_dirent has no
// type there, its name begins one byte earlier and the type is the last byte.
const (
	direntIno    = 0
	direntOff    = 8
	direntLen    = 16
	direntType   = 18
	direntName   = 19
	direntOldest = 18 // the name of a struct linux_dirent
)

// parseDents takes a buffer of getdents64, or of the older getdents, apart.
func parseDents(b []byte, old bool) ([]entry, bool) {
	var es []entry
	for len(b) > 0 {
		if len(b) < direntName {
			return nil, false
		}
		size := int(binary.LittleEndian.Uint16(b[direntLen:]))
		if size <= direntName || size > len(b) {
			return nil, false
		}
		e := entry{ino: binary.LittleEndian.Uint64(b[direntIno:]), next: binary.LittleEndian.Uint64(b[direntOff:])}
		name := b[direntName:size]
		e.kind = b[direntType]
		if old {
			name, e.kind = b[direntOldest:size-1], b[size-1]
		}
		end := bytes.IndexByte(name, 0)
		if end < 0 {
			return nil, false
		}
		e.name = string(name[:end])
		es = append(es, e)
		b = b[size:]
	}
	return es, true
}

// direntSize is the length of an entry in a buffer: whole words.
func direntSize(name string, old bool) int {
	n := direntName + len(name) + 1
	if old {
		n = direntOldest + len(name) + 2
	}
	return (n + 7) &^ 7
}

func appendDent(b []byte, e entry, old bool) []byte {
	at, size := len(b), direntSize(e.name, old)
	b = append(b, make([]byte, size)...)
	d := b[at:]
	binary.LittleEndian.PutUint64(d[direntIno:], e.ino)
	binary.LittleEndian.PutUint64(d[direntOff:], e.next)
	binary.LittleEndian.PutUint16(d[direntLen:], uint16(size))
	if old {
		copy(d[direntOldest:], e.name)
		d[size-1] = e.kind
	} else {
		d[direntType] = e.kind
		copy(d[direntName:], e.name)
	}
	return b
}

// reorder puts the entries of a folder, or of a part of one, into an order that
// depends on their names alone.
func reorder(es []entry, o world.Ordering) {
	slices.SortStableFunc(es, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	switch o.Mode {
	case world.OrderReversed:
		slices.Reverse(es)
	case world.OrderShuffled:
		h := sha256.New()
		h.Write([]byte(o.Seed))
		for _, e := range es {
			h.Write([]byte{0})
			h.Write([]byte(e.name))
		}
		rand.New(rand.NewChaCha8(digest(h.Sum(nil)))).Shuffle(len(es), func(i, j int) { es[i], es[j] = es[j], es[i] })
	}
}

// rewriteDents changes a buffer that the kernel has filled: the order within it,
// and the inode numbers. The positions stay where they are, so that a program
// which goes back to one goes on behind the same number of entries. It fails on
// a buffer that is no folder's.
func rewriteDents(b []byte, old bool, o world.Ordering, skip uint64) ([]byte, bool) {
	es, ok := parseDents(b, old)
	if !ok {
		return nil, false
	}
	positions := make([]uint64, len(es))
	for i := range es {
		positions[i] = es[i].next
		es[i].ino += skip
	}
	if o.Mode != world.OrderHost {
		reorder(es, o)
	}
	out := make([]byte, 0, len(b))
	for i, e := range es {
		e.next = positions[i]
		out = appendDent(out, e, old)
	}
	if len(out) > len(b) {
		return nil, false
	}
	return out, true
}
