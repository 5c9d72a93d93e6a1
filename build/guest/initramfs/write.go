package initramfs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	magic   = "070701"     // of newc, which has no checksums of contents
	trailer = "TRAILER!!!" // name of the record that ends an archive
	record  = 4            // bytes; headers with their name, and contents, are filled up to a multiple
	block   = 512          // bytes; so is the archive, as cpio does it
	pathMax = unix.PathMax // bytes with the NUL; the kernel passes over a longer name or link without a word
)

var (
	errAbove  = errors.New("leads out of the archive")
	errRoot   = errors.New("the root itself cannot be an entry")
	errNUL    = errors.New("has a NUL in its name or target")
	errLong   = fmt.Errorf("has a name or target of more than %d bytes", pathMax-1)
	errLarge  = errors.New("is 4 GiB or larger, which the format has no room for")
	errTwice  = errors.New("is there twice")
	errEnd    = errors.New("has the name that ends an archive")
	errNoLink = errors.New("is a symbolic link that leads nowhere")
)

// Write writes the archive of the entries, in the order of their names. Folders
// that entries lie in and that are not given are made with mode 0755. Contents
// are streamed; one that is not as long as its entry says is an error.
//
// The header's fields are those of the kernel's buffer-format.rst. c_ino is the
// entry's number, from 1; c_uid, c_gid, c_mtime and the device that a file is
// from are 0.
func Write(w io.Writer, entries []Entry) error {
	all, err := complete(entries)
	if err != nil {
		return err
	}
	a := &archive{w: bufio.NewWriterSize(w, 256<<10)}
	for i, e := range all {
		if err := a.entry(uint32(i+1), e); err != nil {
			return fmt.Errorf("initramfs: /%s: %w", e.Name, err)
		}
	}
	a.header(0, 1, Entry{Name: trailer}, 0)
	a.fill(block)
	return a.w.Flush()
}

// complete checks the entries, sorts them and adds the folders that are missing.
func complete(entries []Entry) ([]Entry, error) {
	byName := make(map[string]Entry, len(entries))
	for _, e := range entries {
		// The name is told as it was given.
		name, err := check(e)
		if err == nil {
			if _, twice := byName[name]; twice {
				err = errTwice
			}
		}
		if err != nil {
			return nil, fmt.Errorf("initramfs: %q: %w", e.Name, err)
		}
		e.Name = name
		byName[name] = e
	}
	for _, e := range entries {
		name, _ := check(e)
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			above, ok := byName[dir]
			if !ok {
				byName[dir] = Folder(dir, 0o755)
			} else if above.Mode&unix.S_IFMT != unix.S_IFDIR {
				return nil, fmt.Errorf("initramfs: %q: lies in /%s, which is not a folder", e.Name, dir)
			}
		}
	}
	all := make([]Entry, 0, len(byName))
	for _, e := range byName {
		all = append(all, e)
	}
	// A folder's name is a prefix of what lies in it, so it comes first.
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// check is the entry's name as it stands in the archive, unless the format or
// the kernel cannot take the entry.
func check(e Entry) (name string, err error) {
	for part := range strings.SplitSeq(e.Name, "/") {
		if part == ".." {
			return "", errAbove
		}
	}
	name = strings.TrimPrefix(path.Clean("/"+e.Name), "/")
	switch {
	case name == "":
		return "", errRoot
	case name == trailer:
		return "", errEnd
	case strings.ContainsRune(name, 0) || strings.ContainsRune(e.Link, 0):
		return "", errNUL
	case len(name) >= pathMax || len(e.Link) >= pathMax:
		return "", errLong
	case e.Size > math.MaxUint32:
		return "", errLarge
	case e.Size < 0:
		return "", fmt.Errorf("has a size of %d bytes", e.Size)
	case e.Mode > math.MaxUint16:
		return "", fmt.Errorf("has the mode 0%o, which is not one of stat(2)", e.Mode)
	}
	is := e.Mode & unix.S_IFMT
	switch is {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFCHR, unix.S_IFBLK:
	case unix.S_IFLNK:
		if e.Link == "" {
			return "", errNoLink
		}
	default:
		return "", fmt.Errorf("has the mode 0%o, which has no type of file", e.Mode)
	}
	if is != unix.S_IFREG && (e.Open != nil || e.Size != 0) {
		return "", errors.New("has a content but is not a regular file")
	}
	if is == unix.S_IFREG && e.Open == nil && e.Size != 0 {
		return "", errors.New("has a size but no content")
	}
	if is != unix.S_IFLNK && e.Link != "" {
		return "", errors.New("has a target but is not a symbolic link")
	}
	if is != unix.S_IFCHR && is != unix.S_IFBLK && (e.Major != 0 || e.Minor != 0) {
		return "", errors.New("has a device number but is not a device")
	}
	return name, nil
}

// archive counts what is written, for the filling. The writer keeps its first
// error until it is flushed.
type archive struct {
	w *bufio.Writer
	n int64 // bytes
}

func (a *archive) entry(ino uint32, e Entry) error {
	links := uint32(1)
	if e.Mode&unix.S_IFMT == unix.S_IFDIR {
		links = 2
	}
	size := e.Size
	if e.Link != "" {
		size = int64(len(e.Link))
	}
	a.header(ino, links, e, uint32(size))
	if e.Link != "" {
		a.string(e.Link)
	}
	if e.Open != nil {
		if err := a.content(e); err != nil {
			return err
		}
	}
	a.fill(record)
	return nil
}

func (a *archive) header(ino, links uint32, e Entry, size uint32) {
	a.string(magic)
	for _, field := range [...]uint32{
		ino, e.Mode, 0, 0, links, 0, size, // c_ino c_mode c_uid c_gid c_nlink c_mtime c_filesize
		0, 0, e.Major, e.Minor, // c_maj c_min c_rmaj c_rmin
		uint32(len(e.Name) + 1), 0, // c_namesize c_chksum
	} {
		a.string(fmt.Sprintf("%08x", field))
	}
	a.string(e.Name + "\x00")
	a.fill(record)
}

func (a *archive) content(e Entry) error {
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(a.w, io.LimitReader(r, e.Size))
	a.n += n
	if err != nil {
		return err
	}
	if n == e.Size {
		var more [1]byte
		switch _, err := io.ReadFull(r, more[:]); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		return fmt.Errorf("grew while it was read: it had %d bytes", e.Size)
	}
	return fmt.Errorf("shrank while it was read: it had %d bytes, and there were %d", e.Size, n)
}

func (a *archive) string(s string) {
	n, _ := a.w.WriteString(s)
	a.n += int64(n)
}

func (a *archive) fill(unit int64) {
	a.string(strings.Repeat("\x00", int(-a.n&(unit-1))))
}
