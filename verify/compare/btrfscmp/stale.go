package btrfscmp

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// mkfs.btrfs makes a small filesystem first and changes it several times until
// it is the one that was asked for. What it has written before is still there,
// in free space and in the slack of nodes and arrays, with the same identifiers
// and times. So what is left over mostly follows from what is in use.

// known is a value that both sides have in use, each its own.
type known struct {
	a, b    []byte
	finding *ledger.Finding
}

const (
	idLength   = 16 // bytes of a UUID
	timeLength = 12 // bytes of a btrfs_timespec
	longest    = btrfs.KeySize
	// sameRun is how many seconds apart times may be that one run of mkfs.btrfs
	// has drawn, or has read from its source.
	sameRun = 60
	// maxTries is how many bytes are looked at in this way, which costs more
	// than comparing them.
	maxTries = 1 << 18
)

// learn collects the values to look for.
func (c *comparison) learn() {
	add := func(f *ledger.Finding, a, b [idLength]byte) {
		if f != nil && a != b && a != [idLength]byte{} && b != [idLength]byte{} {
			c.known = append(c.known, known{a[:], b[:], f})
		}
	}
	x, y := c.a.sb, c.b.sb
	add(c.superOf("fsid"), x.FSID, y.FSID)
	add(c.superOf("metadata_uuid"), x.MetadataUUID, y.MetadataUUID)
	add(c.superOf("dev_item.uuid"), x.DevItem.UUID, y.DevItem.UUID)
	if c.whole != nil {
		return
	}
	a, errA := c.a.fs.Node(x.ChunkRoot)
	b, errB := c.b.fs.Node(y.ChunkRoot)
	if errA == nil && errB == nil {
		add(c.Has(nodeHeader, "chunk_tree_uuid", ""), a.ChunkTreeUUID, b.ChunkTreeUUID)
	}
	uuid := c.Has(rootTree, "root_item.uuid", "")
	for _, t := range c.a.fs.Trees() {
		if u := c.b.fs.Tree(t.ID); uuid != nil && u != nil && len(c.known) < 64 {
			a, b := t.Item.UUID, u.Item.UUID
			add(uuid, a, b)
			if a != b {
				c.known = append(c.known, known{uuidKey(a), uuidKey(b), uuid})
			}
		}
	}
}

// uuidKey is the key that the uuid tree has a subvolume under.
func uuidKey(id [idLength]byte) []byte {
	k := btrfs.Key{ObjectID: binary.LittleEndian.Uint64(id[:8]), Type: btrfs.UUIDKeySubvol, Offset: binary.LittleEndian.Uint64(id[8:])}
	return btrfs.KeyLayout.Encode(&k)
}

// window is a part of a side, read ahead.
type window struct {
	at int64
	b  []byte
}

const windowSize = 64 << 10

// bytes are n bytes at off, of which what is not there is zero.
func (w *window) bytes(r io.ReaderAt, off int64, n int) []byte {
	if off < w.at || off+int64(n) > w.at+int64(len(w.b)) {
		if w.b == nil {
			w.b = make([]byte, windowSize)
		}
		w.at = max(off-windowSize/4, 0)
		got, _ := r.ReadAt(w.b, w.at)
		clear(w.b[got:])
	}
	if off < w.at || off+int64(n) > w.at+windowSize {
		return make([]byte, n)
	}
	return w.b[off-w.at:][:n]
}

// residue answers for a byte of what is in no use on either side.
func (c *comparison) residue(structure string, a, b region, off int64, o ledger.Owned) ledger.Owned {
	if end, ok := c.formerNode(a, b, off); ok {
		probe := &ledger.Finding{Key: ledger.Key{Field: "placement"}}
		if causes := c.causes(probe); len(causes) > 0 {
			return ledger.Owned{Finding: c.Consequence(structure, "content", causes...), Start: o.Start, End: min(end, o.End)}
		}
	}
	o.Finding = c.Has(structure, "content", "")
	if (len(c.known) > 0 || len(c.clocks) > 0) && c.tries < maxTries {
		c.tries++
		if start, end, from := c.stale(a, b, off); from != nil {
			return ledger.Owned{Finding: c.Consequence(structure, "content", from...), Start: max(start, o.Start), End: min(end, o.End)}
		}
		o.Start, o.End = off, off+1
	}
	if o.Finding == nil {
		o.Finding = c.Enter(structure, "content", "", treecmp.About{Cause: report.Residue, Remedy: treecmp.FreshBlocks})
	}
	return o
}

// formerNode tells whether a byte lies where one of the sides had a node once,
// and where that ends. Which nodes there were depends on all that decides which
// there are.
func (c *comparison) formerNode(a, b region, off int64) (end int64, ok bool) {
	if len(c.decide) == 0 && c.superOf("generation") == nil || a.what == superblock {
		return 0, false
	}
	if a.what == node || b.what == node {
		return math.MaxInt64, true // in the slack of one
	}
	end = math.MaxInt64
	for i, s := range []*side{c.a, c.b} {
		size := int64(s.sb.NodeSize)
		start := off - off%size
		head := btrfs.HeaderLayout.Decode(c.windows[i].bytes(s.R, start, btrfs.HeaderSize))
		end = min(end, start+size)
		ok = ok || head.Level <= btrfs.MaxLevel && (head.FSID == s.sb.FSID || head.FSID == s.sb.MetadataUUID && head.FSID != [16]byte{})
	}
	return end, ok
}

// stale looks whether a byte is of a value that is in use elsewhere, or of the
// checksum of a node with such a value.
func (c *comparison) stale(a, b region, off int64) (start, end int64, from []*ledger.Finding) {
	base := max(off-longest+1, 0)
	n := int(off-base) + longest
	x := bytes.Clone(c.windows[0].bytes(c.Sides.A.R, base, n))
	y := c.windows[1].bytes(c.Sides.B.R, base, n)
	if f, at, length := c.match(x, y, int(off-base)); f != nil {
		return base + int64(at), base + int64(at+length), []*ledger.Finding{f}
	}
	if idle := func(r region) bool { return r.what == free || r.what == unallocated }; !idle(a) || !idle(b) {
		return 0, 0, nil
	}
	sum := int64(btrfs.CsumLength(c.a.sb.CsumType))
	if start = off - off%int64(c.a.sb.SectorSize); off >= start+sum || c.a.sb.NodeSize != c.b.sb.NodeSize || c.a.sb.CsumType != c.b.sb.CsumType {
		return 0, 0, nil
	}
	size := int(c.a.sb.NodeSize)
	x = c.windows[0].bytes(c.Sides.A.R, start, size)
	y = c.windows[1].bytes(c.Sides.B.R, start, size)
	if !btrfs.Sealed(c.a.sb.CsumType, x) || !btrfs.Sealed(c.b.sb.CsumType, y) {
		return 0, 0, nil
	}
	for at := btrfs.CsumSize; at < size; at++ {
		if x[at] == y[at] {
			continue
		}
		f, first, length := c.match(x, y, at)
		if f == nil {
			return 0, 0, nil // something else differs too
		}
		from = append(from, f)
		at = first + length - 1
	}
	return start, start + sum, from
}

// match finds the known value that has its byte at of x and y, and where in
// them it is.
func (c *comparison) match(x, y []byte, at int) (f *ledger.Finding, start, length int) {
	for _, k := range c.known {
		n := len(k.a)
		for start := max(at-n+1, 0); start <= at && start+n <= len(x); start++ {
			if bytes.Equal(x[start:start+n], k.a) && bytes.Equal(y[start:start+n], k.b) {
				return k.finding, start, n
			}
		}
	}
	for start := max(at-timeLength+1, 0); start <= at && start+timeLength <= len(x); start++ {
		// Where something else was written over the end of a time, the lower
		// half of its seconds tells enough.
		length := 4
		if a, b := x[start+4:start+8], y[start+4:start+8]; bytes.Equal(a, []byte{0, 0, 0, 0}) && bytes.Equal(a, b) {
			length = timeLength
		}
		a, b := int64(binary.LittleEndian.Uint32(x[start:])), int64(binary.LittleEndian.Uint32(y[start:]))
		for _, k := range c.clocks {
			if at < start+length && k.has(a, b) {
				return k.finding, start, length
			}
		}
	}
	return nil, 0, 0
}

// clock is a finding of times, and between which seconds they are.
type clock struct {
	a, b    [2]int64
	finding *ledger.Finding
}

func (k clock) has(a, b int64) bool {
	return a >= k.a[0] && a <= k.a[1] && b >= k.b[0] && b <= k.b[1]
}

// drawnClock is the finding of the times that mkfs.btrfs has drawn, and between
// which seconds others are of the same runs.
func (c *comparison) drawnClock() (k clock, ok bool) {
	if len(c.drawn) == 0 || c.fields[c.drawn[0]] == nil {
		return k, false
	}
	v := c.fields[c.drawn[0]]
	return clock{[2]int64{v.secA - sameRun, v.secA + sameRun}, [2]int64{v.secB - sameRun, v.secB + sameRun}, c.drawn[0]}, true
}

// shownTimes reads back a time, or two, as a finding shows them.
func shownTimes(s string) (span [2]int64, whole, ok bool) {
	from, to, two := strings.Cut(s, " … ")
	if !two {
		to = from
	}
	a, errA := time.Parse(time.RFC3339Nano, from)
	b, errB := time.Parse(time.RFC3339Nano, to)
	return [2]int64{a.Unix(), b.Unix()}, a.Nanosecond() == 0 && b.Nanosecond() == 0, errA == nil && errB == nil
}

// settleTimes makes the times that mkfs.btrfs has drawn while it ran one finding
// with its consequences.
func (c *comparison) settleTimes() {
	// The kernel sets a subvolume's time of change with every transaction.
	if ctime, transid := c.Has(rootTree, "root_item.ctime", ""), c.Has(rootTree, "root_item.ctransid", ""); ctime != nil && transid != nil && c.fields[transid].count >= c.fields[ctime].count {
		ctime.Follows(transid)
		c.drawn = slices.DeleteFunc(c.drawn, func(f *ledger.Finding) bool { return f == ctime })
	}
	drawn, ok := c.drawnClock()
	if ok {
		for _, f := range c.drawn[1:] {
			if v := c.fields[f]; v != nil && drawn.has(v.secA, v.secB) {
				f.Follows(drawn.finding)
			}
		}
		c.clocks = append(c.clocks, drawn)
	}
	for _, f := range c.Roots {
		if f.Structure != inode || f.Cause != report.Time {
			continue
		}
		a, wholeA, okA := shownTimes(f.A)
		b, wholeB, okB := shownTimes(f.B)
		if !okA || !okB {
			continue
		}
		// Those of a source's files have parts of a second.
		if ok && wholeA && wholeB && a[0] == a[1] && b[0] == b[1] && drawn.has(a[0], b[0]) {
			f.Follows(drawn.finding)
		}
		c.clocks = append(c.clocks, clock{[2]int64{a[0] - sameRun, a[1] + sameRun}, [2]int64{b[0] - sameRun, b[1] + sameRun}, f})
	}
}
