package mkext4

import (
	"fmt"
	"sort"
)

// run is a range of blocks.
type run struct{ start, count uint64 }

func (r run) end() uint64 { return r.start + r.count }

// layout is a shape with a place for every table.
type layout struct {
	shape
	blockBitmap, inodeBitmap, inodeTable []uint64 // by group
	tables                               []run    // all of the above and the groups' heads, ascending, merged
	free                                 []run    // the rest, ascending
}

// place puts the tables where mke2fs puts them: those of 16 groups together,
// block bitmaps first, then inode bitmaps, then inode tables, in the first
// free blocks of the first of these groups.
func (s shape) place() (layout, error) {
	l := layout{shape: s}
	var used []run // ascending
	for _, g := range s.backups() {
		used = append(used, run{g * s.blocksPerGroup, s.head()})
	}
	for first := uint64(0); first < s.groups; first += groupsPerFlex {
		n := min(groupsPerFlex, s.groups-first)
		end := min((first+n)*s.blocksPerGroup, s.blocks)
		var taken []run
		at := first * s.blocksPerGroup
		take := func(count uint64) (uint64, error) {
			at = skip(used, at, count)
			if at+count > end {
				return 0, fmt.Errorf("ext4: the inode tables of groups %d to %d do not fit into them", first, first+n-1)
			}
			taken = append(taken, run{at, count})
			at += count
			return at - count, nil
		}
		// A flex group of one keeps the places of its 15 missing neighbours free,
		// where there is room for that.
		stride := n
		if n == 1 && skip(used, at, 1)+2*groupsPerFlex+s.tableBlocks <= end {
			stride = groupsPerFlex
		}
		for _, list := range []*[]uint64{&l.blockBitmap, &l.inodeBitmap} {
			for range n {
				b, err := take(1)
				if err != nil {
					return layout{}, err
				}
				*list = append(*list, b)
			}
			at += stride - n
		}
		for range n {
			b, err := take(s.tableBlocks)
			if err != nil {
				return layout{}, err
			}
			l.inodeTable = append(l.inodeTable, b)
		}
		used = merge(append(used, taken...))
	}
	l.tables = used
	at := uint64(0)
	for _, u := range used {
		if u.start > at {
			l.free = append(l.free, run{at, u.start - at})
		}
		at = u.end()
	}
	if at < s.blocks {
		l.free = append(l.free, run{at, s.blocks - at})
	}
	return l, nil
}

// skip is the first place at or after at where count blocks are outside used,
// which is sorted and does not overlap.
func skip(used []run, at, count uint64) uint64 {
	i := sort.Search(len(used), func(i int) bool { return used[i].end() > at })
	for ; i < len(used) && used[i].start < at+count; i++ {
		at = used[i].end()
	}
	return at
}

// merge sorts runs and joins those that touch.
func merge(runs []run) []run {
	sort.Slice(runs, func(i, j int) bool { return runs[i].start < runs[j].start })
	out := runs[:0]
	for _, r := range runs {
		if n := len(out); n > 0 && out[n-1].end() >= r.start {
			out[n-1].count = max(out[n-1].end(), r.end()) - out[n-1].start
			continue
		}
		out = append(out, r)
	}
	return out
}

// groupOf is the group that holds a block.
func (s shape) groupOf(block uint64) uint64 { return block / s.blocksPerGroup }

// groupBlocks is the number of blocks of a group; the last may have fewer.
func (s shape) groupBlocks(group uint64) uint64 {
	return min(s.blocksPerGroup, s.blocks-group*s.blocksPerGroup)
}

// inodeAt is the byte offset of an inode on the volume.
func (l *layout) inodeAt(ino uint32) int64 {
	g, i := uint64(ino-1)/l.inodesPerGroup, uint64(ino-1)%l.inodesPerGroup
	return int64(l.inodeTable[g]*blockSize + i*inodeSize)
}
