package probe

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"testing"
	"unicode/utf16"
)

// planted is bytes at a place of an otherwise empty image.
type planted struct {
	at   int64
	data []byte
}

func plant(t testing.TB, size int64, parts ...planted) string {
	t.Helper()
	path := blank(t, size)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range parts {
		if _, err := f.WriteAt(p.data, p.at); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// words are numbers of 32 bits each.
func words(order binary.AppendByteOrder, n ...uint32) []byte {
	var b []byte
	for _, w := range n {
		b = order.AppendUint32(b, w)
	}
	return b
}

var someUUID = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

const shownUUID = "01020304-0506-0708-090a-0b0c0d0e0f10"

// raid1 is a superblock of version 1 that stands at the byte at.
func raid1(at int64) planted {
	r := raid1Super{Magic: raidMagic, MajorVersion: 1, SetUUID: someUUID, SuperOffset: uint64(at) / 512}
	copy(r.SetName[:], "host:home")
	b := make([]byte, 512)
	raid1Layout.Put(b, &r)
	return planted{at, b}
}

// Structures that only a kernel module or another system's tool writes are
// made here, and blkid judges them.
func TestStructuresMadeHereAreNamedAsBlkidNamesThem(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	const size = 24*mib + 512

	r0 := raid0Super{Magic: raidMagic, MinorVersion: 90, SetUUID0: 0x01020304, SetUUID1: 0x05060708, SetUUID2: 0x090a0b0c, SetUUID3: 0x0d0e0f10, Size: 20 << 10}
	r0End := int64(size)&^(raidReserved-1) - raidReserved

	swap := swapHeader{Version: 1, LastPage: 511, SwsUUID: someUUID}
	copy(swap.SwsVolume[:], "swap")
	swapAt := func(magic string, page int64) []planted {
		return []planted{{1024, swapLayout.Encode(&swap)}, {page - 10, []byte(magic)}}
	}

	apfs := make([]byte, 4096)
	le.PutUint16(apfs[24:], 1)
	copy(apfs[32:], "NXSB")
	le.PutUint32(apfs[36:], 4096)
	copy(apfs[72:], someUUID[:])
	le.PutUint64(apfs, fletcher64(apfs[8:]))

	locked := make([]byte, 512)
	copy(locked, bitLocker7)
	le.PutUint64(locked[176:], 64<<10)
	meta := append([]byte("-FVE-FS-"), 0, 1, 2, 0)

	hfs := make([]byte, 512)
	copy(hfs, "BD")
	be.PutUint32(hfs[hfsBlock:], 4096)
	hfs[hfsLabel] = 9
	copy(hfs[hfsLabel+1:], "Macintosh rest")
	copy(hfs[hfsFinderID:], "identity")

	squash3 := make([]byte, 128)
	copy(squash3, "sqsh")
	be.PutUint16(squash3[28:], 3)
	be.PutUint16(squash3[30:], 1)

	sierra := make([]byte, 2048)
	copy(sierra[9:], highSierra)
	copy(sierra[highSierraVolume:], "OLD DISC")

	for _, c := range []struct {
		name  string
		parts []planted
		want  Info
	}{
		{"md 0.90", []planted{{r0End, raid0LayoutLE.Encode(&r0)}}, Info{"linux_raid_member", "", shownUUID, "0.90.0"}},
		{"md 0.90 of a big-endian machine", []planted{{r0End, raid0LayoutBE.Encode(&r0)}}, Info{"linux_raid_member", "", shownUUID, "0.90.0"}},
		{"md 1.0", []planted{raid1(size&^4095 - 8192)}, Info{"linux_raid_member", "host:home", shownUUID, "1.0"}},
		{"md 1.1", []planted{raid1(0)}, Info{"linux_raid_member", "host:home", shownUUID, "1.1"}},
		{"md 1.2", []planted{raid1(4096)}, Info{"linux_raid_member", "host:home", shownUUID, "1.2"}},
		{"md 1.2 copied elsewhere", []planted{{8192, raid1(4096).data}, {4096, raid1(8192).data}}, Info{}},
		{"swap before version 1", []planted{{4086, []byte("SWAP-SPACE")}}, Info{"swap", "", "", "0"}},
		{"swap", swapAt("SWAPSPACE2", 32<<10), Info{"swap", "swap", shownUUID, "1"}},
		{"suspended", swapAt("S1SUSPEND", 4<<10), Info{"swsuspend", "swap", shownUUID, "s1suspend"}},
		{"suspended with pages of 64 KiB", swapAt("ULSUSPEND", 64<<10), Info{"swsuspend", "swap", shownUUID, "ulsuspend"}},
		{"TuxOnIce", append(swapAt("SWAPSPACE2", 4<<10), planted{0, []byte(tuxOnIce)}), Info{"swsuspend", "swap", shownUUID, "tuxonice"}},
		{"snapshot", []planted{{0, []byte("SnAp")}}, Info{"DM_snapshot_cow", "", "", ""}},
		{"APFS", []planted{{0, apfs}}, Info{"apfs", "", shownUUID, ""}},
		{"BitLocker", []planted{{0, locked}, {64 << 10, meta}}, Info{"BitLocker", "", "", "2"}},
		{"BitLocker of Vista", []planted{{0, []byte(bitLockerVista)}}, Info{"BitLocker", "", "", ""}},
		{"HFS", []planted{{1024, hfs}}, Info{"hfs", "Macintosh", hfsUUID([]byte("identity")), ""}},
		{"HFS+", hfsPlus("Läbel", 0), Info{"hfsplus", "Läbel", hfsUUID([]byte("identity")), ""}},
		{"HFS+ inside HFS", hfsPlus("inside", 1), Info{"hfsplus", "inside", hfsUUID([]byte("identity")), ""}},
		{"squashfs 3", []planted{{0, squash3}}, Info{"squashfs3", "", "", "3.1"}},
		{"High Sierra", []planted{{isoFirst, sierra}}, Info{"iso9660", "OLD DISC", "", "High Sierra"}},
		{"UDF's mark alone", []planted{{isoFirst, []byte("\x00BEA01\x01")}}, Info{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := plant(t, size, c.parts...)
			got := identify(t, path)
			if got != c.want {
				t.Errorf("identified as %q, want %q", got, c.want)
			}
			if said := blkid(t, path); said != c.want && c.name != "HFS+" { // it shows ä as M-CM-$
				t.Errorf("blkid says %q, want %q", said, c.want)
			}
		})
	}
}

// hfsPlus is a volume of 4096 byte blocks with its root folder alone. With
// wrap blocks of 4096 bytes before it, it lies inside an HFS volume.
func hfsPlus(name string, wrap int64) []planted {
	be := binary.BigEndian
	off := wrap * 4096
	head := make([]byte, 512)
	copy(head, "H+")
	be.PutUint32(head[hfsPlusBlock:], 4096)
	copy(head[hfsPlusFinder:], "identity")
	copy(head[hfsCatalog:], words(be, 4, 1, 8, 1)) // the catalog's two blocks are apart

	btree := make([]byte, 512)
	be.PutUint32(btree[hfsNode+6:], 1)     // leafRecords
	be.PutUint32(btree[hfsNode+10:], 1)    // firstLeafNode
	be.PutUint16(btree[hfsNode+18:], 4096) // nodeSize

	leaf := make([]byte, 4096)
	leaf[8] = hfsLeaf
	be.PutUint16(leaf[10:], 1)
	be.PutUint32(leaf[hfsNode+2:], hfsRootParent)
	chars := utf16.Encode([]rune(name))
	be.PutUint16(leaf[hfsNode+6:], uint16(len(chars)))
	for i, c := range chars {
		be.PutUint16(leaf[hfsNode+8+2*i:], c)
	}
	parts := []planted{{off + 1024, head}, {off + 4*4096, btree}, {off + 8*4096, leaf}}
	if wrap > 0 {
		mdb := make([]byte, 512)
		copy(mdb, "BD")
		be.PutUint32(mdb[hfsBlock:], 4096)
		copy(mdb[hfsEmbed:], "H+")
		be.PutUint16(mdb[hfsEmbed+2:], uint16(wrap))
		parts = append(parts, planted{1024, mdb})
	}
	return parts
}

// fletcher64 is the checksum of APFS, which newer versions of blkid verify.
func fletcher64(b []byte) uint64 {
	const mod = 0xffffffff
	var low, high uint64
	for ; len(b) >= 4; b = b[4:] {
		low += uint64(binary.LittleEndian.Uint32(b))
		high += low
	}
	first := uint64(^uint32((low + high) % mod))
	second := uint64(^uint32((low + first) % mod))
	return second<<32 | first
}

// A disc that also boots from a stick has a partition table in the space
// before its first descriptor.
func TestADiscWithAPartitionTableIsADisc(t *testing.T) {
	disc, size := unpack(t, "isoxorriso")
	mbr := bytes.Repeat([]byte{0x90}, 512)
	copy(mbr[446:], make([]byte, 64))
	copy(mbr[446:], []byte{0x80, 0, 1, 0, 0x17, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0})
	mbr[510], mbr[511] = 0x55, 0xaa
	parts := []planted{{0, mbr}}
	for no, d := range disc.data {
		if no > 0 {
			parts = append(parts, planted{no * 512, d})
		}
	}
	if got := agree(t, plant(t, size, parts...)); got.Type != "iso9660" || got.Label != "XORLABEL" {
		t.Errorf("identified as %q", got)
	}
}

func TestTheChecksumsAreThoseOfTheirTools(t *testing.T) {
	// rawCRC with all bits set is the ordinary CRC-32 before its last inversion.
	if got, want := rawCRC(0xffffffff, []byte("123456789")), ^crc32.ChecksumIEEE([]byte("123456789")); got != want {
		t.Errorf("rawCRC = %#x, want %#x", got, want)
	}
}
