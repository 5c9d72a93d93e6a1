package mkxfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/mkfs/pour"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/internal/program"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Write makes the filesystem in an empty file. A tree that does not fit is
// ErrSpace.
func Write(ctx context.Context, f *os.File, root *tree.Node, opt Options) error {
	if err := opt.check(); err != nil {
		return err
	}
	if _, err := Check(root); err != nil {
		return err
	}
	tool, err := findTool()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "reprodisk-*.xfs")
	if err != nil {
		return fmt.Errorf("a temporary folder for the files of an XFS (see TMPDIR): %w", err)
	}
	defer os.RemoveAll(dir)
	p := &prototype{ctx: ctx, dir: dir, buf: pour.NewBuffer(), progress: opt.Progress}
	name, err := p.write(root)
	if err != nil {
		return err
	}
	if err := f.Truncate(opt.Size); err != nil {
		return err
	}
	if err := run(ctx, tool, f, dir, name, opt); err != nil {
		return err
	}
	s, err := newStamper(f, opt)
	if err != nil {
		return err
	}
	return s.all(ctx, root)
}

func findTool() (string, error) {
	if path, ok := program.Find("mkfs.xfs"); ok {
		return path, nil
	}
	return "", errors.New("xfs needs mkfs.xfs: apt-get install xfsprogs")
}

func run(ctx context.Context, tool string, f *os.File, dir, prototype string, opt Options) error {
	id := fmt.Sprintf("%x-%x-%x-%x-%x", opt.UUID[:4], opt.UUID[4:6], opt.UUID[6:8], opt.UUID[8:10], opt.UUID[10:])
	args := []string{
		"-q", "-K", "-f",
		// What it would otherwise ask the filesystem that the file lies on.
		"-b", "size=4096", "-s", "size=512", "-d", "noalign",
		"-m", "crc=1,uuid=" + id, "-p", prototype,
	}
	if opt.Label != "" {
		args = append(args, "-L", opt.Label)
	}
	cmd := exec.CommandContext(ctx, tool, append(args, "/proc/self/fd/3")...)
	cmd.Dir = dir
	// Versions that know these take their times and random numbers from them.
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", fmt.Sprint("SOURCE_DATE_EPOCH=", max(opt.Epoch.Sec, 0)), "DETERMINISTIC_SEED=1"}
	cmd.ExtraFiles = []*os.File{f}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	case strings.Contains(said.String(), "write failed: No space left"):
		return fmt.Errorf("the temporary file of the XFS (see TMPDIR): %w", unix.ENOSPC)
	case noSpace.MatchString(said.String()):
		return ErrSpace
	}
	text, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
	if text = strings.TrimPrefix(text, "mkfs.xfs: "); text == "" {
		text = err.Error()
	}
	return fmt.Errorf("mkfs.xfs: %.300s", text)
}

var noSpace = regexp.MustCompile(`(?i)no space left|out of (disk )?space|allocating space`)

// stamper gives inodes what the tree says.
type stamper struct {
	f   *os.File
	fs  *xfs.FS
	opt Options
}

func newStamper(f *os.File, opt Options) (*stamper, error) {
	fs, err := xfs.Open(f, opt.Size)
	if err != nil {
		return nil, fmt.Errorf("what mkfs.xfs made: %w", err)
	}
	return &stamper{f, fs, opt}, nil
}

func (s *stamper) all(ctx context.Context, root *tree.Node) error {
	// The real-time device's, of which there is none.
	own := &tree.Inode{Atime: s.opt.Epoch, Mtime: s.opt.Epoch, Ctime: s.opt.Epoch, Btime: s.opt.Epoch}
	for _, ino := range []uint64{s.fs.SB.RBmIno, s.fs.SB.RSumIno} {
		if err := s.stamp(ino, own, "a real-time inode"); err != nil {
			return err
		}
	}
	return s.tree(ctx, s.fs.SB.RootIno, root, "/")
}

func (s *stamper) tree(ctx context.Context, ino uint64, n *tree.Node, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.stamp(ino, n.Inode, path); err != nil || !n.IsDir() {
		return err
	}
	names, err := s.fs.Dir(ino)
	if err != nil {
		return fmt.Errorf("what mkfs.xfs made: %s: %w", path, err)
	}
	if len(names) != len(n.Children) {
		return fmt.Errorf("mkfs.xfs made %d entries of %d in %s", len(names), len(n.Children), path)
	}
	for _, c := range n.Children {
		child, ok := names[c.Name]
		if !ok {
			return fmt.Errorf("mkfs.xfs made no %s in %s", c.Name, path)
		}
		if err := s.tree(ctx, child, c, strings.TrimSuffix(path, "/")+"/"+c.Name); err != nil {
			return err
		}
	}
	return nil
}

// stamp sets times, owners and permissions; of an inode without a type only
// its times.
func (s *stamper) stamp(ino uint64, i *tree.Inode, path string) error {
	raw, c, off, err := s.fs.Inode(ino)
	if err != nil {
		return fmt.Errorf("what mkfs.xfs made: %s: %w", path, err)
	}
	if i.Mode != 0 {
		if uint32(c.Mode)&tree.TypeMask != i.Type() {
			return fmt.Errorf("mkfs.xfs made something else of %s", path)
		}
		c.Mode, c.UID, c.GID = uint16(i.Mode), i.UID, i.GID
	}
	for _, t := range []struct {
		at   *uint64
		time tree.Time
	}{{&c.Atime, i.Atime}, {&c.Mtime, i.Mtime}, {&c.Ctime, i.Ctime}, {&c.Crtime, i.Btime}} {
		stored, ok := xfs.Time(t.time.Sec, t.time.Nsec, c.Flags2)
		if !ok {
			return fmt.Errorf("xfs: %s: no inode has a place for the time %d", path, t.time.Sec)
		}
		*t.at = stored
	}
	xfs.CoreLayout.Put(raw, &c)
	xfs.Seal(raw)
	if _, err := s.f.WriteAt(raw, off); err != nil {
		return fmt.Errorf("xfs: writing the inode of %s: %w", path, err)
	}
	return nil
}
