package fat

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// BPB is the part of the boot sector that all variants share
// (fatgen103, "Boot Sector and BPB Structure"; bytes 0 to 35).
type BPB struct {
	JmpBoot    [3]byte `disk:"BS_jmpBoot,bytes"` // EB xx 90 or E9 xx xx
	OEMName    [8]byte `disk:"BS_OEMName,text"`  // the formatting tool's name; no meaning
	BytsPerSec uint16  `disk:"BPB_BytsPerSec"`   // 512, 1024, 2048 or 4096
	SecPerClus uint8   `disk:"BPB_SecPerClus"`   // a power of two, 1 to 128
	RsvdSecCnt uint16  `disk:"BPB_RsvdSecCnt"`   // sectors before the first FAT
	NumFATs    uint8   `disk:"BPB_NumFATs"`      // copies of the FAT
	RootEntCnt uint16  `disk:"BPB_RootEntCnt"`   // 32-byte slots of the fixed root directory; 0 on FAT32
	TotSec16   uint16  `disk:"BPB_TotSec16"`     // sectors, or 0 where TotSec32 counts them
	Media      uint8   `disk:"BPB_Media,hex"`    // F8 fixed, F0 removable; also the low byte of FAT[0]
	FATSz16    uint16  `disk:"BPB_FATSz16"`      // sectors of one FAT; 0 on FAT32
	SecPerTrk  uint16  `disk:"BPB_SecPerTrk"`    // geometry for INT 13h
	NumHeads   uint16  `disk:"BPB_NumHeads"`     // geometry for INT 13h
	HiddSec    uint32  `disk:"BPB_HiddSec"`      // sectors before the partition
	TotSec32   uint32  `disk:"BPB_TotSec32"`     // sectors, where TotSec16 is 0
}

// Extended is the block that follows the BPB: at byte 36 on FAT12 and FAT16,
// at byte 64 on FAT32.
type Extended struct {
	DrvNum     uint8    `disk:"BS_DrvNum,hex"`      // INT 13h drive: 80 fixed, 00 floppy
	Reserved1  uint8    `disk:"BS_Reserved1,flags"` // zero; Windows NT and Linux: bit 0 not cleanly unmounted, bit 1 check the surface
	BootSig    uint8    `disk:"BS_BootSig,hex"`     // 29 where the next three fields hold something
	VolID      uint32   `disk:"BS_VolID,hex"`       // serial number
	VolLab     [11]byte `disk:"BS_VolLab,text"`     // label, padded with blanks; "NO NAME" for none
	FilSysType [8]byte  `disk:"BS_FilSysType,text"` // for people only: it does not tell the variant
}

// BootSector16 is the boot sector of FAT12 and FAT16.
type BootSector16 struct {
	BPB       `disk:""`
	Extended  `disk:""`
	BootCode  [448]byte `disk:"BS_BootCode,bytes"`
	Signature uint16    `disk:"BS_Signature,hex"` // AA55
}

// BPB32 is what FAT32 adds to the parameter block (bytes 36 to 63).
type BPB32 struct {
	FATSz32   uint32   `disk:"BPB_FATSz32"`        // sectors of one FAT
	ExtFlags  uint16   `disk:"BPB_ExtFlags,flags"` // bit 7: only the FAT numbered in bits 0 to 3 is in use
	FSVer     uint16   `disk:"BPB_FSVer,hex"`      // 0.0
	RootClus  uint32   `disk:"BPB_RootClus"`       // first cluster of the root directory
	FSInfo    uint16   `disk:"BPB_FSInfo"`         // sector of the FSInfo structure
	BkBootSec uint16   `disk:"BPB_BkBootSec"`      // sector of the boot sector's copy, or 0
	Reserved  [12]byte `disk:"BPB_Reserved,reserved"`
}

// BootSector32 is the boot sector of FAT32.
type BootSector32 struct {
	BPB       `disk:""`
	BPB32     `disk:""`
	Extended  `disk:""`
	BootCode  [420]byte `disk:"BS_BootCode,bytes"`
	Signature uint16    `disk:"BS_Signature,hex"` // AA55
}

// FSInfo is FAT32's sector of hints (fatgen103, "FAT32 FSInfo Sector
// Structure and Backup Boot Sector").
type FSInfo struct {
	LeadSig   uint32    `disk:"FSI_LeadSig,hex"` // 41615252
	Reserved1 [480]byte `disk:"FSI_Reserved1,reserved"`
	StrucSig  uint32    `disk:"FSI_StrucSig,hex"` // 61417272
	FreeCount uint32    `disk:"FSI_Free_Count"`   // free clusters, FFFFFFFF where unknown
	NxtFree   uint32    `disk:"FSI_Nxt_Free"`     // where to start looking for a free cluster
	Reserved2 [12]byte  `disk:"FSI_Reserved2,reserved"`
	TrailSig  uint32    `disk:"FSI_TrailSig,hex"` // AA550000
}

// DirEntry is a directory slot that names a file, a directory or the volume
// (fatgen103, "FAT 32 Byte Directory Entry Structure").
type DirEntry struct {
	Name         [11]byte `disk:"DIR_Name,text"`      // 8 + 3 characters, upper case, padded with blanks
	Attr         uint8    `disk:"DIR_Attr,flags"`     // AttrReadOnly …
	NTRes        uint8    `disk:"DIR_NTRes,flags"`    // NTLowerBase, NTLowerExt
	CrtTimeTenth uint8    `disk:"DIR_CrtTimeTenth"`   // 0 to 199 units of 10 ms
	CrtTime      uint16   `disk:"DIR_CrtTime,hex"`    // DOS time
	CrtDate      uint16   `disk:"DIR_CrtDate,hex"`    // DOS date
	LstAccDate   uint16   `disk:"DIR_LstAccDate,hex"` // DOS date
	FstClusHI    uint16   `disk:"DIR_FstClusHI"`      // high half of the first cluster; 0 before FAT32
	WrtTime      uint16   `disk:"DIR_WrtTime,hex"`    // DOS time
	WrtDate      uint16   `disk:"DIR_WrtDate,hex"`    // DOS date
	FstClusLO    uint16   `disk:"DIR_FstClusLO"`      // low half of the first cluster
	FileSize     uint32   `disk:"DIR_FileSize"`       // bytes; 0 for directories
}

// LongEntry is a directory slot that holds 13 UTF-16 units of a long name
// (fatgen103, "FAT Long Directory Entry Structure").
type LongEntry struct {
	Ord       uint8    `disk:"LDIR_Ord,hex"` // 1 to 20, with LastLong in the name's last part, which comes first
	Name1     [10]byte `disk:"LDIR_Name1,utf16"`
	Attr      uint8    `disk:"LDIR_Attr,flags"` // AttrLongName
	Type      uint8    `disk:"LDIR_Type"`       // 0
	Chksum    uint8    `disk:"LDIR_Chksum,checksum"`
	Name2     [12]byte `disk:"LDIR_Name2,utf16"`
	FstClusLO uint16   `disk:"LDIR_FstClusLO"` // 0
	Name3     [4]byte  `disk:"LDIR_Name3,utf16"`
}

// The structures' layouts: offsets, names, decoding and encoding.
var (
	BootSector16Layout = field.MustOf[BootSector16](binary.LittleEndian)
	BootSector32Layout = field.MustOf[BootSector32](binary.LittleEndian)
	FSInfoLayout       = field.MustOf[FSInfo](binary.LittleEndian)
	DirEntryLayout     = field.MustOf[DirEntry](binary.LittleEndian)
	LongEntryLayout    = field.MustOf[LongEntry](binary.LittleEndian)
)

// Signatures (fatgen103).
const (
	BootSignature = 0xAA55     // BS_Signature
	ExtBootSig    = 0x29       // BS_BootSig
	LeadSig       = 0x41615252 // FSI_LeadSig, "RRaA"
	StrucSig      = 0x61417272 // FSI_StrucSig, "rrAa"
	TrailSig      = 0xAA550000 // FSI_TrailSig
)

// Bits of DIR_Attr.
const (
	AttrReadOnly  = 0x01
	AttrHidden    = 0x02
	AttrSystem    = 0x04
	AttrVolumeID  = 0x08
	AttrDirectory = 0x10
	AttrArchive   = 0x20

	AttrLongName     = 0x0F // the low four bits together mark a long-name slot
	attrLongNameMask = 0x3F
)

// Bits of DIR_NTRes, as Windows NT sets them.
const (
	NTLowerBase = 0x08 // the eight characters of the base are shown in lower case
	NTLowerExt  = 0x10 // the three characters of the extension likewise
)

// First bytes of DIR_Name that are no character.
const (
	NameEnd     = 0x00 // this slot and all behind it are free
	NameDeleted = 0xE5 // this slot is free
	NameKanjiE5 = 0x05 // stands for the character E5
)

// LastLong is the bit of LDIR_Ord that marks the last part of a long name.
const LastLong = 0x40

// SlotSize is the size of a directory slot in bytes.
const SlotSize = 32

// UnitsPerSlot is the number of UTF-16 units that a LongEntry holds.
const UnitsPerSlot = 13

// MaxNameUnits is the greatest length of a long name in UTF-16 units.
const MaxNameUnits = 255

// Cluster counts that tell the variants apart (fatgen103, "FAT Type
// Determination"): fewer than MinClusters16 is FAT12, fewer than
// MinClusters32 is FAT16.
const (
	MinClusters16 = 4085
	MinClusters32 = 65525
)

// Units are the name's UTF-16 units in this slot, with the terminator and the
// padding that follow it.
func (e *LongEntry) Units() [UnitsPerSlot]uint16 {
	var u [UnitsPerSlot]uint16
	le := binary.LittleEndian
	for i := range 5 {
		u[i] = le.Uint16(e.Name1[2*i:])
	}
	for i := range 6 {
		u[5+i] = le.Uint16(e.Name2[2*i:])
	}
	for i := range 2 {
		u[11+i] = le.Uint16(e.Name3[2*i:])
	}
	return u
}

// SetUnits stores 13 units of a name.
func (e *LongEntry) SetUnits(u [UnitsPerSlot]uint16) {
	le := binary.LittleEndian
	for i := range 5 {
		le.PutUint16(e.Name1[2*i:], u[i])
	}
	for i := range 6 {
		le.PutUint16(e.Name2[2*i:], u[5+i])
	}
	for i := range 2 {
		le.PutUint16(e.Name3[2*i:], u[11+i])
	}
}

// Checksum is the LDIR_Chksum that ties long-name slots to the DIR_Name that
// follows them (fatgen103, "ChkSum").
func Checksum(name [11]byte) uint8 {
	var sum uint8
	for _, c := range name {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}

// FirstCluster joins the two halves of the entry's first cluster. FAT12 and
// FAT16 have only the low one; OS/2 keeps something else in the other.
func (e *DirEntry) FirstCluster(v Variant) uint32 {
	if v != FAT32 {
		return uint32(e.FstClusLO)
	}
	return uint32(e.FstClusHI)<<16 | uint32(e.FstClusLO)
}
