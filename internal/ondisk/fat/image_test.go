package fat

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unicode/utf16"
)

// smallImage makes a filesystem of a few dozen clusters of 512 bytes by hand,
// so that a fuzzer gets whole images, and a test can damage one at a known
// place:
//
//	cluster 2      FAT32: the root directory
//	clusters 3, 5  /a file with a long name.txt, 700 bytes
//	cluster 4      /DIR, with FILE.BIN in it
//	clusters 6, 7  /DIR/FILE.BIN, 1,000 bytes
//	cluster 8      bad
//	cluster 9      marked as used, by nobody
func smallImage(t testing.TB, v Variant) []byte {
	t.Helper()
	bpb := BPB{
		JmpBoot: [3]byte{0xEB, 0x3C, 0x90}, OEMName: [8]byte([]byte("by hand ")), BytsPerSec: 512, SecPerClus: 1,
		RsvdSecCnt: 1, NumFATs: 2, RootEntCnt: 16, TotSec16: 64, Media: 0xF8, FATSz16: 1,
	}
	ext := Extended{DrvNum: 0x80, BootSig: ExtBootSig, VolID: 0x1234ABCD, VolLab: [11]byte([]byte("SMALL      "))}
	var boot []byte
	switch v {
	case FAT12:
		boot = BootSector16Layout.Encode(&BootSector16{BPB: bpb, Extended: ext, Signature: BootSignature})
	case FAT16:
		bpb.TotSec16, bpb.FATSz16 = 4300, 17
		boot = BootSector16Layout.Encode(&BootSector16{BPB: bpb, Extended: ext, Signature: BootSignature})
	case FAT32:
		bpb.FATSz16, bpb.RootEntCnt, bpb.RsvdSecCnt = 0, 0, 8
		boot = BootSector32Layout.Encode(&BootSector32{BPB: bpb, Extended: ext, Signature: BootSignature, BPB32: BPB32{
			FATSz32: 1, RootClus: 2, FSInfo: 1, BkBootSec: 4,
		}})
	}
	var problems problems
	g, err := parseGeometry(boot, problems.add)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, g.TotalSectors*512)
	copy(b, boot)
	if v == FAT32 {
		info := FSInfoLayout.Encode(&FSInfo{LeadSig: LeadSig, StrucSig: StrucSig, TrailSig: TrailSig, FreeCount: 46, NxtFree: 7})
		copy(b[512:], info)
		copy(b[4*512:], boot)
		copy(b[5*512:], info)
	}
	eoc := v.EndOfChain()
	for c, e := range []uint32{eoc&^0xFF | 0xF8, eoc, eoc, 5, eoc, eoc, 7, eoc, v.Bad(), eoc} {
		if c == 2 && v != FAT32 {
			continue
		}
		setEntry(b, g, uint32(c), e)
	}
	root := g.RootOffset
	if v == FAT32 {
		root = g.ClusterOffset(2)
	}
	label := DirEntry{Name: [11]byte([]byte("SMALL      ")), Attr: AttrVolumeID}
	date, clock, tenth := EncodeTime(1_700_000_001, 250_000_000)
	file := DirEntry{
		Name: [11]byte([]byte("AFILEW~1TXT")), Attr: AttrArchive, FstClusLO: 3, FileSize: 700,
		CrtDate: date, CrtTime: clock, CrtTimeTenth: tenth, WrtDate: date, WrtTime: clock, LstAccDate: date,
	}
	dir := DirEntry{Name: [11]byte([]byte("DIR        ")), Attr: AttrDirectory, FstClusLO: 4, WrtDate: date}
	inner := DirEntry{Name: [11]byte([]byte("FILE    BIN")), NTRes: NTLowerExt, Attr: AttrArchive, FstClusLO: 6, FileSize: 1000, WrtDate: date}
	gone := DirEntry{Name: [11]byte([]byte("\xE5ONE    TMP")), Attr: AttrArchive, FstClusLO: 9, FileSize: 3}
	dot, dotdot := dir, DirEntry{Name: [11]byte([]byte("..         ")), Attr: AttrDirectory}
	dot.Name = [11]byte([]byte(".          "))
	at := b[root:]
	at = at[copy(at, DirEntryLayout.Encode(&label)):]
	for _, l := range longSlots("a file with a long name.txt", Checksum(file.Name)) {
		at = at[copy(at, LongEntryLayout.Encode(&l)):]
	}
	for _, e := range []*DirEntry{&file, &gone, &dir} {
		at = at[copy(at, DirEntryLayout.Encode(e)):]
	}
	at = b[g.ClusterOffset(4):]
	for _, e := range []*DirEntry{&dot, &dotdot, &inner} {
		at = at[copy(at, DirEntryLayout.Encode(e)):]
	}
	long := bytes.Repeat([]byte("fragment "), 100)
	copy(b[g.ClusterOffset(3):], long[:512])
	copy(b[g.ClusterOffset(5):], long[512:700])
	copy(b[g.ClusterOffset(6):], bytes.Repeat([]byte("0123456789"), 100))
	return b
}

// longSlots cuts a name into slots, last part first.
func longSlots(name string, sum uint8) []LongEntry {
	units := utf16.Encode([]rune(name))
	n := (len(units) + UnitsPerSlot - 1) / UnitsPerSlot
	var out []LongEntry
	for i := n; i >= 1; i-- {
		var u [UnitsPerSlot]uint16
		for k := range u {
			if at := (i-1)*UnitsPerSlot + k; at < len(units) {
				u[k] = units[at]
			} else if at > len(units) {
				u[k] = 0xFFFF
			}
		}
		e := LongEntry{Ord: uint8(i), Attr: AttrLongName, Chksum: sum}
		if i == n {
			e.Ord |= LastLong
		}
		e.SetUnits(u)
		out = append(out, e)
	}
	return out
}

// setEntry stores a FAT entry in all copies.
func setEntry(b []byte, g *Geometry, c, e uint32) {
	le := binary.LittleEndian
	for n := range g.NumFATs {
		off, _ := g.EntryOffset(c)
		at := b[g.FATOffset(n)+off:]
		switch {
		case g.Variant == FAT32:
			le.PutUint32(at, e)
		case g.Variant == FAT16:
			le.PutUint16(at, uint16(e))
		case c&1 == 0:
			le.PutUint16(at, le.Uint16(at)&0xF000|uint16(e))
		default:
			le.PutUint16(at, le.Uint16(at)&0x000F|uint16(e<<4))
		}
	}
}
