package mkfat

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Options say how the filesystem is to be.
type Options struct {
	Size              int64       // bytes; what is left behind the last whole track stays unused, as with mkfs.vfat
	Type              fat.Variant // 0: FAT32 from 512 MiB on, else FAT12 or FAT16 as the cluster count asks
	SectorSize        int         // 512 (where 0), 1024, 2048 or 4096
	SectorsPerCluster int         // a power of two to 128; 0: as mkfs.vfat chooses
	VolumeID          uint32      // BS_VolID, the serial number
	Label             string      // at most 11 upper-case characters; empty for none
	Epoch             tree.Time   // of the label's entry; times outside 1980 to 2107 become the nearest inside
	OEMName           string      // BS_OEMName, at most 8 ASCII characters; "mkfs.fat" where empty
	HiddenSectors     uint32      // BPB_HiddSec: the LBA at which the partition starts
	BootCode          []byte      // BS_BootCode, at most 448 bytes, of FAT32 420; a halt loop where nil

	// Progress, where not nil, is told how many bytes of files' content are
	// written, and of how many, again and again.
	Progress func(done, total int64)
}

// Info is what was written.
type Info struct {
	fat.Geometry
	FreeClusters uint32
	Files        int // regular files
	Directories  int // with the root
}

// SpaceError says that a tree does not fit.
type SpaceError struct {
	Missing int64  // bytes by which the filesystem is too small, at its cluster size
	Text    string // what does not fit
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("fat: %s: %d bytes are missing", e.Text, e.Missing)
}

func (o *Options) setDefaults() error {
	if o.SectorSize == 0 {
		o.SectorSize = 512
	}
	if o.BootCode == nil {
		o.BootCode = haltLoop
	}
	if o.OEMName == "" {
		o.OEMName = "mkfs.fat"
	}
	switch {
	case o.SectorSize < 512 || o.SectorSize > 4096 || bits.OnesCount(uint(o.SectorSize)) != 1:
		return fmt.Errorf("fat: a sector size of %d bytes: it must be 512, 1024, 2048 or 4096", o.SectorSize)
	case o.SectorsPerCluster < 0 || o.SectorsPerCluster > 128 || bits.OnesCount(uint(o.SectorsPerCluster)) > 1:
		return fmt.Errorf("fat: %d sectors per cluster: it must be a power of two up to 128", o.SectorsPerCluster)
	case o.Type != 0 && o.Type != fat.FAT12 && o.Type != fat.FAT16 && o.Type != fat.FAT32:
		return fmt.Errorf("fat: there is no FAT%d, only FAT12, FAT16 and FAT32", int(o.Type))
	case len(o.BootCode) > 448 || o.Type == fat.FAT32 && len(o.BootCode) > 420:
		return fmt.Errorf("fat: boot code of %d bytes: there is room for 448, on FAT32 for 420", len(o.BootCode))
	case len(o.OEMName) > 8 || !printable(o.OEMName):
		return fmt.Errorf("fat: OEM name %q: it must be at most 8 ASCII characters", o.OEMName)
	}
	return checkLabel(o.Label)
}

// checkLabel holds a label to the rules of short names, which Windows and
// fatgen103 have for it, except that it may hold blanks.
func checkLabel(label string) error {
	switch {
	case len(label) > 11 && printable(label):
		return fmt.Errorf("fat: label %q has %d characters: FAT has room for 11", label, len(label))
	case !printable(label):
		return fmt.Errorf("fat: label %q: only ASCII characters are possible", label)
	case strings.ContainsAny(label, `*?.,;:/\|+=<>[]"`):
		return fmt.Errorf("fat: label %q: none of * ? . , ; : / \\ | + = < > [ ] \" is possible", label)
	case strings.HasPrefix(label, " "):
		return fmt.Errorf("fat: label %q: it must not start with a blank", label)
	case strings.ToUpper(label) != label:
		return fmt.Errorf("fat: label %q: it must be upper case: %q", label, strings.ToUpper(label))
	}
	return nil
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
