package fat

import (
	"fmt"
	"io"
)

// FS is an opened FAT filesystem: its geometry, and access to its FAT. It is
// not safe for concurrent use.
type FS struct {
	Geometry
	Boot      []byte   // the boot sector's 512 bytes
	BPB       BPB      // decoded from Boot
	Extended  Extended // likewise; zero where BS_BootSig is not 29
	Size      int64    // bytes that the reader holds, which may be more or less than the filesystem counts
	r         io.ReaderAt
	pages     fatPages
	opened    problems
	truncated bool
}

// Open reads the boot sector of a filesystem of size bytes. The variant is
// decided by the number of clusters, as the specification says. An error is a
// *FormatError where the bytes are no FAT filesystem, else what r said.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	if size < 512 {
		return nil, formatError(0, "%d bytes are too few for a boot sector", size)
	}
	fs := &FS{r: r, Size: size, Boot: make([]byte, 512)}
	if err := fs.readAt(fs.Boot, 0); err != nil {
		return nil, err
	}
	g, err := parseGeometry(fs.Boot, fs.opened.add)
	if err != nil {
		return nil, err
	}
	if g.Reserved >= size {
		return nil, formatError(14, "the reserved sectors end at byte %d, the image at %d: no FAT boot sector", g.Reserved, size)
	}
	// No more clusters than the image holds FAT entries for: a boot sector
	// alone must not make the reader reserve memory for 2^28 clusters.
	if held := (size - g.FATOffset(g.ActiveFAT)) * 8 / int64(g.Variant); int64(g.Clusters)+2 > held {
		if held < 3 {
			return nil, formatError(g.FATOffset(g.ActiveFAT), "the image ends before the FAT does: no FAT filesystem")
		}
		fs.opened.add(19, "%d clusters, but the image ends within the FAT, at entry %d", g.Clusters, held)
		g.Clusters = uint32(held - 2)
	}
	if g.TotalSectors*g.SectorSize > size {
		fs.truncated = true
		fs.opened.add(size, "the image ends here, the filesystem at byte %d", g.TotalSectors*g.SectorSize)
	}
	fs.Geometry = *g
	if g.Variant == FAT32 {
		bs := BootSector32Layout.Decode(fs.Boot)
		fs.BPB, fs.Extended = bs.BPB, bs.Extended
	} else {
		bs := BootSector16Layout.Decode(fs.Boot)
		fs.BPB, fs.Extended = bs.BPB, bs.Extended
	}
	if fs.Extended.BootSig != ExtBootSig {
		fs.Extended = Extended{DrvNum: fs.Extended.DrvNum}
	}
	return fs, nil
}

// readAt fills b from off. What lies behind the image's end reads as zeros.
func (fs *FS) readAt(b []byte, off int64) error {
	n := int64(len(b))
	if off >= fs.Size {
		n = 0
	} else if n > fs.Size-off {
		n = fs.Size - off
	}
	clear(b[n:])
	if n == 0 {
		return nil
	}
	if got, err := fs.r.ReadAt(b[:n], off); int64(got) < n {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("fat: reading %d bytes at byte %d: %w", n, off, err)
	}
	return nil
}

// ReadFSInfo decodes the FSInfo sector. ok is false where the filesystem has
// none or its signatures are wrong.
func (fs *FS) ReadFSInfo() (info FSInfo, ok bool, err error) {
	if fs.FSInfo == 0 {
		return info, false, nil
	}
	b := make([]byte, 512)
	if err := fs.readAt(b, fs.FSInfo); err != nil {
		return info, false, err
	}
	info = FSInfoLayout.Decode(b)
	return info, info.LeadSig == LeadSig && info.StrucSig == StrucSig, nil
}
