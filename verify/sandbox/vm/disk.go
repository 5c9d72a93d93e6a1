package vm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/internal/wholefile"
)

// The folder of the disk that is Folder in the guest: the disk's root has a
// folder lost+found.
const diskFolder = "dir"

// Sizes of the disk in bytes. It is a file of holes, as large as what is free
// for it, within limits.
const (
	leastDisk = 256 << 20
	mostDisk  = 64 << 30
)

// disk is a guest's disk: an ext4 in a file that has no name.
type disk struct {
	file *wholefile.File
	size int64
}

// makeDisk makes an empty disk on the filesystem of a folder.
func makeDisk(ctx context.Context, dir string) (*disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return nil, patherr.At(dir, err)
	}
	d := &disk{size: min(max(int64(st.Bavail)*st.Bsize, leastDisk), mostDisk)}
	f, err := wholefile.Scratch(dir, "disk")
	if err != nil {
		return nil, err
	}
	d.file = f
	if err := d.fill(ctx); err != nil {
		d.Close()
		return nil, fmt.Errorf("the virtual machine's disk, in %s: %w", dir, err)
	}
	return d, nil
}

func (d *disk) fill(ctx context.Context) error {
	if err := d.file.Truncate(d.size); err != nil {
		return patherr.Bare(err)
	}
	opt := mkext4.Options{Size: d.size, NoJournal: true}
	_, _ = rand.Read(opt.UUID[:])
	_, _ = rand.Read(opt.HashSeed[:])
	root := &tree.Node{Inode: &tree.Inode{Mode: tree.Directory | 0o755}}
	root.Add(&tree.Node{Name: diskFolder, Inode: &tree.Inode{Mode: tree.Directory | 0o755}})
	_, err := mkext4.Write(ctx, d.file, root, opt)
	return d.file.Cause(err)
}

// read reads what the guest has left in its folder. A disk on which anything is
// damaged holds nothing that could be relied on.
func (d *disk) read(ctx context.Context) (*tree.Node, error) {
	fs, err := ext4.Open(d.file, d.size)
	if err != nil {
		return nil, err
	}
	root, problems, err := fs.Tree(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(problems) > 0:
		return nil, fmt.Errorf("is damaged: %w", problems[0])
	}
	if root != nil {
		if n := root.Child(diskFolder); n != nil && n.IsDir() {
			return n, nil
		}
	}
	return nil, errors.New("has lost its folder")
}

func (d *disk) Close() { d.file.Close() }
