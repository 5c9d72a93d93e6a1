package volume

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/reprodisk/reprodisk/internal/ondisk/probe"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Limits above what anybody makes, so that a damaged tree cannot hold up a
// walk.
const (
	maxDepth   = 1024
	maxPath    = 32 << 10   // bytes
	maxObjects = 20_000_000 // of a volume
)

// Fields says which of an Object's values the filesystem stores.
type Fields uint8

// What a filesystem may store of its objects.
const (
	HasInode Fields = 1 << iota // Inode is a number that the filesystem stores
	HasLinks
	HasOwner // UID and GID
)

// Time is a time that a filesystem may or may not store.
type Time struct {
	tree.Time
	Set bool
	// Precision is the unit that the time is stored in, in seconds; 0 for one
	// second and what is finer.
	Precision int
	Local     bool // the time of an unknown zone, taken as UTC
}

// Xattr is an extended attribute: a name, and its value by digest.
type Xattr struct {
	Name   string
	Size   int // bytes of the value
	SHA256 [32]byte
}

// Object is a file, a directory or anything else that a path leads to.
type Object struct {
	Path   string // absolute; any bytes but NUL
	Mode   uint32 // type and permissions, as st_mode
	Size   int64  // bytes
	Has    Fields
	Inode  uint64 // without HasInode, a number made from the object's place
	Parent uint64 // the directory's Inode; the root's own for "/"
	Links  uint32
	UID    uint32
	GID    uint32
	Major  uint32 // of a device
	Minor  uint32
	Flags  uint32 // i_flags, or DIR_Attr
	Target string // of a symbolic link
	Xattrs []Xattr

	Atime, Mtime, Ctime, Crtime Time

	ref any // the reader's own
}

// Type is the object's file type, one of package tree's constants.
func (o *Object) Type() uint32 { return o.Mode & tree.TypeMask }

// Run is a run of bytes of an object's content.
type Run struct {
	Logical  int64 // byte of the content
	Physical int64 // byte of the volume; -1 where the bytes lie in no block
	Length   int64 // bytes in the volume
	Unpacked int64 // bytes of the content, where they are packed; else 0
	Packing  int   // how they are packed, as the format numbers it
	Zeros    bool  // allocated, but reads as zeros
	Shared   bool  // a part of a packed block that several files share
	Within   int64 // where the content begins in the unpacked block, if Shared
}

// Content is what a regular file holds.
type Content interface {
	io.ReaderAt
	Size() int64
	// NextData is the first range at or after off that may hold anything but
	// zeros; start == end == Size() behind the last one.
	NextData(off int64) (start, end int64)
}

// reader is one of the filesystems.
type reader interface {
	walk(ctx context.Context, visit func(*Object) error) error
	content(o *Object) (Content, error)
	// runs lists where the content lies; ok is false where there are more than
	// limit of them.
	runs(o *Object, limit int) (list []Run, ok bool, err error)
}

// Volume is a filesystem that is read.
type Volume struct {
	Type      string // as The Sleuth Kit names it: ext4, fat32, iso9660; squashfs
	Kind      int    // its number there, TSK_FS_TYPE_…; 0 where it has none
	BlockSize int64  // bytes of a block, a cluster or a logical block
	Blocks    int64

	reader
	problems []string
	omitted  int
}

// ErrUnread says that nobody here reads the tree of a volume.
var ErrUnread = errors.New("its tree is not read")

// Open opens the filesystem in the first size bytes of r, which probe has
// identified.
func Open(r io.ReaderAt, size int64, is probe.Info) (*Volume, error) {
	switch is.Type {
	case "ext2", "ext3", "ext4":
		return openExt(r, size, is.Type)
	case "vfat":
		return openFAT(r, size)
	case "squashfs":
		return openSquashfs(r, size)
	case "erofs":
		return openEROFS(r, size)
	case "xfs":
		return openXFS(r, size)
	case "btrfs":
		return openBtrfs(r, size)
	case "iso9660":
		return openISO(r, size)
	case "":
		return nil, fmt.Errorf("no filesystem is recognised, %w", ErrUnread)
	}
	return nil, fmt.Errorf("%s: %w", is.Type, ErrUnread)
}

// errStopped ends a walk whose objects nobody wants any more.
var errStopped = errors.New("stopped")

// Objects walks the tree, in the order of Order. An error comes last, with no
// object.
func (v *Volume) Objects(ctx context.Context) iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		n := 0
		err := v.walk(ctx, func(o *Object) error {
			if n++; n > maxObjects {
				return fmt.Errorf("more than %d files are not followed", maxObjects)
			}
			if n%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if !yield(o, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// Content opens the content of a regular file.
func (v *Volume) Content(o *Object) (Content, error) {
	if o.Type() != tree.Regular {
		return nil, fmt.Errorf("%s is no regular file", o.Path)
	}
	return v.content(o)
}

// Runs lists where an object's content lies, at most limit runs; ok is false
// where there are more.
func (v *Volume) Runs(o *Object, limit int) (list []Run, ok bool, err error) {
	return v.runs(o, limit)
}

// maxProblems is how many problems are kept with their text.
const maxProblems = 20

func (v *Volume) problem(text string) {
	if len(v.problems) == maxProblems {
		v.omitted++
		return
	}
	v.problems = append(v.problems, text)
}

// problemAt keeps an error about a path, if there is one.
func (v *Volume) problemAt(path string, err error) {
	if err != nil {
		v.problem(fmt.Sprintf("%.80q: %v", path, err))
	}
}

// special fills in what only symbolic links and devices have.
func (v *Volume) special(o *Object, target func() (string, error), device func() (major, minor uint32)) {
	switch o.Type() {
	case tree.Symlink:
		var err error
		o.Target, err = target()
		v.problemAt(o.Path, err)
	case tree.Block, tree.Char:
		o.Major, o.Minor = device()
	}
}

func (o *Object) addXattr(name string, value []byte) {
	o.Xattrs = append(o.Xattrs, Xattr{name, len(value), sha256.Sum256(value)})
}

// Problems lists what was left out of the walk and why, complete once it has
// ended.
func (v *Volume) Problems() []string {
	if v.omitted > 0 {
		return append(v.problems[:len(v.problems):len(v.problems)], fmt.Sprintf("and %d problems more", v.omitted))
	}
	return v.problems
}

// Order compares two paths as walks go: a directory before what it holds, and
// names by their bytes.
func Order(a, b string) int {
	if a == "/" {
		a = ""
	}
	if b == "/" {
		b = ""
	}
	for i := 0; i < len(a) && i < len(b); i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x == '/' {
			return -1
		}
		if y == '/' || x > y {
			return 1
		}
		return -1
	}
	return len(a) - len(b)
}
