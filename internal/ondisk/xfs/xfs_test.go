package xfs

import (
	"bytes"
	"strings"
	"testing"
)

// small is a filesystem of two groups of 64 blocks whose root directory, inode
// 128, is as large as its inode, in a block, or in a tree of extents.
func small(form uint8) []byte {
	b := make([]byte, 128*4096)
	SuperblockLayout.Put(b, &Superblock{
		Magic: Magic, BlockSize: 4096, DBlocks: 128, RootIno: 128, AGBlocks: 64, AGCount: 2, VersionNum: 0xB4A5, SectSize: 512,
		InodeSize: 512, InoPBlock: 8, BlockLog: 12, SectLog: 9, InodeLog: 9, InoPBLog: 3, AGBlkLog: 6,
	})
	inode := b[16*4096 : 16*4096+512]
	CoreLayout.Put(inode, &Core{Magic: InodeMagic, Mode: 0o040755, Version: 3, Format: form, NExtents: 1, Ino: 128})
	fork := inode[CoreSize:]
	// One block, 70 of the filesystem, of which the second group's number is 6.
	be.PutUint64(fork[8:], 70<<21|1)
	switch form {
	case formatLocal:
		copy(fork, "\x01\x00\x00\x00\x00\x80\x04\x00\x00name\x01\x00\x00\x00\x81")
	case formatBtree:
		extent := append([]byte(nil), fork[:16]...)
		clear(fork)
		be.PutUint16(fork, 1)
		be.PutUint16(fork[2:], 1)
		be.PutUint64(fork[4+8*((512-CoreSize-4)/16):], 71)
		block := b[71*4096:]
		be.PutUint32(block, bmapMagic)
		be.PutUint16(block[6:], 1)
		copy(block[bmapHeaderSize:], extent)
	}
	data := b[70*4096 : 71*4096]
	be.PutUint32(data, dataMagic)
	be.PutUint64(data[64:], 129)
	data[72] = 4
	copy(data[73:], "name")
	be.PutUint16(data[80:], freeTag)
	be.PutUint16(data[82:], 4096-80)
	Seal(inode)
	return b
}

func TestDirectories(t *testing.T) {
	for _, form := range []uint8{formatLocal, formatExtents, formatBtree} {
		b := small(form)
		fs, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		names, err := fs.Dir(128)
		if err != nil || len(names) != 1 || names["name"] != 129 {
			t.Errorf("form %d: %v, %v", form, names, err)
		}
		if _, err := fs.Dir(129); err == nil || !strings.Contains(err.Error(), "this is not inode 129") {
			t.Errorf("%v", err)
		}
	}
}

func TestDamageIsToldWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		form uint8
		at   int
		to   byte
		want string
	}{
		{formatLocal, 0, 0, "byte 0: no superblock"},
		{formatLocal, 101, 4, "byte 100: version 4 is not read, only 5"},
		{formatLocal, 120, 13, "byte 4: blocks of 4096 and inodes of 512 bytes do not go together"},
		{formatLocal, 91, 99, "byte 84: 99 groups of 64 blocks in 128"},
		{formatLocal, 16*4096 + 200, 1, "byte 65536: the checksum of inode 128 is wrong"},
		{formatExtents, 70 * 4096, 0, "byte 286720: this is no block of a directory"},
		{formatExtents, 70*4096 + 72, 0, "byte 286784: a name of 0 bytes"},
		{formatExtents, 70*4096 + 83, 3, "byte 286800: free space of 4099 bytes"},
		{formatBtree, 71 * 4096, 0, "byte 290816: this is no block of a tree of extents"},
	} {
		b := small(c.form)
		b[c.at] = c.to
		fs, err := Open(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			_, err = fs.Dir(128)
		}
		if c.want = "xfs: " + c.want; c.at == 70*4096+83 {
			c.want = "xfs: byte 286800: free space of 3843 bytes"
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		sec   int64
		nsec  uint32
		flags uint64
		want  uint64
		ok    bool
	}{
		{0, 0, 0, 0, true},
		{1, 5, 0, 1<<32 | 5, true},
		{-1, 0, 0, 0xFFFFFFFF << 32, true},
		{1 << 31, 0, 0, 0, false},
		{-1 << 31, 7, BigTime, 7, true},
		{0, 1, BigTime, 1<<31*1_000_000_000 + 1, true},
		{15032385535, 0, BigTime, (15032385535 + 1<<31) * 1_000_000_000, true},
		{maxBigTime + 1, 0, BigTime, 0, false},
	} {
		if got, ok := Time(c.sec, c.nsec, c.flags); ok != c.ok || ok && got != c.want {
			t.Errorf("%d.%d: %x, %v", c.sec, c.nsec, got, ok)
		}
	}
}

// FuzzDir reads whatever stands there, and ends. Checksums of inodes are made
// right, for behind them is what is looked for.
func FuzzDir(f *testing.F) {
	for _, form := range []uint8{formatLocal, formatExtents, formatBtree} {
		f.Add(small(form)[:72*4096])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 17*4096 || len(b) > 1<<20 {
			return
		}
		b = bytes.Clone(b)
		Seal(b[16*4096 : 16*4096+512])
		fs, err := Open(bytes.NewReader(b), 128*4096)
		if err != nil {
			return
		}
		if names, err := fs.Dir(fs.SB.RootIno); err == nil && len(names) > maxForkBlocks*512 {
			t.Errorf("%d names", len(names))
		}
	})
}
