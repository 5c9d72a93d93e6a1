package xfs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs/xfstest"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// TestRealFilesystems has the kernel fill filesystems of several sorts, and
// holds what is read here against what the kernel reads, and what each block is
// for against what xfs_db says.
func TestRealFilesystems(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			image := filled(t, 64<<20, 600, v.args...)
			fs := open(t, image)
			t.Run("tree", func(t *testing.T) { sameAsMounted(t, fs, sametree.Mounted(t, "xfs", image)) })
			t.Run("blocks", func(t *testing.T) { sameAsDebugger(t, fs, image) })
			if dirty, err := fs.Dirty(); err != nil || dirty {
				t.Errorf("the log is dirty: %v, %v", dirty, err)
			}
		})
	}
}

// sameAsMounted compares all of a tree.
func sameAsMounted(t *testing.T, fs *FS, folder string) {
	paths := 0
	var walk func(path string, ino uint64)
	walk = func(path string, ino uint64) {
		paths++
		in, err := fs.ReadInode(ino)
		must(t, err)
		at := filepath.Join(folder, path)
		var st unix.Stat_t
		must(t, unix.Lstat(at, &st))
		if !Sealed(in.Raw) {
			t.Errorf("%s: the checksum is wrong", path)
		}
		got := []any{in.Ino, uint32(in.Mode), in.UID, in.GID, uint64(in.Links), in.Core.Size, in.NBlocks << fs.SB.BlockLog / 512, TimeOf(in.Mtime, in.Flags2), TimeOf(in.Atime, in.Flags2), TimeOf(in.Ctime, in.Flags2)}
		stamp := func(s unix.Timespec) tree.Time { return tree.Time{Sec: s.Sec, Nsec: uint32(s.Nsec)} }
		want := []any{st.Ino, st.Mode, st.Uid, st.Gid, uint64(st.Nlink), uint64(st.Size), uint64(st.Blocks), stamp(st.Mtim), stamp(st.Atim), stamp(st.Ctim)}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
		sameXattrs(t, fs, in, path, at)
		switch in.Type() {
		case tree.Directory:
			list, err := fs.List(in)
			must(t, err)
			real, err := os.ReadDir(at)
			must(t, err)
			if len(list) != len(real) {
				t.Errorf("%s: %d names, want %d", path, len(list), len(real))
			}
			for _, e := range list {
				walk(path+"/"+e.Name, e.Ino)
			}
		case tree.Symlink:
			target, err := fs.Target(in)
			if real, err2 := os.Readlink(at); err != nil || err2 != nil || target != real {
				t.Errorf("%s: %q, %v; want %q, %v", path, target, err, real, err2)
			}
		case tree.Char, tree.Block:
			if major, minor := in.Device(); st.Rdev != unix.Mkdev(major, minor) {
				t.Errorf("%s: device %d, %d", path, major, minor)
			}
		case tree.Regular:
			f, err := fs.File(in)
			must(t, err)
			got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
			must(t, err)
			if want, err := os.ReadFile(at); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: other content, %v", path, err)
			}
		}
	}
	walk("", fs.SB.RootIno)
	if paths < 600 {
		t.Errorf("only %d paths", paths)
	}
}

func sameXattrs(t *testing.T, fs *FS, in *Inode, path, at string) {
	list, err := fs.Xattrs(in)
	must(t, err)
	var got, want []string
	for _, x := range list {
		got = append(got, fmt.Sprintf("%s=%x", x.Name, x.Value))
	}
	buf := make([]byte, 1<<16)
	n, err := unix.Llistxattr(at, buf)
	must(t, err)
	for name := range strings.SplitSeq(string(buf[:n]), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 1<<16)
		k, err := unix.Lgetxattr(at, name, value)
		must(t, err)
		want = append(want, fmt.Sprintf("%s=%x", name, value[:k]))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d attributes, want %d", path, len(got), len(want))
	}
}

// debuggerTypes are the regions that xfs_db's types of blocks may have.
var debuggerTypes = map[string][]Kind{
	"sb": {Super, GroupFree, GroupInodes, FreeList, Padding}, "btbno": {TreeBlock}, "btcnt": {TreeBlock}, "btino": {TreeBlock},
	"btfino": {TreeBlock}, "btrmap": {TreeBlock}, "btrefcnt": {TreeBlock}, "freelist": {Reserved}, "inode": {InodeTable},
	// Here blocks of the tree of extents are not told from what it leads to.
	"dir": {DirBlock, ExtentTree}, "data": {Data, Slack, Unwritten, ExtentTree}, "attr": {AttrBlock, ExtentTree}, "symlink": {TargetBlock},
	"log": {Log}, "free1": {Free}, "free2": {Free},
	"agf": {GroupFree}, "agi": {GroupInodes, FreeList}, // where blocks are small
}

var treeTypes = map[string]string{
	"btbno": "bnobt", "btcnt": "cntbt", "btino": "inobt", "btfino": "finobt", "btrmap": "rmapbt", "btrefcnt": "refcountbt",
}

// sameAsDebugger asks xfs_db what each block is for.
func sameAsDebugger(t *testing.T, fs *FS, image string) {
	regions, problems, err := fs.Regions(t.Context())
	must(t, err)
	for _, p := range problems {
		t.Error(p)
	}
	var end int64
	for _, r := range regions {
		if r.Start != end || r.End <= r.Start {
			t.Fatalf("a region from %d to %d behind %d", r.Start, r.End, end)
		}
		end = r.End
	}
	if end != fs.size {
		t.Fatalf("regions end at %d of %d", end, fs.size)
	}
	args := []string{"-r", "-c", "blockget -n"}
	for ag := range fs.SB.AGCount {
		args = append(args, "-c", fmt.Sprintf("fsblock %d", uint64(ag)<<fs.SB.AGBlkLog), "-c", fmt.Sprintf("blockuse -n -c %d", fs.groupBlocks(ag)))
	}
	out := judge.Must(t, "xfs_db", append(args, image)...)
	kinds := map[Kind]int{}
	lines, i := 0, 0
	units := fs.Units()
	for line := range strings.Lines(out) {
		var n, ag, block uint64
		var what string
		if _, err := fmt.Sscanf(line, "block %d (%d/%d) type %s", &n, &ag, &block, &what); err != nil {
			continue // the rest of a name of two lines
		}
		var ino uint64
		if _, rest, ok := strings.Cut(line, " inode "); ok {
			_, _ = fmt.Sscan(rest, &ino)
		}
		lines++
		start := fs.block(n)
		for regions[i].End <= start {
			i++
		}
		for j := i; j < len(regions) && regions[j].Start < start+int64(fs.SB.BlockSize); j++ {
			r := regions[j]
			kinds[r.Kind]++
			if !slices.Contains(debuggerTypes[what], r.Kind) || r.Tree != treeTypes[what] || ino != 0 && what != "inode" && r.Ino != ino {
				t.Errorf("%s: %+v", strings.TrimSpace(line), r)
			}
			partsCover(t, units, r, max(start, r.Start), min(start+int64(fs.SB.BlockSize), r.End))
		}
		if t.Failed() {
			return
		}
	}
	if lines != int(fs.SB.DBlocks) {
		t.Errorf("xfs_db tells about %d blocks of %d", lines, fs.SB.DBlocks)
	}
	for _, k := range []Kind{Super, TreeBlock, InodeTable, ExtentTree, DirBlock, AttrBlock, TargetBlock, Data, Slack, Unwritten, Log, Free, Reserved} {
		if kinds[k] == 0 {
			t.Errorf("no region of kind %d was met", k)
		}
	}
}

// partsCover checks that the parts of a structure lie one behind the other.
func partsCover(t *testing.T, units *Units, r Region, start, end int64) {
	for at := start; at < end; {
		p, err := units.At(r, at)
		must(t, err)
		if p.Start > at || p.End <= at || p.Start < r.Start || p.End > r.End {
			t.Fatalf("%+v at %d of %+v", p, at, r)
		}
		if sound := map[string]bool{RecordsField: r.Kind == TreeBlock, "attributes": false}; r.Kind != Data && p.Field != "" {
			if good, listed := sound[p.Field]; listed && !good {
				t.Fatalf("%+v is not understood: %+v", p, units.now.parts)
			}
		}
		at = p.End
	}
}

// TestDirtyLog looks at a copy of a filesystem that is mounted.
func TestDirtyLog(t *testing.T) {
	image := xfstest.Mkfs(t, 64<<20)
	copied := filepath.Join(t.TempDir(), "copy")
	xfstest.Mounted(t, image, func(t *testing.T, dir string) {
		must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600))
		fd, err := unix.Open(dir, unix.O_RDONLY, 0)
		must(t, err)
		defer unix.Close(fd)
		must(t, unix.Syncfs(fd))
		b, err := os.ReadFile(image)
		must(t, err)
		must(t, os.WriteFile(copied, b, 0o600))
	})
	for path, want := range map[string]bool{image: false, copied: true} {
		if dirty, err := open(t, path).Dirty(); err != nil || dirty != want {
			t.Errorf("%s: %v, %v", filepath.Base(path), dirty, err)
		}
	}
}
