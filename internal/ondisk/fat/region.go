package fat

import (
	"context"
	"encoding/binary"
	"sort"
)

// Names of structures, as findings and regions carry them.
const (
	StructBoot        = "boot sector"
	StructFSInfo      = "FSInfo"
	StructThird       = "third boot sector"
	StructBackupBoot  = "backup boot sector"
	StructBackupInfo  = "backup FSInfo"
	StructBackupThird = "backup third boot sector"
	StructReserved    = "reserved sectors"
	StructFAT         = "FAT"                  // the copy that counts
	StructBackupFAT   = "backup FAT"           // the others
	StructFATSlack    = "FAT slack"            // behind the last entry of a copy
	StructRoot        = "root directory"       // the fixed one of FAT12 and FAT16
	StructRootSlack   = "root directory slack" // behind the last slot, up to the sector's end
	StructDirectory   = "directory"
	StructData        = "data"
	StructSlack       = "slack" // behind a file's end, in its clusters
	StructLost        = "lost cluster"
	StructBad         = "bad cluster"
	StructFree        = "free space"
	StructTail        = "tail" // behind the last cluster
)

// Region says what a range of bytes is for.
type Region struct {
	Start, Length int64  // bytes from the filesystem's start
	Structure     string // one of the names above
	Object        uint32 // index of Volume.Files, of what a directory, data or slack region belongs to; else NoObject
	Logical       int64  // offset of Start in the file or directory, or in the copy of the FAT; else 0
}

// End is the offset of the first byte behind the region.
func (r Region) End() int64 { return r.Start + r.Length }

// Regions accounts for every byte from 0 to the image's size: sorted, without
// gap or overlap, no region empty.
func (v *Volume) Regions(ctx context.Context) ([]Region, error) {
	b := regionList{size: v.FS.Size}
	if err := v.reservedRegions(&b); err != nil {
		return nil, err
	}
	v.tableRegions(&b)
	if err := v.clusterRegions(ctx, &b); err != nil {
		return nil, err
	}
	b.add(b.size, StructTail, NoObject, 0)
	return b.list, nil
}

// regionList builds the account from front to back.
type regionList struct {
	list []Region
	end  int64
	size int64
}

// add claims everything from the end of the list up to end. It joins what
// continues the region before.
func (b *regionList) add(end int64, structure string, object uint32, logical int64) {
	end = min(end, b.size)
	if end <= b.end {
		return
	}
	if n := len(b.list); n > 0 {
		last := &b.list[n-1]
		// What belongs to nobody has no logical offset, but a FAT copy: two of
		// those never join.
		anonymous := object == NoObject && structure != StructFAT && structure != StructBackupFAT && structure != StructFATSlack
		if last.Structure == structure && last.Object == object && (anonymous || logical == last.Logical+last.Length) {
			last.Length += end - b.end
			b.end = end
			return
		}
	}
	b.list = append(b.list, Region{b.end, end - b.end, structure, object, logical})
	b.end = end
}

// reservedRegions names the sectors before the first FAT.
func (v *Volume) reservedRegions(b *regionList) error {
	fs := v.FS
	named := map[int64]string{}
	var starts []int64
	claim := func(off int64, name string) {
		if _, taken := named[off]; !taken && off < fs.Reserved {
			named[off] = name
			starts = append(starts, off)
		}
	}
	claim(0, StructBoot)
	if fs.Variant == FAT32 {
		if fs.Backup != 0 {
			claim(fs.Backup, StructBackupBoot)
		}
		if fs.FSInfo != 0 {
			claim(fs.FSInfo, StructFSInfo)
			if fs.Backup != 0 {
				claim(fs.Backup+fs.FSInfo, StructBackupInfo)
			}
		}
		// Windows keeps more of its boot code in a third sector, and a copy of
		// that behind the backup; other systems leave both empty.
		for _, t := range []struct {
			off  int64
			name string
			has  bool
		}{{2 * fs.SectorSize, StructThird, true}, {fs.Backup + 2*fs.SectorSize, StructBackupThird, fs.Backup != 0}} {
			if !t.has || t.off >= fs.Reserved {
				continue
			}
			var sig [2]byte
			if err := fs.readAt(sig[:], t.off+510); err != nil {
				return err
			}
			if binary.LittleEndian.Uint16(sig[:]) == BootSignature {
				claim(t.off, t.name)
			}
		}
	}
	sort.Slice(starts, func(i, j int) bool { return starts[i] < starts[j] })
	for _, off := range starts {
		b.add(off, StructReserved, NoObject, 0)
		b.add(off+512, named[off], NoObject, 0)
	}
	b.add(fs.Reserved, StructReserved, NoObject, 0)
	return nil
}

// tableRegions names the FATs and the fixed root directory.
func (v *Volume) tableRegions(b *regionList) {
	fs := v.FS
	used := fs.usedFAT()
	for n := range fs.NumFATs {
		name := StructBackupFAT
		if n == fs.ActiveFAT {
			name = StructFAT
		}
		start := fs.FATOffset(n)
		b.add(start+used, name, NoObject, 0)
		b.add(start+fs.FATSize, StructFATSlack, NoObject, used)
	}
	if fs.Variant != FAT32 {
		b.add(fs.RootOffset+fs.RootSize, StructRoot, 0, 0)
		b.add(fs.DataOffset, StructRootSlack, NoObject, 0)
	}
	// A fixed root directory that FAT32 does not have, but makes room for.
	b.add(fs.DataOffset, StructReserved, NoObject, 0)
}

// clusterRegions names the clusters: first those of chains, and between them
// what the FAT says.
func (v *Volume) clusterRegions(ctx context.Context, b *regionList) error {
	fs := v.FS
	type run struct {
		Extent
		object uint32
	}
	var runs []run
	for i := range v.Files {
		if i == 0 && fs.Variant != FAT32 {
			continue
		}
		for _, e := range v.Files[i].Extents {
			runs = append(runs, run{e, uint32(i)})
		}
	}
	sort.Slice(runs, func(i, j int) bool { return runs[i].Physical < runs[j].Physical })
	c := uint32(2)
	for k := 0; k <= len(runs); k++ {
		until := fs.Clusters + 2
		if k < len(runs) {
			until, _ = fs.ClusterAt(runs[k].Physical)
		}
		for ; c < until; c++ {
			if c%1024 == 0 {
				next, err := fs.skipFree(c, until)
				if err != nil {
					return err
				}
				if next > c {
					c = next - 1
					b.add(fs.ClusterOffset(c)+fs.ClusterSize, StructFree, NoObject, 0)
					if ctx.Err() != nil {
						return ctx.Err()
					}
					continue
				}
			}
			entry, err := fs.Entry(c)
			if err != nil {
				return err
			}
			name := StructLost
			switch entry {
			case 0:
				name = StructFree
			case fs.Variant.Bad():
				name = StructBad
			}
			b.add(fs.ClusterOffset(c)+fs.ClusterSize, name, NoObject, 0)
			if len(b.list) > maxRegions {
				return formatError(b.end, "more than %d regions", maxRegions)
			}
			if c%(1<<16) == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if k == len(runs) {
			break
		}
		r, f := runs[k], &v.Files[runs[k].object]
		end := r.Physical + r.Length
		name := StructData
		if f.Dir {
			name = StructDirectory
		}
		if !f.Dir && r.Logical+r.Length > f.Size {
			if data := f.Size - r.Logical; data > 0 {
				b.add(r.Physical+data, name, r.object, r.Logical)
			}
			b.add(end, StructSlack, r.object, max(r.Logical, f.Size))
		} else {
			b.add(end, name, r.object, r.Logical)
		}
		c += uint32(r.Length / fs.ClusterSize)
	}
	return nil
}
