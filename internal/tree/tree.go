// Package tree describes what a filesystem holds, apart from how any
// filesystem stores it: the common language between what is staged for an
// image and what writes a filesystem.
//
// A tree is data. Nothing is copied into it: a regular file points at its
// content, which a writer opens, streams and closes once.
//
// Names are bytes, as Linux has them: any byte but '/' and NUL, at most 255.
// Children are sorted by their names' bytes; a writer that is given such a
// tree twice makes the same filesystem twice, whatever order the source
// listed its directories in.
//
// The package imports nothing of this project.
package tree

import (
	"io"
	"sort"
)

// File types and permission bits, as in st_mode (inode(7)).
const (
	TypeMask  = 0o170000
	Socket    = 0o140000
	Symlink   = 0o120000
	Regular   = 0o100000
	Block     = 0o060000
	Directory = 0o040000
	Char      = 0o020000
	FIFO      = 0o010000

	PermMask = 0o7777
)

// Time is a time of the wall clock.
type Time struct {
	Sec  int64  // seconds since 1970-01-01 00:00 UTC
	Nsec uint32 // 0…999,999,999
}

// After tells whether t is later than u.
func (t Time) After(u Time) bool {
	return t.Sec > u.Sec || t.Sec == u.Sec && t.Nsec > u.Nsec
}

// Xattr is an extended attribute under its full name, "user.note" or
// "system.posix_acl_access". ACLs are held as getxattr(2) returns them.
type Xattr struct {
	Name  string
	Value []byte
}

// Content is where a regular file's bytes come from.
type Content interface {
	// Open returns a reader over exactly the inode's Size bytes. It fails
	// where the source is gone or has another size by now.
	Open() (Reader, error)
}

// Reader reads a file's content from its start.
type Reader interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

// Sparse is what a Reader also is where it can tell its holes cheaply. It is a
// matter of speed only: a writer makes a hole of every block of zeros,
// however the source stored it, so that the result does not depend on it.
type Sparse interface {
	// NextData is the first range at or after off, in bytes, that may hold
	// anything but zeros. At the end it returns start == end == the size.
	NextData(off int64) (start, end int64, err error)
}

// Inode is one filesystem object. Hard links are nodes that share an Inode.
type Inode struct {
	Mode                       uint32 // type and permissions, as st_mode
	UID, GID                   uint32
	Atime, Mtime, Ctime, Btime Time  // Btime is the time of birth
	Size                       int64 // of a regular file, in bytes
	Content                    Content
	Target                     string  // of a symbolic link
	Major, Minor               uint32  // of a device
	Xattrs                     []Xattr // sorted by name
	Flags                      uint32  // what chattr(1) sets, with the bits that ext4's i_flags has for it
	DOS                        uint8   // what FAT's DIR_Attr says of a file: read-only, hidden, system
	Origin                     string  // where it comes from, for messages
}

// Type is the inode's file type, one of the constants above.
func (i *Inode) Type() uint32 { return i.Mode & TypeMask }

// IsDir tells whether the inode is a directory.
func (i *Inode) IsDir() bool { return i.Type() == Directory }

// Node is a name in a directory, with what it names.
type Node struct {
	Name string // empty for the root
	*Inode
	Children []*Node // of a directory, sorted by name; nil otherwise
}

// Child is the entry of that name, or nil.
func (n *Node) Child(name string) *Node {
	i := sort.Search(len(n.Children), func(i int) bool { return n.Children[i].Name >= name })
	if i < len(n.Children) && n.Children[i].Name == name {
		return n.Children[i]
	}
	return nil
}

// Add puts a child in its place, replacing one of the same name, which it
// returns.
func (n *Node) Add(c *Node) (replaced *Node) {
	i := sort.Search(len(n.Children), func(i int) bool { return n.Children[i].Name >= c.Name })
	if i < len(n.Children) && n.Children[i].Name == c.Name {
		replaced, n.Children[i] = n.Children[i], c
		return replaced
	}
	n.Children = append(n.Children, nil)
	copy(n.Children[i+1:], n.Children[i:])
	n.Children[i] = c
	return nil
}

// Walk calls visit for n and everything below it, a directory before its
// children, children in order. The path of the root is "/". An error ends the
// walk and is returned.
func (n *Node) Walk(visit func(path string, n *Node) error) error {
	return walk("/", n, visit)
}

func walk(path string, n *Node, visit func(string, *Node) error) error {
	if err := visit(path, n); err != nil {
		return err
	}
	for _, c := range n.Children {
		if err := walk(JoinPath(path, c.Name), c, visit); err != nil {
			return err
		}
	}
	return nil
}

// JoinPath is the path of a name in a directory.
func JoinPath(dir, name string) string {
	if dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}
