package fat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

var variants = []Variant{FAT12, FAT16, FAT32}

func scan(t testing.TB, b []byte) *Volume {
	t.Helper()
	fs, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := fs.Scan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func regionsOf(t testing.TB, v *Volume) []Region {
	t.Helper()
	regions, err := v.Regions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	end := int64(0)
	for _, r := range regions {
		if r.Start != end || r.Length <= 0 {
			t.Fatalf("region %+v does not start at %d, or is empty", r, end)
		}
		if r.Object != NoObject && int(r.Object) >= len(v.Files) {
			t.Fatalf("region %+v is of no file", r)
		}
		end = r.End()
	}
	if end != v.FS.Size {
		t.Fatalf("the regions end at %d of %d", end, v.FS.Size)
	}
	return regions
}

func TestBootSectorsAre512Bytes(t *testing.T) {
	for name, size := range map[string]int{"16": BootSector16Layout.Size(), "32": BootSector32Layout.Size(), "FSInfo": FSInfoLayout.Size()} {
		if size != 512 {
			t.Errorf("%s has %d bytes", name, size)
		}
	}
	if DirEntryLayout.Size() != SlotSize || LongEntryLayout.Size() != SlotSize {
		t.Error("a slot has not 32 bytes")
	}
	// Offsets as fatgen103 has them.
	for name, off := range map[string]int{"BPB_TotSec32": 32, "BPB_FATSz32": 36, "BPB_BkBootSec": 50, "BS_VolID": 67, "BS_FilSysType": 82, "BS_BootCode": 90, "BS_Signature": 510} {
		if f, ok := BootSector32Layout.Named(name); !ok || f.Offset != off || BootFieldAt(FAT32, off).Name != name {
			t.Errorf("FAT32: %s at %d, want %d", name, f.Offset, off)
		}
	}
	for name, off := range map[string]int{"BS_DrvNum": 36, "BS_VolID": 39, "BS_VolLab": 43, "BS_BootCode": 62} {
		if f, ok := BootSector16Layout.Named(name); !ok || f.Offset != off || BootFieldAt(FAT12, off).Name != name {
			t.Errorf("FAT16: %s at %d, want %d", name, f.Offset, off)
		}
	}
	for name, off := range map[string]int{"FSI_StrucSig": 484, "FSI_Free_Count": 488, "FSI_Nxt_Free": 492, "FSI_TrailSig": 508} {
		if f, ok := FSInfoLayout.Named(name); !ok || f.Offset != off {
			t.Errorf("%s at %d, want %d", name, f.Offset, off)
		}
	}
}

func TestSmallImageReadsAsMade(t *testing.T) {
	for _, variant := range variants {
		t.Run(variant.String(), func(t *testing.T) {
			b := smallImage(t, variant)
			v := scan(t, b)
			if v.FS.Variant != variant {
				t.Errorf("read as %v", v.FS.Variant)
			}
			var paths []string
			if err := v.Walk(func(path string, i uint32) error {
				if v.Path(i) != path {
					t.Errorf("Path says %q, Walk %q", v.Path(i), path)
				}
				paths = append(paths, path)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Join(paths, " "), "/ /DIR /DIR/FILE.bin /a file with a long name.txt"; got != want {
				t.Errorf("the tree is %q, want %q", got, want)
			}
			if v.Label != "SMALL" || ShowSerial(v.FS.Extended.VolID) != "1234-ABCD" {
				t.Errorf("label %q, serial %s", v.Label, ShowSerial(v.FS.Extended.VolID))
			}
			for _, p := range v.Problems() {
				if variant != FAT32 || !strings.Contains(p.Text, "some systems take it for FAT16") {
					t.Errorf("problem: %v", p)
				}
			}
			i, ok := v.Child(0, "a file with a long name.txt")
			if !ok || len(v.Files[i].LongOffsets) != 3 || len(v.Files[i].Extents) != 2 {
				t.Fatalf("the long file: %v, %+v", ok, v.Files[i])
			}
			got, err := io.ReadAll(io.NewSectionReader(v.Open(i), 0, v.Open(i).Size()))
			if want := bytes.Repeat([]byte("fragment "), 100)[:700]; err != nil || !bytes.Equal(got, want) {
				t.Errorf("the fragmented file reads as %q, %v", got, err)
			}
			e := v.Files[i].Entry
			if got, want := ShowTime(e.CrtDate, e.CrtTime, e.CrtTimeTenth), "2023-11-14 22:13:21.25"; got != want {
				t.Errorf("created %q, want %q", got, want)
			}

			// What every byte of the clusters is for.
			var what []string
			for _, r := range regionsOf(t, v) {
				if r.Start >= v.FS.DataOffset {
					c, _ := v.FS.ClusterAt(r.Start)
					path := ""
					if r.Object != NoObject {
						path = " " + v.Path(r.Object)
					}
					what = append(what, fmt.Sprintf("%d %s%s+%d", c, r.Structure, path, r.Logical))
				}
			}
			want := []string{
				"3 data /a file with a long name.txt+0", "4 directory /DIR+0",
				"5 data /a file with a long name.txt+512", "5 slack /a file with a long name.txt+700",
				"6 data /DIR/FILE.bin+0", "7 slack /DIR/FILE.bin+1000", "8 bad cluster+0", "9 lost cluster+0", "10 free space+0",
			}
			first := "2 free space+0"
			if variant == FAT32 {
				first = "2 directory /+0"
			}
			if want = append([]string{first}, want...); !slices.Equal(what, want) {
				t.Errorf("regions:\n%s\nwant\n%s", strings.Join(what, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestSlotsOfTheRoot(t *testing.T) {
	for _, variant := range variants {
		b := smallImage(t, variant)
		v := scan(t, b)
		slots, err := v.Slots(0)
		if err != nil {
			t.Fatal(err)
		}
		want := []SlotKind{SlotLabel, SlotLong, SlotLong, SlotLong, SlotFile, SlotDeleted, SlotFile, SlotEnd}
		for k, s := range slots {
			if k >= len(want) || s.Kind != want[k] {
				t.Errorf("%v: slot %d is a %v", variant, k, s.Kind)
			}
			if !bytes.Equal(b[s.Offset:s.Offset+SlotSize], s.Raw[:]) {
				t.Errorf("%v: slot %d is not at %d", variant, k, s.Offset)
			}
			for off := range SlotSize {
				if name := s.FieldAt(off).Name; !strings.HasPrefix(name, "DIR_") && !strings.HasPrefix(name, "LDIR_") {
					t.Errorf("byte %d of slot %d is %q", off, k, name)
				}
			}
		}
		long, _ := v.Child(0, "a file with a long name.txt")
		for k := 1; k <= 4; k++ {
			if slots[k].Object != long {
				t.Errorf("%v: slot %d is of object %d, want %d", variant, k, slots[k].Object, long)
			}
		}
		sub, _ := v.Child(0, "DIR")
		slots, err = v.Slots(sub)
		if err != nil || len(slots) != 4 || slots[0].Kind != SlotDot || slots[1].Kind != SlotDotDot {
			t.Errorf("%v: the slots of /DIR are %v, %v", variant, slots, err)
		}
	}
}

// Damage ends in a problem, and the rest is still read.
func TestDamageIsAProblem(t *testing.T) {
	for _, variant := range variants {
		g := scan(t, smallImage(t, variant)).FS.Geometry
		dir := g.ClusterOffset(4)
		root := g.RootOffset
		if variant == FAT32 {
			root = g.ClusterOffset(2)
		}
		for want, damage := range map[string]func(b []byte){
			"comes twice":                func(b []byte) { setEntry(b, &g, 5, 3) },
			"belongs to another chain":   func(b []byte) { setEntry(b, &g, 5, 6) },
			"within a chain":             func(b []byte) { setEntry(b, &g, 3, 0) },
			"but its chain only 512":     func(b []byte) { setEntry(b, &g, 3, variant.EndOfChain()) },
			"but a chain of":             func(b []byte) { setEntry(b, &g, 7, 9) },
			"does not exist":             func(b []byte) { b[dir+2*SlotSize+26], b[dir+2*SlotSize+27] = 0x77, 0x77 },
			"has no first cluster":       func(b []byte) { b[dir+2*SlotSize+26] = 0 },
			`no "." entry`:               func(b []byte) { b[dir] = 'X' },
			`".." points at cluster 6`:   func(b []byte) { b[dir+SlotSize+26] = 6 },
			"is no file name":            func(b []byte) { b[dir+2*SlotSize+1] = '/' },
			"a second entry":             func(b []byte) { copy(b[dir+3*SlotSize:], b[dir+2*SlotSize:dir+3*SlotSize]) },
			"a second volume label":      func(b []byte) { copy(b[root+5*SlotSize:], b[root:root+SlotSize]) },
			"label outside the root":     func(b []byte) { b[dir+2*SlotSize+11] = AttrVolumeID },
			"BS_Signature is 0x0":        func(b []byte) { b[510], b[511] = 0, 0 },
			"DIR\" has no first cluster": func(b []byte) { b[root+6*SlotSize+26] = 0 },
		} {
			b := smallImage(t, variant)
			damage(b)
			v := scan(t, b)
			regionsOf(t, v)
			if !slices.ContainsFunc(v.Problems(), func(p Problem) bool { return strings.Contains(p.Text, want) }) {
				t.Errorf("%v: no problem with %q in %v", variant, want, v.Problems())
			}
			if len(v.Files[0].Children) == 0 {
				t.Errorf("%v: %s: nothing is read", variant, want)
			}
		}
		// A directory that is its own child ends as well.
		b := smallImage(t, variant)
		b[dir+2*SlotSize+11], b[dir+2*SlotSize+26] = AttrDirectory, 4
		regionsOf(t, scan(t, b))
		// Broken long names leave the short one.
		b = smallImage(t, variant)
		b[root+SlotSize+13]++
		v := scan(t, b)
		if _, ok := v.Child(0, "AFILEW~1.TXT"); !ok {
			t.Errorf("%v: a long name with a wrong checksum is believed", variant)
		}
		slots, err := v.Slots(0)
		if err != nil || slots[1].Kind != SlotOrphan {
			t.Errorf("%v: its slot is a %v, %v", variant, slots[1].Kind, err)
		}
		// A truncated image is read as far as it goes.
		b = smallImage(t, variant)
		v = scan(t, b[:g.ClusterOffset(5)+100])
		regionsOf(t, v)
		i, _ := v.Child(0, "a file with a long name.txt")
		if _, err := v.Open(i).ReadAt(make([]byte, 700), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v: reading behind the image's end: %v", variant, err)
		}
	}
}

func TestWhatIsNoFATIsRefused(t *testing.T) {
	mbr := make([]byte, 512)
	copy(mbr, []byte{0xFA, 0xB8, 0x00, 0x10, 0x8E, 0xD0, 0xBC, 0x00, 0xB0})
	mbr[510], mbr[511] = 0x55, 0xAA
	grub := make([]byte, 4096)
	copy(grub, []byte{0xEB, 0x63, 0x90})
	grub[510], grub[511] = 0x55, 0xAA
	ntfs, exfat, bitlocker := smallImage(t, FAT16), smallImage(t, FAT32), smallImage(t, FAT32)
	copy(ntfs[3:], "NTFS    ")
	copy(exfat[3:], "EXFAT   ")
	copy(bitlocker[3:], "-FVE-FS-")
	for want, b := range map[string][]byte{
		"too few": make([]byte, 511), "no FAT boot sector": mbr, "BPB_BytsPerSec is 0": grub,
		"NTFS, not FAT": ntfs, "exFAT, not FAT": exfat, "BitLocker": bitlocker,
		"BS_jmpBoot is 000000": make([]byte, 1<<20),
	} {
		_, err := Open(bytes.NewReader(b), int64(len(b)))
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		sec   int64
		nsec  uint32
		shown string
	}{
		{0, 0, "1980-01-01 00:00:00"},
		{-5, 0, "1980-01-01 00:00:00"},
		{315532800, 0, "1980-01-01 00:00:00"},
		{1_700_000_001, 259_999_999, "2023-11-14 22:13:21.25"},
		{951782399, 0, "2000-02-28 23:59:59"},
		{1 << 40, 0, "2107-12-31 23:59:59.99"},
	} {
		date, clock, tenth := EncodeTime(c.sec, c.nsec)
		if got := ShowTime(date, clock, tenth); got != c.shown {
			t.Errorf("%d.%09d is shown as %s, want %s", c.sec, c.nsec, got, c.shown)
		}
		if sec, nsec, ok := DecodeTime(date, clock, tenth); !ok || c.sec == 1_700_000_001 && (sec != c.sec || nsec != 250_000_000) {
			t.Errorf("%s decodes as %d.%09d, %v", c.shown, sec, nsec, ok)
		}
	}
	for _, bad := range [][2]uint16{{0, 0}, {0x0021 + 12<<5, 0}, {0x21, 24 << 11}, {0x21, 60 << 5}, {0x21, 30}, {2<<5 | 30, 0}} {
		if sec, _, ok := DecodeTime(bad[0], bad[1], 0); ok {
			t.Errorf("date %#x time %#x is %d", bad[0], bad[1], sec)
		}
	}
}

func TestEntriesAt(t *testing.T) {
	g := Geometry{Variant: FAT12}
	for off, want := range map[int64][]uint32{0: {0}, 1: {0, 1}, 2: {1}, 3: {2}, 4: {2, 3}, 5: {3}} {
		if got := g.EntriesAt(off); !slices.Equal(got, want) {
			t.Errorf("byte %d is of entries %v, want %v", off, got, want)
		}
	}
}

// read calls everything that reads, and checks what must hold for any image.
func read(t *testing.T, b []byte) {
	fs, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return
	}
	ctx := context.Background()
	if _, _, err := fs.ReadFSInfo(); err != nil {
		t.Fatal(err)
	}
	v, err := fs.Scan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	regionsOf(t, v)
	buf := make([]byte, 4096)
	if err := v.Walk(func(path string, i uint32) error {
		f := &v.Files[i]
		if f.Dir {
			_, err := v.Slots(i)
			return err
		}
		r := v.Open(i)
		for _, off := range []int64{0, f.Size / 2, f.Size - 1} {
			if _, err := r.ReadAt(buf, max(off, 0)); err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// FuzzImage reads whole images.
func FuzzImage(f *testing.F) {
	for _, v := range []Variant{FAT12, FAT32} {
		// Without its free clusters: what is not there reads as zeros, and a
		// fuzzer is the quicker the shorter its inputs are.
		b := smallImage(f, v)
		f.Add(b[:scan(f, b).FS.ClusterOffset(8)])
	}
	f.Fuzz(func(t *testing.T, b []byte) { read(t, b) })
}

// FuzzDamage changes some bytes of a good image: three bytes a change, place
// and value. The places are those of the structures.
func FuzzDamage(f *testing.F) {
	f.Add(uint8(0), []byte{0, 13, 2, 2, 5, 3})
	f.Add(uint8(1), []byte{3, 0, 0xE5, 1, 0, 9})
	f.Add(uint8(2), []byte{0, 44, 9, 4, 26, 2})
	f.Fuzz(func(t *testing.T, variant uint8, changes []byte) {
		v := variants[int(variant)%3]
		b := smallImage(t, v)
		g := scan(t, b).FS.Geometry
		places := []int64{0, 256, g.FATOffset(0), g.DataOffset, g.ClusterOffset(4), g.RootOffset, g.RootOffset + 256, g.FATOffset(1)}
		for ; len(changes) >= 3; changes = changes[3:] {
			b[places[changes[0]%8]+int64(changes[1])] = changes[2]
		}
		read(t, b)
	})
}

// FuzzSlots parses directories.
func FuzzSlots(f *testing.F) {
	b := smallImage(f, FAT12)
	f.Add(b[3*512:4*512], true)
	f.Add(b[3*512:4*512], false)
	f.Fuzz(func(t *testing.T, b []byte, root bool) {
		slots, entries := parseSlots(b, root)
		longs, files := 0, 0
		for _, s := range slots {
			switch s.Kind {
			case SlotLong:
				longs++
			case SlotFile:
				files++
			}
		}
		for _, e := range entries {
			longs -= e.longs
			if e.name == "" || strings.ContainsAny(e.name, "/\x00") || e.name == "." || e.name == ".." {
				t.Errorf("name %q", e.name)
			}
		}
		if longs != 0 || files != len(entries) {
			t.Errorf("%d long slots of nobody, %d entries of %d", longs, len(entries), files)
		}
	})
}

func TestEntryOutsideTheFATIsAnError(t *testing.T) {
	for _, variant := range variants {
		v := scan(t, smallImage(t, variant))
		if _, err := v.FS.Entry(1 << 27); err == nil {
			t.Errorf("%v: entry 2^27 is read", variant)
		}
		if e, err := v.FS.Entry(8); err != nil || e != variant.Bad() {
			t.Errorf("%v: entry 8 is %#x, %v", variant, e, err)
		}
		r := regionAt(regionsOf(t, v), v.FS.ClusterOffset(8)+100)
		if r.Structure != StructBad {
			t.Errorf("%v: cluster 8 is of %+v", variant, r)
		}
	}
}

// What a comparison needs: a byte that changed has one name and one path.
func TestEveryChangedByteHasAName(t *testing.T) {
	b := smallImage(t, FAT32)
	v := scan(t, b)
	regions := regionsOf(t, v)
	g := &v.FS.Geometry
	name := func(off int64) string {
		r := regionAt(regions, off)
		if fields := SectorFields(g.Variant, r.Structure); fields != nil {
			for _, f := range fields {
				if int(off-r.Start) < f.End() {
					return r.Structure + " " + f.Name
				}
			}
		}
		switch r.Structure {
		case StructFAT, StructBackupFAT:
			return fmt.Sprint(r.Structure, g.EntriesAt(off-r.Start+r.Logical))
		case StructDirectory:
			slots, err := v.Slots(r.Object)
			if err != nil {
				t.Fatal(err)
			}
			at := off - r.Start + r.Logical
			k := int(at / SlotSize)
			if k >= len(slots) || slots[k].Kind == SlotEnd {
				return "unused entry of " + v.Path(r.Object)
			}
			path := v.Path(r.Object)
			if slots[k].Object != NoObject {
				path = v.Path(slots[k].Object)
			}
			return fmt.Sprintf("%v %s %s", slots[k].Kind, slots[k].FieldAt(int(at%SlotSize)).Name, path)
		}
		if r.Object != NoObject {
			return fmt.Sprintf("%s %s+%d", r.Structure, v.Path(r.Object), off-r.Start+r.Logical)
		}
		return r.Structure
	}
	root, dir := g.ClusterOffset(2), g.ClusterOffset(4)
	for off, want := range map[int64]string{
		3: "boot sector BS_OEMName", 67: "boot sector BS_VolID", 4*512 + 70: "backup boot sector BS_VolID",
		512 + 488: "FSInfo FSI_Free_Count", 5*512 + 492: "backup FSInfo FSI_Nxt_Free", 3 * 512: "reserved sectors",
		g.FATOffset(0) + 13: "FAT[3]", g.FATOffset(1) + 20: "backup FAT[5]", g.FATOffset(1) - 1: "FAT slack",
		root + 5:                 "volume label DIR_Name /",
		root + SlotSize + 1:      "long name LDIR_Name1 /a file with a long name.txt",
		root + 4*SlotSize + 22:   "entry DIR_WrtTime /a file with a long name.txt",
		root + 5*SlotSize + 1:    "deleted entry DIR_Name /",
		root + 7*SlotSize:        "unused entry of /",
		dir + SlotSize + 24:      ".. entry DIR_WrtDate /DIR",
		dir + 2*SlotSize + 13:    "entry DIR_CrtTimeTenth /DIR/FILE.bin",
		g.ClusterOffset(5) + 10:  "data /a file with a long name.txt+522",
		g.ClusterOffset(7) + 500: "slack /DIR/FILE.bin+1012",
		g.ClusterOffset(20):      "free space",
	} {
		if got := name(off); got != want {
			t.Errorf("byte %d is %q, want %q", off, got, want)
		}
	}
}

// regionAt is the region that holds a byte of the image.
func regionAt(regions []Region, off int64) Region {
	return regions[slices.IndexFunc(regions, func(r Region) bool { return off >= r.Start && off < r.End() })]
}
