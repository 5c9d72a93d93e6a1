package partition

import (
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
)

// SectorSize in bytes, of every LBA in this package.
const SectorSize = 512

const mib = 1 << 20

// grain is the alignment that parted strives for, in sectors: 1 MiB.
const grain = mib / SectorSize

// Type is a value of make-disk-image's option partitionTableType.
type Type string

const (
	None        Type = "none"
	Legacy      Type = "legacy"
	LegacyGPT   Type = "legacy+gpt"
	EFI         Type = "efi"
	EFIXBOOTLDR Type = "efixbootldr"
	Hybrid      Type = "hybrid"
)

// Types lists every Type, in the order in which they are documented.
var Types = []Type{None, Legacy, LegacyGPT, EFI, EFIXBOOTLDR, Hybrid}

// GUIDs that make-disk-image gives with deterministic = true. The disk's is
// what sgdisk makes of the 35 characters that stand there.
var (
	DiskGUID   = gpt.MustGUID("97FD5997-F390-0B4A-A3F8-D106C1723AEA")
	FirstGUID  = gpt.MustGUID("1C06F03B-704E-4657-B9CD-681A087A2FDC") // of partition 1, where it is not the root
	SecondGUID = gpt.MustGUID("970C694F-AFD0-4B99-B750-CDB7A329AB6F") // of partition 2, where it is not the root
	RootGUID   = gpt.MustGUID("F222513B-DED1-49FA-B591-20CE86A2FE7F") // the default of rootGPUID
)

// Label is the sort of table that a layout needs.
type Label string

const (
	NoLabel  Label = "" // the disk is one filesystem
	LabelDOS Label = "dos"
	LabelGPT Label = "gpt"
)

// Role is what a partition is for.
type Role string

const (
	Root     Role = "root"
	ESP      Role = "esp"
	BIOSBoot Role = "bios-boot" // holds GRUB's core image, no filesystem
	XBOOTLDR Role = "xbootldr"  // kernels for systemd-boot, FAT like the ESP
)

// Partition is one partition of a layout.
type Partition struct {
	Number   int // in the table, from 1; 0 for the root of layout none
	Role     Role
	StartLBA uint64
	EndLBA   uint64 // the last sector, inclusive

	Name       string   // GPT only
	TypeGUID   gpt.GUID // GPT only
	UniqueGUID gpt.GUID // GPT only
	OSType     uint8    // boot record only
}

// Offset of the partition's first byte on the disk.
func (p Partition) Offset() int64 { return int64(p.StartLBA) * SectorSize }

// Length of the partition in bytes.
func (p Partition) Length() int64 { return int64(p.EndLBA-p.StartLBA+1) * SectorSize }

// Layout is where everything goes on a disk.
type Layout struct {
	Type          Type
	Label         Label
	DiskSize      int64    // bytes
	DiskGUID      gpt.GUID // GPT only
	DiskSignature uint32   // boot record only
	Partitions    []Partition
	Warnings      []string
}

// Find is the partition of that role; ok is false where the layout has none.
func (l Layout) Find(r Role) (p Partition, ok bool) {
	for _, p := range l.Partitions {
		if p.Role == r {
			return p, true
		}
	}
	return Partition{}, false
}

// Root is the root partition, which every layout has.
func (l Layout) Root() Partition {
	p, _ := l.Find(Root)
	return p
}

// Options say what to lay out.
type Options struct {
	Type          Type
	DiskSize      int64    // bytes, a multiple of SectorSize
	BootSize      BootSize // of efi, efixbootldr and hybrid
	RootGUID      gpt.GUID // rootGPUID: the root partition's unique GUID
	DiskSignature uint32   // of legacy: what tells the disk from others
}

// Where make-disk-image's partitions begin, in sectors.
const (
	firstUsable   = 34                       // of a GPT with 128 entries
	legacyStart   = 1 * grain                // legacy's root, and legacy+gpt's BIOS boot partition
	legacyGPTRoot = 2 * grain                // "2MB", which parted rounds to this
	espStart      = 8 * grain                //
	xbootldrStart = 100 * grain              //
	hybridBIOSEnd = 1024 * 1024 / SectorSize // "1024KiB": parted takes an end in KiB inclusively
)

// minRoot is the least that a root partition may have, in bytes: a filesystem
// smaller than that is never meant.
const minRoot = mib

// Plan lays out a disk. Its errors are in the words of the options.
func Plan(o Options) (Layout, error) {
	l := Layout{Type: o.Type, DiskSize: o.DiskSize}
	if o.DiskSize <= 0 || o.DiskSize%SectorSize != 0 {
		return l, fmt.Errorf("disk size of %d bytes is not a positive multiple of %d", o.DiskSize, SectorSize)
	}
	boundary, aligned := o.BootSize.Boundary()
	first, second := FirstGUID, SecondGUID
	root := Partition{Role: Root, Name: "primary", TypeGUID: gpt.TypeLinux, UniqueGUID: o.RootGUID}
	esp := Partition{Number: 1, Role: ESP, Name: "ESP", TypeGUID: gpt.TypeESP, UniqueGUID: first, StartLBA: espStart, EndLBA: boundary - 1}
	var bootStart uint64
	switch o.Type {
	case None:
		root = Partition{Role: Root, EndLBA: uint64(o.DiskSize/SectorSize) - 1}
		if o.DiskSize < minRoot {
			return l, tooSmall(o, minRoot)
		}
		l.Partitions = []Partition{root}
		return l, nil
	case Legacy:
		l.Label, l.DiskSignature = LabelDOS, o.DiskSignature
		root = Partition{Number: 1, Role: Root, StartLBA: legacyStart, OSType: mbr.TypeLinux}
		aligned = true
	case LegacyGPT:
		l.Label = LabelGPT
		l.Partitions = []Partition{{Number: 1, Role: BIOSBoot, Name: "no-fs", TypeGUID: gpt.TypeBIOSBoot, UniqueGUID: first, StartLBA: legacyStart, EndLBA: legacyGPTRoot - 1}}
		root.Number, root.StartLBA = 2, legacyGPTRoot
		aligned = true
	case EFI:
		l.Label, bootStart = LabelGPT, espStart
		l.Partitions = []Partition{esp}
		root.Number, root.StartLBA = 2, boundary
	case EFIXBOOTLDR:
		l.Label, bootStart = LabelGPT, xbootldrStart
		esp.EndLBA = xbootldrStart - 1
		l.Partitions = []Partition{esp, {Number: 2, Role: XBOOTLDR, Name: "BOOT", TypeGUID: gpt.TypeXBOOTLDR, UniqueGUID: second, StartLBA: xbootldrStart, EndLBA: boundary - 1}}
		root.Number, root.StartLBA, root.Name = 3, boundary, "ROOT"
	case Hybrid:
		l.Label, bootStart = LabelGPT, espStart
		l.Partitions = []Partition{esp, {Number: 2, Role: BIOSBoot, Name: "no-fs", TypeGUID: gpt.TypeBIOSBoot, UniqueGUID: second, StartLBA: firstUsable, EndLBA: hybridBIOSEnd}}
		root.Number, root.StartLBA = 3, boundary
	default:
		return l, fmt.Errorf("partitionTableType %q is none of %q", o.Type, Types)
	}
	if l.Label == LabelGPT {
		l.DiskGUID = DiskGUID
		if o.RootGUID == (gpt.GUID{}) {
			return l, errors.New("rootGPUID is zero, which marks an unused partition")
		}
	}
	if bootStart != 0 && boundary <= bootStart {
		return l, fmt.Errorf("bootSize %s ends at byte %d, before the boot partition begins at byte %d: it is the offset of the partition's end, not its size",
			o.BootSize, boundary*SectorSize, bootStart*SectorSize)
	}
	// Parted needs 1 MB behind the root partition ("-1") and rounds that.
	if o.DiskSize/SectorSize < int64(root.StartLBA)+minRoot/SectorSize+grain {
		return l, tooSmall(o, int64(root.StartLBA)*SectorSize+minRoot+mib)
	}
	root.EndLBA = rootEnd(uint64(o.DiskSize/SectorSize), aligned)
	if l.Label == LabelDOS && root.EndLBA >= 1<<32 {
		return l, fmt.Errorf("disk size of %d bytes is more than a boot record can hold (2 TiB): use legacy+gpt", o.DiskSize)
	}
	if !aligned {
		l.Warnings = append(l.Warnings, fmt.Sprintf("bootSize %s makes the root partition begin in sector %d, which is not aligned to 1 MiB", o.BootSize, boundary))
	}
	l.Partitions = append(l.Partitions, root)
	return l, nil
}

func tooSmall(o Options, need int64) error {
	return fmt.Errorf("disk size of %d bytes is too small for partitionTableType %s: %d bytes are missing", o.DiskSize, o.Type, need-o.DiskSize)
}

// rootEnd is where parted puts the end "-1": 1 MB from the disk's end, moved to
// the nearest end of a grain. It moves nothing where it could not align the
// partition's start.
func rootEnd(sectors uint64, aligned bool) uint64 {
	centre := sectors - 1_000_000/SectorSize
	if !aligned {
		return centre
	}
	end, ok := snap(centre+1, megabyteRadius)
	if !ok {
		return centre
	}
	return end - 1
}
