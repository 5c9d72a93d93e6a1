package erofs

import (
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// FS is a filesystem that is read. It is not safe for use by several goroutines
// at once.
type FS struct {
	r         io.ReaderAt
	size      int64 // bytes that may be read
	sb        Superblock
	prefixes  []string // long prefixes of attributes' names, whole
	prefixEnd int64    // where they end
	packed    *File    // the inode that holds fragments; nil for none
	entries   int64    // of indexes that may still be read
	small     int64    // bytes of shared attributes and targets that may still be read
	work      int64    // bytes that may still be unpacked
	unpacker  unpacker
}

// Block sizes that the kernel knows, by their binary logarithm.
const (
	minBlockBits = 9
	maxBlockBits = 16
)

// ReadSuperblock reads the superblock of the filesystem in r, and its bytes.
// Nothing in it is checked: it may be one that Open refuses.
func ReadSuperblock(r io.ReaderAt) (Superblock, []byte, error) {
	b := make([]byte, SuperblockLayout.Size())
	if n, err := r.ReadAt(b, SuperOffset); n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Superblock{}, nil, fmt.Errorf("erofs: byte %d: %w", SuperOffset, err)
	}
	return SuperblockLayout.Decode(b), b, nil
}

// Open reads the superblock of the filesystem in the first size bytes of r, and
// what is needed to read all the rest.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	if size < SuperOffset+int64(SuperblockLayout.Size()) {
		return nil, wrong(0, "%d bytes hold no superblock", size)
	}
	sb, _, err := ReadSuperblock(r)
	if err != nil {
		return nil, err
	}
	if err := sb.check(); err != nil {
		return nil, err
	}
	// An index has at least two bytes an entry, and a file's is read a few
	// times: more is only wanted where inodes share their indexes, which is
	// damage.
	fs := &FS{r: r, size: size, sb: sb, entries: 1<<20 + 4*size}
	// The same for what many inodes may refer to, and for extents that are
	// unpacked for the sake of a few bytes.
	fs.small, fs.work = 32<<20+16*size, 1<<30+128*size
	fs.unpacker.padded = sb.FeatureIncompat&FeatureZeroPadding != 0
	if sb.FeatureIncompat&FeatureFragments != 0 && sb.PackedNID != 0 {
		in, err := fs.inode(sb.PackedNID)
		if err != nil {
			return nil, err
		}
		if fs.packed, err = fs.OpenFile(in); err != nil {
			return nil, err
		}
	}
	return fs, fs.readPrefixes()
}

// at is the place in the filesystem of a byte of the superblock's field.
func at(name string) int64 {
	f, _ := SuperblockLayout.Named(name)
	return SuperOffset + int64(f.Offset)
}

func (sb Superblock) check() error {
	switch unknown := sb.FeatureIncompat &^ featuresRead; {
	case sb.Magic != Magic:
		return wrong(at("magic"), "magic is 0x%08x, not 0x%08x", sb.Magic, Magic)
	case sb.BlockBits < minBlockBits || sb.BlockBits > maxBlockBits:
		return wrong(at("blkszbits"), "blocks of 2^%d bytes", sb.BlockBits)
	case unknown != 0:
		return wrong(at("feature_incompat"), "features 0x%x of feature_incompat are not read", unknown)
	case sb.DirBlockBits != 0:
		return wrong(at("dirblkbits"), "directory blocks of several blocks are not read")
	}
	return nil
}

// Superblock is the filesystem's.
func (fs *FS) Superblock() Superblock { return fs.sb }

// BlockSize is in bytes.
func (fs *FS) BlockSize() int64 { return 1 << fs.sb.BlockBits }

// Time is that of the image, which is also that of compact inodes.
func (sb Superblock) Time() tree.Time {
	return tree.Time{Sec: int64(sb.BuildTime), Nsec: sb.BuildTimeNsec}
}

// CompressionNote says what available_compr_algs holds: which algorithms are
// used, or before there were several, LZ4's longest distance.
func (sb Superblock) CompressionNote() string {
	if sb.FeatureIncompat&FeatureConfigs == 0 {
		return "lz4_max_distance"
	}
	var names []string
	for i := range 16 {
		if sb.Compression>>i&1 == 1 {
			names = append(names, AlgorithmName(i))
		}
	}
	return strings.Join(names, " ")
}

// End is where the superblock ends, with its additional slots.
func (sb Superblock) End() int64 {
	return SuperOffset + int64(SuperblockLayout.Size()) + int64(sb.ExtSlots)*extSlot
}

const extSlot = 16 // bytes, EROFS_SB_EXTSLOT_SIZE

// SummedEnd is where the bytes end that the superblock's checksum covers; they
// begin with the superblock.
func (sb Superblock) SummedEnd() int64 {
	bs := int64(1) << sb.BlockBits
	if bs <= SuperOffset {
		return SuperOffset + bs
	}
	return bs
}

// Config is what the superblock says about an algorithm.
type Config struct {
	Algorithm  int
	Start, End int64 // bytes in the filesystem, with the two that tell its length
	Fields     []field.Field
}

// Configs lists the configurations of compression, each with its fields at
// their places from its Start. What cannot be read ends the list.
func (fs *FS) Configs() []Config {
	if fs.sb.FeatureIncompat&FeatureConfigs == 0 {
		return nil
	}
	var out []Config
	off := fs.sb.End()
	for i := range 16 {
		if fs.sb.Compression>>i&1 == 0 {
			continue
		}
		off = (off + 3) &^ 3
		b, err := fs.read(off, 2)
		if err != nil {
			break
		}
		c := Config{Algorithm: i, Start: off, End: off + 2 + int64(le.Uint16(b))}
		if i < len(configFields) {
			for _, f := range configFields[i] {
				f.Offset += 2
				if c.Start+int64(f.End()) <= c.End {
					c.Fields = append(c.Fields, f)
				}
			}
		}
		out = append(out, c)
		off = c.End
	}
	return out
}

// Devices tells where the table of extra devices lies. Its length is 0 where
// there are none.
func (fs *FS) Devices() (start int64, count int) {
	if fs.sb.FeatureIncompat&FeatureDeviceTable == 0 {
		return 0, 0
	}
	return int64(fs.sb.DeviceSlot) * int64(DeviceSlotLayout.Size()), int(fs.sb.ExtraDevices)
}

// FeatureNames lists the names of the features that are set.
func (sb Superblock) FeatureNames() (compat, incompat []string) {
	return bitNames(sb.FeatureCompat, "sb_csum", "mtime", "xattr_filter", "shared_ea_in_metabox", "plain_xattr_pfx"),
		bitNames(sb.FeatureIncompat, "0padding", "compr_cfgs/big_pcluster", "chunked_file", "device_table/compr_head2", "ztailpacking", "fragments/dedupe", "xattr_prefixes", "48bit", "metabox")
}

func bitNames(bits uint32, names ...string) (out []string) {
	for i := range 32 {
		switch {
		case bits>>i&1 == 0:
		case i < len(names):
			out = append(out, names[i])
		default:
			out = append(out, fmt.Sprintf("bit %d", i))
		}
	}
	return out
}
