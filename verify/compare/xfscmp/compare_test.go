package xfscmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs/xfstest"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// filled is a filesystem with one of everything that the kernel has put there.
func filled(t *testing.T, args ...string) []byte {
	t.Helper()
	image := xfstest.Mkfs(t, 34<<20, append([]string{"-m", "rmapbt=1"}, args...)...)
	xfstest.Mounted(t, image, func(t *testing.T, dir string) { xfstest.Fill(t, dir, 400) })
	b, err := os.ReadFile(image)
	comparetest.Must(t, err)
	return b
}

// image is one that is edited.
type image struct {
	*testing.T
	b       []byte
	fs      *xfs.FS
	regions []xfs.Region
}

func edited(t *testing.T, b []byte) *image {
	t.Helper()
	fs, err := xfs.Open(disk(b), int64(len(b)))
	comparetest.Must(t, err)
	regions, problems, err := fs.Regions(t.Context())
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return &image{t, slices.Clone(b), fs, regions}
}

// another is an image like m before its changes.
func (m *image) another(t *testing.T, b []byte) *image {
	return &image{t, slices.Clone(b), m.fs, m.regions}
}

type disk []byte

func (d disk) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, d[min(off, int64(len(d))):])
	if n < len(p) {
		return n, errors.New("read behind the end")
	}
	return n, nil
}

// inode finds an inode by its path.
func (m *image) inode(names ...string) *xfs.Inode {
	m.Helper()
	ino := m.fs.SB.RootIno
	for _, name := range names {
		list, err := m.fs.Dir(ino)
		comparetest.Must(m, err)
		if list[name] == 0 {
			m.Fatalf("no %q", names)
		}
		ino = list[name]
	}
	in, err := m.fs.ReadInode(ino)
	comparetest.Must(m, err)
	return in
}

// region is the first region that a test picks.
func (m *image) region(pick func(xfs.Region) bool) xfs.Region {
	m.Helper()
	i := slices.IndexFunc(m.regions, pick)
	if i < 0 {
		m.Fatal("no such region")
	}
	return m.regions[i]
}

// part is the first part of a region that has a field of that name.
func (m *image) part(r xfs.Region, name, about string) xfs.Part {
	m.Helper()
	u := m.fs.Units()
	for at := r.Start; at < r.End; {
		p, err := u.At(r, at)
		comparetest.Must(m, err)
		if p.Field == name && p.Name == about {
			return p
		}
		at = p.End
	}
	m.Fatalf("no part %s in %+v", name, r)
	return xfs.Part{}
}

// seal enters a structure's checksum, which is at a place within it.
func (m *image) seal(start, end, at int64) {
	b := m.b[start:end]
	binary.LittleEndian.PutUint32(b[at:], 0)
	binary.LittleEndian.PutUint32(b[at:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// core changes an inode's core.
func core(change func(c *xfs.Core), names ...string) func(*image) {
	return func(m *image) {
		in := m.inode(names...)
		change(&in.Core)
		xfs.CoreLayout.Put(in.Raw, &in.Core)
		m.put(in)
	}
}

// put writes an inode back, with a checksum that is right.
func (m *image) put(in *xfs.Inode) {
	xfs.Seal(in.Raw)
	copy(m.b[in.Offset:], in.Raw)
}

// flip changes a bit of a field, and leaves the checksum as it is.
func flip(kind xfs.Kind, tree, field string) func(*image) {
	return func(m *image) {
		r := m.region(func(r xfs.Region) bool { return r.Kind == kind && r.Tree == tree })
		m.b[m.part(r, field, "").End-1] ^= 1
	}
}

// of are the regions of a kind that a file has.
func (m *image) of(kind xfs.Kind, in *xfs.Inode) xfs.Region {
	m.Helper()
	return m.region(func(r xfs.Region) bool { return r.Kind == kind && r.Ino == in.Ino })
}

// in changes a byte of a part of a file's region of a kind.
func in(kind xfs.Kind, field, about string, names ...string) func(*image) {
	return func(m *image) {
		p := m.part(m.of(kind, m.inode(names...)), field, about)
		m.b[p.End-1] ^= 0x20
	}
}

// local changes the last byte of a part of an inode.
func local(field, about string, names ...string) func(*image) {
	return func(m *image) {
		inode := m.inode(names...)
		r := m.region(func(r xfs.Region) bool {
			return r.Kind == xfs.InodeTable && r.Start <= inode.Offset && r.End > inode.Offset
		})
		u := m.fs.Units()
		for at := inode.Offset; at < inode.Offset+int64(len(inode.Raw)); {
			p, err := u.At(r, at)
			comparetest.Must(m, err)
			if p.Field == field && p.Name == about {
				inode.Raw[p.End-1-inode.Offset] ^= 0x20
				m.put(inode)
				return
			}
			at = p.End
		}
		m.Fatalf("no part %s of %q", field, names)
	}
}

// within changes a byte in the middle of the largest region of a kind.
func within(kind xfs.Kind) func(*image) {
	return func(m *image) {
		var largest xfs.Region
		for _, r := range m.regions {
			if r.Kind == kind && r.End-r.Start > largest.End-largest.Start {
				largest = r
			}
		}
		m.b[(largest.Start+largest.End)/2] ^= 0xff
	}
}

// super changes the superblock and its copies.
func super(change func(s *xfs.Superblock)) func(*image) {
	return func(m *image) {
		for _, r := range m.regions {
			if r.Kind != xfs.Super {
				continue
			}
			s := xfs.SuperblockLayout.Decode(m.b[r.Start:r.End])
			change(&s)
			xfs.SuperblockLayout.Put(m.b[r.Start:r.End], &s)
			m.seal(r.Start, r.End, 224)
		}
	}
}

// TestOnePlantedDifferenceIsOneRoot changes one thing of a filesystem, and
// compares it in both directions.
func TestOnePlantedDifferenceIsOneRoot(t *testing.T) {
	good := filled(t)
	if fs, warnings, _ := comparetest.Bytes(t, Compare, good, slices.Clone(good)); len(fs) > 0 || len(warnings) > 0 {
		t.Errorf("%q, %s", warnings, comparetest.Show(fs))
	}
	first := edited(t, good)
	for _, c := range []struct {
		name  string
		plant func(*image)
		want  string
		cause report.Cause
		bytes int64 // of the root
	}{
		{"label", super(func(s *xfs.Superblock) { copy(s.FName[:], "other") }), "superblock/sb_fname", report.Content, 5},
		{"feature", super(func(s *xfs.Superblock) { s.Compat ^= 1 << 20 }), "superblock/sb_features_compat", report.Environment, 1},
		{"count", flip(xfs.Super, "", "sb_fdblocks"), "superblock/sb_fdblocks", report.Unknown, 1},
		{"checksum", flip(xfs.Super, "", "sb_crc"), "superblock/sb_crc", report.Unknown, 1},
		{"behind the superblock", func(m *image) { m.b[400] = 1 }, "superblock/slack", report.Residue, 1},
		{"copy", func(m *image) {
			m.b[m.part(m.region(func(r xfs.Region) bool { return r.Kind == xfs.Super && r.Group == 1 }), "sb_imax_pct", "").Start] ^= 1
		}, "backup-superblock/sb_imax_pct#group-1", report.Environment, 1},

		{"mode", core(func(c *xfs.Core) { c.Mode ^= 0o111 }, "files", "large"), "inode/di_mode:/files/large", report.Environment, 1},
		{"owner", core(func(c *xfs.Core) { c.UID = 1001 }, "files", "large"), "inode/di_uid:/files/large", report.Environment, 2},
		{"group", core(func(c *xfs.Core) { c.GID = 77 }, "attrs"), "inode/di_gid:/attrs", report.Environment, 1},
		{"project", core(func(c *xfs.Core) { c.ProjIDHi = 3 }, "attrs"), "inode/di_projid:/attrs", report.Content, 1},
		{"time of modification", core(func(c *xfs.Core) { c.Mtime ^= 1 << 40 }, "files", "large"), "inode/di_mtime:/files/large", report.Time, 1},
		{"time of birth", core(func(c *xfs.Core) { c.Crtime ^= 1 }, "files", "large"), "inode/di_crtime:/files/large", report.Time, 1},
		{"generation", core(func(c *xfs.Core) { c.Gen ^= 0x80 }, "files", "pipe"), "inode/di_gen:/files/pipe", report.Random, 1},
		{"changes", core(func(c *xfs.Core) { c.ChangeCount++ }, "files", "pipe"), "inode/di_changecount:/files/pipe", report.Environment, 1},
		{"blocks", core(func(c *xfs.Core) { c.NBlocks ^= 1 }, "files", "large"), "inode/di_nblocks:/files/large", report.Unknown, 1},
		{"device", local(xfs.DeviceField, "", "files", "char"), "inode/rdev:/files/char", report.Content, 1},
		{"inode's checksum", func(m *image) { m.b[m.inode("files", "pipe").Offset+100] ^= 1 }, "inode/di_crc:/files/pipe", report.Unknown, 1},
		{"inode's UUID", core(func(c *xfs.Core) { c.UUID[0] ^= 1 }, "files", "pipe"), "inode/di_uuid:/files/pipe", report.Unknown, 1},
		{"behind a name in an inode", local(xfs.SlackField, "", "dirs", "1"), "inode/slack:/dirs/1", report.Residue, 1},

		{"target", local(xfs.TargetField, "", "files", "link-150"), "inode/target:/files/link-150", report.Content, 1},
		{"long target", in(xfs.TargetBlock, xfs.TargetField, "", "files", "link-900"), "inode/target:/files/link-900", report.Content, 1},
		{"attribute", local(xfs.ValueField, "user.a", "attrs", "short"), "inode/xattr:user.a:/attrs/short", report.Content, 1},
		{"order of attributes", func(m *image) {
			in := m.inode("attrs", "short")
			fork := in.Raw[bytes.Index(in.Raw, []byte("aa value"))-3:]
			one, two := string(fork[:11]), string(fork[11:15]) // user.a, and trusted.b without a value
			copy(fork, two+one)
			m.put(in)
		}, "inode/xattrs:/attrs/short", report.Order, 13},
		{"attribute in a block", in(xfs.AttrBlock, xfs.ValueField, "user.attribute-7", "attrs", "leaf"), "inode/xattr:user.attribute-7:/attrs/leaf", report.Content, 1},
		{"long attribute", func(m *image) {
			in := m.inode("attrs", "remote")
			for _, r := range m.regions {
				if r.Kind != xfs.AttrBlock || r.Ino != in.Ino {
					continue
				}
				u := m.fs.Units()
				for at := r.Start; at < r.End; {
					p, err := u.At(r, at)
					comparetest.Must(m, err)
					if p.Name == "user.long" && p.End-p.Start > 1000 {
						m.b[p.Start+20] ^= 1
						return
					}
					at = p.End
				}
			}
			m.Fatal("none")
		}, "inode/xattr:user.long:/attrs/remote", report.Content, 1},

		{"content", in(xfs.Data, "", "", "files", "large"), "data/content:/files/large", report.Content, 1},
		{"content in a piece", in(xfs.Data, "", "", "files", "sparse"), "data/content:/files/sparse", report.Content, 1},
		{"behind a file's end", in(xfs.Slack, "", "", "files", "hard"), "slack/content:/files/hard", report.Residue, 1},
		{"reserved for a file", in(xfs.Unwritten, "", "", "files", "reserved"), "unwritten-extent/content:/files/reserved", report.Residue, 1},
		{"free space", within(xfs.Free), "free-space/content", report.Residue, 1},
		{"kept for trees", within(xfs.Reserved), "free-space/content", report.Residue, 1},
		{"behind the headers", within(xfs.Padding), "padding/content", report.Residue, 1},
		{"log", within(xfs.Log), "log/content", report.Residue, 1},

		{"kind in an entry", func(m *image) {
			m.b[m.part(m.of(xfs.DirBlock, m.inode("dirs", "400")), "ftype", "a-name-of-some-length-00010").Start] ^= 2
		}, "directory/ftype:/dirs/400/a-name-of-some-length-00010", report.Unknown, 1},
		{"room in a directory", in(xfs.DirBlock, "best_free", "", "dirs", "400"), "directory/best_free:/dirs/400", report.Unknown, 1},
		{"behind a name", in(xfs.DirBlock, xfs.SlackField, "", "dirs", "400"), "directory/slack:/dirs/400", report.Residue, 1},
		{"hash", func(m *image) {
			r := m.region(func(r xfs.Region) bool {
				return r.Kind == xfs.DirBlock && r.Off >= 32<<30 && r.Ino == m.inode("dirs", "400").Ino
			})
			m.b[m.part(r, xfs.HashField, "").Start+9] ^= 1
		}, "directory/hashes:/dirs/400", report.Unknown, 1},
		{"extents", in(xfs.ExtentTree, "bb_numrecs", "", "files", "sparse"), "data/content:/files/sparse", report.Content, 0},

		{"free inode", func(m *image) {
			u := m.fs.Units()
			for _, r := range m.regions {
				for at := r.Start; r.Kind == xfs.InodeTable && at < r.End; at += 512 {
					if core := xfs.CoreLayout.Decode(m.b[at:]); core.Mode == 0 {
						p, err := u.At(r, at+92)
						comparetest.Must(m, err)
						m.b[p.Start] ^= 1
						return
					}
				}
			}
			m.Fatal("none")
		}, "free-inode/di_gen", report.Random, 1},

		{"free blocks", flip(xfs.GroupFree, "", "agf_freeblks"), "AGF/agf_freeblks#group-0", report.Unknown, 1},
		{"inodes", flip(xfs.GroupInodes, "", "agi_newino"), "AGI/agi_newino#group-0", report.Unknown, 1},
		{"list", flip(xfs.FreeList, "", "agfl_seqno"), "AGFL/agfl_seqno#group-0", report.Unknown, 1},
		{"tree of free space", flip(xfs.TreeBlock, "cntbt", xfs.RecordsField), "cntbt/records#group-0", report.Unknown, 1},
		{"reverse map", flip(xfs.TreeBlock, "rmapbt", "bb_owner"), "rmapbt/bb_owner#group-0", report.Unknown, 1},
		{"sequence", flip(xfs.TreeBlock, "finobt", "bb_lsn"), "log/lsn", report.Residue, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := first.another(t, good)
			c.plant(m)
			for _, x := range [][2][]byte{{good, m.b}, {m.b, good}} {
				fs, warnings, differing := comparetest.Bytes(t, Compare, x[0], x[1])
				comparetest.WantRoots(t, fs, "p0/xfs/"+c.want)
				if fs[0].Cause != c.cause || fs[0].Bytes != c.bytes || differing > 120 || len(warnings) > 0 {
					t.Errorf("warnings %q, of %d bytes:\n%s", warnings, differing, comparetest.Show(fs))
				}
			}
		})
	}
}

// TestElsewhereOnTheDisk compares two volumes that begin at other places: by
// what they mean alone.
func TestElsewhereOnTheDisk(t *testing.T) {
	good := filled(t)
	m := edited(t, good)
	core(func(c *xfs.Core) { c.UID = 1001 }, "files", "large")(m)
	in(xfs.Data, "", "", "files", "sparse")(m)
	core(func(c *xfs.Core) { c.NBlocks ^= 1 }, "files", "empty")(m) // which means nothing
	l := ledger.New()
	res, err := Compare(t.Context(), l, ledger.Pair{
		A: ledger.Side{R: disk(good), Size: int64(len(good)), Base: 1 << 20},
		B: ledger.Side{R: disk(m.b), Size: int64(len(m.b)), Base: 2 << 20},
	})
	comparetest.Must(t, err)
	fs := l.Findings()
	comparetest.WantRoots(t, fs, "p0/xfs/inode/di_uid:/files/large", "p0/xfs/data/content:/files/sparse")
	if len(fs) != 2 || len(res.Warnings) > 0 || fs[0].Ranges[0].Offset < 1<<20+m.inode("files", "large").Offset {
		t.Errorf("%q\n%s", res.Warnings, comparetest.Show(fs))
	}
}

// TestUUIDThatWasChanged has xfs_db give a filesystem another UUID, as
// xfs_admin -U does.
func TestUUIDThatWasChanged(t *testing.T) {
	a := xfstest.Mkfs(t, 24<<20)
	b := filepath.Join(t.TempDir(), "b")
	comparetest.Must(t, os.WriteFile(b, comparetest.Read(t, a), 0o600))
	judge.Must(t, "xfs_db", "-x", "-c", "uuid 01020300-0000-0000-0000-0000000000ff", b)
	for _, x := range [][2]string{{a, b}, {b, a}} {
		// It also writes "none" in another way than mkfs.xfs.
		comparetest.WantRoots(t, comparetest.Files(t, Compare, x[0], x[1]), "p0/xfs/superblock/sb_uuid", "p0/xfs/superblock/sb_uquotino")
	}
}
