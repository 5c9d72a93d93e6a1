package forensic

import (
	"time"

	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

// Case is everything that the renderers need: what was compared by which
// program, and what differs.
type Case struct {
	Program string // its name
	Version string
	Args    []string  // the command line, the program's name first
	Start   time.Time // when the program was started
	Pairs   []*Pair   // one, or one for each image of two folders

	open []*split.Image
}

// Pair is two images that were compared.
type Pair struct {
	Name    string // the images' relative name as the report has it, where folders were compared
	A, B    Image
	Volumes []*Volume
	// Spans are where the two disks differ, as far as both go, in whole blocks
	// of scan.Grain; Bytes is how many bytes that are.
	Spans    []scan.Span
	Bytes    int64
	Warnings []string
}

// Image is one of the two images.
type Image struct {
	Path   string // the name that is shown
	Format string
	Size   int64          // bytes of the virtual disk
	SHA256 string         // of the virtual disk, in hex; empty where nobody computed it
	Parts  map[int]string // likewise, of partitions by number
	Table  *split.Table

	disk *split.Image
}

// Volume is a partition, with what both sides have under its number; a bare
// filesystem has the number 0.
type Volume struct {
	Number  int
	A, B    *Side // nil where an image has no such partition
	Changes []Change
	Moved   int // files that are the same, but lie elsewhere or have another inode number
}

// Side is a volume as one of the images has it.
type Side struct {
	Offset     int64 // of its first byte on the disk
	Length     int64 // bytes
	SectorSize int64
	Type       string // ext4, fat32, …; what blkid says where its tree is not read
	Kind       int    // TSK_FS_TYPE_…, or 0
	BlockSize  int64
	Blocks     int64
	Label      string
	UUID       string
	Error      string // why its tree was not read, or not to its end

	volume *volume.Volume
}

// File is an object of a tree in which something differs.
type File struct {
	*volume.Object
	Runs        []volume.Run
	RunsOmitted bool     // there are more
	Digests     *Digests // of a regular file's content; nil where it could not be read
	Error       string   // why not
}

// Digests are the digests of a content.
type Digests struct {
	MD5    [16]byte
	SHA1   [20]byte
	SHA256 [32]byte
}

// Change is a file that differs: in A only (deleted), in B only (new), or in
// both, under the same path or (renamed) under two.
type Change struct {
	A, B  *File // one of them may be nil
	Diffs Diffs // what differs, where there are both
}

// Path is where the file is, or was.
func (c *Change) Path() string {
	if c.B != nil {
		return c.B.Path
	}
	return c.A.Path
}

// Kind is what happened to the file from A to B, in one word.
func (c *Change) Kind() string {
	switch {
	case c.A == nil:
		return "new"
	case c.B == nil:
		return "deleted"
	case c.Diffs.Has(DiffName):
		return "renamed"
	case c.Diffs.Has(DiffContent):
		return "modified"
	}
	return "changed"
}

// Diffs is a set of properties.
type Diffs uint32

// The properties that are compared.
const (
	DiffName Diffs = 1 << iota
	DiffType
	DiffSize
	DiffInode
	DiffParent
	DiffMode
	DiffLinks
	DiffUID
	DiffGID
	DiffMtime
	DiffCtime
	DiffAtime
	DiffCrtime
	DiffTarget
	DiffRuns
	DiffContent
	DiffXattrs
	DiffFlags
	DiffDevice
)

// place are the properties that say only where a file is stored.
const place = DiffInode | DiffParent | DiffRuns

// Has tells whether any of the properties is in the set.
func (d Diffs) Has(p Diffs) bool { return d&p != 0 }
