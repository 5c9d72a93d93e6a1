package ext4

import (
	"encoding/binary"
	"strconv"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// LogKind is what a block of the journal is.
type LogKind uint8

// Kinds.
const (
	LogUnused     LogKind = iota // no transaction that can be read claims it
	LogDescriptor                // lists the copies behind it
	LogCopy                      // of a block of the filesystem
	LogRevoke                    // lists blocks whose earlier copies are void
	LogCommit
	LogSuper // a superblock of the journal
)

// LogBlock is what a block of the journal is.
type LogBlock struct {
	Kind     LogKind
	Escaped  bool   // of a copy: its first four bytes were the journal's magic number, and are zero here
	Sequence uint32 // of the transaction; that of the descriptor for a copy
	Target   uint64 // of a copy: the block of the filesystem
}

// maxLogBlocks is the longest journal that is followed: mke2fs makes them of
// 10,240,000 blocks at most.
const maxLogBlocks = 10_240_000

// Log is what the blocks of a journal are, whether they wait to be replayed or
// are left over from what was long written.
type Log struct {
	blocks map[uint64]LogBlock
}

// At is what the n-th block of the journal is.
func (l *Log) At(n uint64) LogBlock {
	if l == nil {
		return LogBlock{}
	}
	return l.blocks[n]
}

// JournalTags tells how the tags of a journal's descriptor blocks are stored.
type JournalTags struct {
	v2, v3, wide bool
}

// TagsOf is how a journal with that superblock stores its tags.
func TagsOf(s JournalSuperblock) JournalTags {
	if s.Header.Blocktype != JournalSuperblockV2 { // the first version has no features
		return JournalTags{}
	}
	return JournalTags{
		v2: s.FeatureIncompat&JournalIncompatCsumV2 != 0, v3: s.FeatureIncompat&JournalIncompatCsumV3 != 0,
		wide: s.FeatureIncompat&JournalIncompat64bit != 0,
	}
}

// size is the room that a tag takes without its UUID, in bytes. With checksums
// of the second version a tag has two bytes more than it has fields: an
// oversight of the kernel's which became the format.
func (t JournalTags) size() int {
	if t.v3 {
		return JournalTag3Layout.Size()
	}
	n := 8
	if t.wide {
		n = 12
	}
	if t.v2 {
		n += 2
	}
	return n
}

func (t JournalTags) tailed() bool { return t.v2 || t.v3 }

// logTag is a tag in a descriptor block.
type logTag struct {
	off    int // bytes from the block's start
	uuid   bool
	flags  uint32
	target uint64
}

// each calls visit for every tag of a descriptor block.
func (t JournalTags) each(b []byte, visit func(logTag)) {
	end := len(b)
	if t.tailed() {
		end -= JournalBlockTailLayout.Size()
	}
	for at := JournalHeaderLayout.Size(); at+t.size() <= end; {
		g := logTag{off: at, target: uint64(binary.BigEndian.Uint32(b[at:]))}
		if t.v3 {
			g.flags = binary.BigEndian.Uint32(b[at+4:])
		} else {
			g.flags = uint32(binary.BigEndian.Uint16(b[at+6:]))
		}
		if t.wide {
			g.target |= uint64(binary.BigEndian.Uint32(b[at+8:])) << 32
		}
		at += t.size()
		if g.flags&JournalTagSameUUID == 0 {
			if at+16 > end {
				return
			}
			g.uuid = true
			at += 16
		}
		visit(g)
		if g.flags&JournalTagLast != 0 {
			return
		}
	}
}

// ReadLog finds out what each block of a journal of n blocks is. read fills
// its argument, a block, with the n-th of them; what it cannot read counts as
// unused.
func ReadLog(s JournalSuperblock, blockSize int, n uint64, read func(block uint64, b []byte) error) *Log {
	l := &Log{blocks: map[uint64]LogBlock{}}
	n = min(n, maxLogBlocks)
	first := uint64(s.First)
	if first == 0 || first >= n {
		first = 1
	}
	end := n
	if m := uint64(s.Maxlen); m > first && m < n {
		end = m
	}
	var pending []logTag // copies that the last descriptor block promises
	var sequence uint32
	tags := TagsOf(s)
	b := make([]byte, blockSize)
	step := func(i uint64) {
		if read(i, b) != nil {
			pending = nil
			return
		}
		h := JournalHeaderLayout.Decode(b)
		if h.Magic != JournalMagic {
			if len(pending) > 0 {
				g := pending[0]
				pending = pending[1:]
				l.blocks[i] = LogBlock{Kind: LogCopy, Sequence: sequence, Target: g.target, Escaped: g.flags&JournalTagEscape != 0}
			}
			return
		}
		// A copy never starts with the magic number: what older descriptors
		// promised was written over.
		pending, sequence = nil, h.Sequence
		k := LogBlock{Sequence: h.Sequence}
		switch h.Blocktype {
		case JournalDescriptorBlock:
			k.Kind = LogDescriptor
			tags.each(b, func(g logTag) { pending = append(pending, g) })
		case JournalCommitBlock:
			k.Kind = LogCommit
		case JournalRevokeBlock:
			k.Kind = LogRevoke
		case JournalSuperblockV1, JournalSuperblockV2:
			k.Kind = LogSuper
		}
		l.blocks[i] = k
	}
	for i := first; i < end; i++ {
		step(i)
	}
	for i := first; i < end && len(pending) > 0; i++ { // the log goes on at its front
		step(i)
	}
	return l
}

// JournalLog reads the log of the volume's own journal. It is nil where there
// is none.
func (fs *FS) JournalLog() (*Log, error) {
	s, runs, err := fs.journalSuper()
	if err != nil || runs == nil {
		return nil, err
	}
	last := runs[len(runs)-1]
	i := 0
	return ReadLog(s, int(fs.blockSize), last.Logical+last.Blocks, func(n uint64, b []byte) error {
		if n < runs[i].Logical {
			i = 0
		}
		for i < len(runs)-1 && n >= runs[i].Logical+runs[i].Blocks {
			i++
		}
		r := runs[i]
		if n < r.Logical || n >= r.Logical+r.Blocks {
			return problemf(0, "block %d of the journal is a hole", n)
		}
		return fs.readAt(b, int64(r.Physical+n-r.Logical)*fs.blockSize)
	}), nil
}

// journalSuper reads the journal's superblock and where the journal lies; runs
// is nil where there is no journal in the volume.
func (fs *FS) journalSuper() (s JournalSuperblock, runs []Run, err error) {
	if !fs.sb.HasCompat(CompatHasJournal) || fs.sb.JournalInum == 0 {
		return s, nil, nil
	}
	d, err := fs.Inode(fs.sb.JournalInum)
	if err != nil {
		return s, nil, err
	}
	runs = fs.Map(d).Runs
	if len(runs) == 0 || runs[0].Logical != 0 {
		return s, nil, nil
	}
	raw := make([]byte, JournalSuperblockSize)
	if err := fs.readAt(raw, int64(runs[0].Physical)*fs.blockSize); err != nil {
		return s, nil, err
	}
	return JournalSuperblockLayout.Decode(raw), runs, nil
}

// journalTags is how the volume's journal stores its tags.
func (fs *FS) journalTags() JournalTags {
	fs.tagsOnce.Do(func() {
		if s, _, err := fs.journalSuper(); err == nil {
			fs.tags = TagsOf(s)
		}
	})
	return fs.tags
}

// parts names the fields of a descriptor block behind its header.
func (t JournalTags) parts(dst []Part, b []byte) []Part {
	i := 0
	t.each(b, func(g logTag) {
		of := strconv.Itoa(i)
		i++
		switch {
		case t.v3:
			dst = layoutParts(dst, JournalTag3Layout.Fields(), g.off, of)
		case t.wide:
			dst = layoutParts(dst, JournalTagLayout.Fields(), g.off, of)
		default:
			dst = layoutParts(dst, JournalTagLayout.Fields()[:3], g.off, of)
		}
		if g.uuid {
			dst = append(dst, part("t_uuid", g.off+t.size(), 16, field.UUID, of))
		}
	})
	if t.tailed() {
		dst = layoutParts(dst, JournalBlockTailLayout.Fields(), len(b)-JournalBlockTailLayout.Size(), "")
	}
	return dst
}
