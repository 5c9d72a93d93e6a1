package fat

import (
	"context"
	"fmt"
	"sort"
)

// scanner reads the tree. Every cluster is claimed once, so that the work is
// bounded by the number of clusters whatever the chains look like.
type scanner struct {
	ctx     context.Context
	fs      *FS
	v       *Volume
	claimed []uint64 // a bit a cluster
	extents int
	steps   int
}

// Scan reads all directories and all chains. It fails only where reading
// fails, the context ends, or a limit is reached; damage is in the volume's
// Problems.
func (fs *FS) Scan(ctx context.Context) (*Volume, error) {
	v := &Volume{FS: fs, LabelAt: -1}
	v.problems.list = append(v.problems.list, fs.opened.list...)
	s := &scanner{ctx: ctx, fs: fs, v: v, claimed: make([]uint64, (uint64(fs.Clusters)+63)/64)}
	root := File{Dir: true, EntryOffset: -1}
	if fs.Variant == FAT32 {
		var err error
		if root.Extents, err = s.claim(fs.RootCluster, 44); err != nil {
			return nil, err
		}
		root.Size = length(root.Extents)
	} else {
		root.Extents = []Extent{{0, fs.RootOffset, fs.RootSize}}
		root.Size = fs.RootSize
	}
	v.Files = append(v.Files, root)
	depth := []uint16{0}
	for i := 0; i < len(v.Files); i++ {
		if !v.Files[i].Dir {
			continue
		}
		if err := s.directory(uint32(i), &depth); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// directory reads the entries of directory i, appends them to the files and
// claims their chains.
func (s *scanner) directory(i uint32, depth *[]uint16) error {
	v := s.v
	dir := v.Files[i]
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if dir.Size > maxDirBytes {
		v.problems.add(dir.EntryOffset, "directory %s has %d bytes, only the first %d are read", v.Path(i), dir.Size, maxDirBytes)
	}
	b, err := s.fs.readDir(&dir)
	if err != nil {
		return err
	}
	slots, entries := parseSlots(b, i == 0)
	s.label(i, &dir, slots)
	if i != 0 {
		s.dots(i, &dir, slots)
	}
	if i != 0 && (*depth)[i] >= maxDepth && len(entries) > 0 {
		v.problems.add(dir.EntryOffset, "directories are nested deeper than %d: what lies below is not read", maxDepth)
		return nil
	}
	if len(v.Files)+len(entries) > maxObjects {
		return formatError(dir.EntryOffset, "more than %d files and directories", maxObjects)
	}
	children := make([]uint32, 0, len(entries))
	for _, e := range entries {
		f := File{
			Name: e.name, Parent: i, Entry: e.DirEntry,
			Dir:         e.Attr&AttrDirectory != 0,
			EntryOffset: dir.offsetOf(int64(e.slot) * SlotSize),
		}
		for k := e.slot - e.longs; k < e.slot; k++ {
			f.LongOffsets = append(f.LongOffsets, dir.offsetOf(int64(k)*SlotSize))
		}
		if e.altered {
			v.problems.add(f.EntryOffset, "the entry's name is no file name, read as %q", e.name)
		}
		if f.Extents, err = s.chain(&f); err != nil {
			return err
		}
		children = append(children, uint32(len(v.Files)))
		v.Files = append(v.Files, f)
		*depth = append(*depth, (*depth)[i]+1)
	}
	sort.SliceStable(children, func(a, b int) bool { return v.Files[children[a]].Name < v.Files[children[b]].Name })
	for k := 1; k < len(children); k++ {
		if f := &v.Files[children[k]]; f.Name == v.Files[children[k-1]].Name {
			v.problems.add(f.EntryOffset, "a second entry with the name %q", f.Name)
		}
	}
	v.Files[i].Children = children
	return nil
}

// chain claims the clusters of a directory entry and sets its size.
func (s *scanner) chain(f *File) ([]Extent, error) {
	p := &s.v.problems
	first := f.Entry.FirstCluster(s.fs.Variant)
	if !f.Dir {
		f.Size = int64(f.Entry.FileSize)
	}
	if first == 0 {
		if f.Dir || f.Size > 0 {
			p.add(f.EntryOffset, "%q has no first cluster", f.Name)
		}
		return nil, nil
	}
	extents, err := s.claim(first, f.EntryOffset)
	if err != nil {
		return nil, err
	}
	have := length(extents)
	if f.Dir {
		f.Size = have
		return extents, nil
	}
	if have < f.Size {
		p.add(f.EntryOffset, "%q has %d bytes, but its chain only %d", f.Name, f.Size, have)
	} else if have-f.Size >= s.fs.ClusterSize {
		p.add(f.EntryOffset, "%q has %d bytes, but a chain of %d", f.Name, f.Size, have)
	}
	return extents, nil
}

// claim follows the chain from cluster first, as far as it leads to clusters
// that nobody has yet. at is the offset of what points at it.
func (s *scanner) claim(first uint32, at int64) ([]Extent, error) {
	fs, p := s.fs, &s.v.problems
	var out []Extent
	var logical int64
	prev := uint32(0)
	for c := first; ; {
		if !fs.HasCluster(c) {
			if prev == 0 {
				p.add(at, "first cluster %d does not exist", c)
			} else {
				off, _ := fs.EntryOffset(prev)
				p.add(fs.FATOffset(fs.ActiveFAT)+off, "FAT entry %d is %#x, within a chain", prev, c)
			}
			return out, nil
		}
		if w, bit := &s.claimed[(c-2)/64], uint64(1)<<((c-2)%64); *w&bit != 0 {
			p.add(at, "cluster %d of the chain from %d belongs to another chain or comes twice", c, first)
			return out, nil
		} else {
			*w |= bit
		}
		if prev != 0 && c == prev+1 {
			out[len(out)-1].Length += fs.ClusterSize
		} else {
			if s.extents++; s.extents > maxExtents {
				return nil, formatError(at, "more than %d fragments", maxExtents)
			}
			out = append(out, Extent{logical, fs.ClusterOffset(c), fs.ClusterSize})
		}
		logical += fs.ClusterSize
		next, err := fs.Entry(c)
		if err != nil {
			return nil, err
		}
		if next >= fs.Variant.EndMin() {
			return out, nil
		}
		prev, c = c, next
		if s.steps++; s.steps%(1<<16) == 0 {
			if err := s.ctx.Err(); err != nil {
				return nil, err
			}
		}
	}
}

// label finds the volume label, which only the root directory may hold.
func (s *scanner) label(i uint32, dir *File, slots []Slot) {
	for k := range slots {
		if slots[k].Kind != SlotLabel {
			continue
		}
		off := dir.offsetOf(int64(k) * SlotSize)
		switch {
		case i != 0:
			s.v.problems.add(off, "a volume label outside the root directory")
		case s.v.LabelAt >= 0:
			s.v.problems.add(off, "a second volume label")
		default:
			e := DirEntryLayout.Decode(slots[k].Raw[:])
			if e.Name[0] == NameKanjiE5 {
				e.Name[0] = NameDeleted
			}
			s.v.Label, s.v.LabelAt = shortPart(e.Name[:], false), off
		}
	}
}

// dots checks the first two entries of a directory other than the root.
func (s *scanner) dots(i uint32, dir *File, slots []Slot) {
	own := dir.Entry.FirstCluster(s.fs.Variant)
	parent := uint32(0) // the root is 0, even on FAT32
	if dir.Parent != 0 {
		parent = s.v.Files[dir.Parent].Entry.FirstCluster(s.fs.Variant)
	}
	if len(dir.Extents) == 0 {
		return
	}
	for k, want := range []struct {
		kind    SlotKind
		name    string
		cluster uint32
	}{{SlotDot, ".", own}, {SlotDotDot, "..", parent}} {
		off := dir.offsetOf(int64(k) * SlotSize)
		if k >= len(slots) || slots[k].Kind != want.kind {
			s.v.problems.add(off, "no %q entry where one must be", want.name)
			continue
		}
		e := DirEntryLayout.Decode(slots[k].Raw[:])
		if got := e.FirstCluster(s.fs.Variant); got != want.cluster {
			s.v.problems.add(off, "%q points at cluster %d, not at %d", want.name, got, want.cluster)
		}
	}
}

func length(extents []Extent) int64 {
	if len(extents) == 0 {
		return 0
	}
	last := extents[len(extents)-1]
	return last.Logical + last.Length
}

// String names the filesystem in one line, for messages.
func (fs *FS) String() string {
	return fmt.Sprintf("%v, %d clusters of %d bytes", fs.Variant, fs.Clusters, fs.ClusterSize)
}
