package probe

import (
	"encoding/binary"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// exfatBoot is exFAT's Main Boot Sector.
type exfatBoot struct {
	JumpBoot                    [3]byte  `disk:"JumpBoot,bytes"`
	FileSystemName              [8]byte  `disk:"FileSystemName,text"`
	MustBeZero                  [53]byte `disk:"MustBeZero,reserved"`
	PartitionOffset             uint64   `disk:"PartitionOffset"`
	VolumeLength                uint64   `disk:"VolumeLength"`
	FatOffset                   uint32   `disk:"FatOffset"`
	FatLength                   uint32   `disk:"FatLength"`
	ClusterHeapOffset           uint32   `disk:"ClusterHeapOffset"`
	ClusterCount                uint32   `disk:"ClusterCount"`
	FirstClusterOfRootDirectory uint32   `disk:"FirstClusterOfRootDirectory"`
	VolumeSerialNumber          [4]byte  `disk:"VolumeSerialNumber,bytes"`
	FileSystemRevision          [2]byte  `disk:"FileSystemRevision,bytes"`
	VolumeFlags                 uint16   `disk:"VolumeFlags,flags"`
	BytesPerSectorShift         uint8    `disk:"BytesPerSectorShift"`
	SectorsPerClusterShift      uint8    `disk:"SectorsPerClusterShift"`
}

var exfatLayout = field.MustOf[exfatBoot](binary.LittleEndian)

const exfatVolumeLabel = 0x83 // EntryType of the Volume Label directory entry

func decodeExFAT(s *source, _ magic) (Info, bool) {
	b := s.bytes(0, 512)
	e := exfatLayout.Decode(b)
	// Section 3.1.14 and 3.1.15: sectors of 512 to 4096 bytes, clusters of 32 MiB at most.
	if b == nil || !zero(e.MustBeZero[:]) || b[510] != 0x55 || b[511] != 0xaa ||
		e.BytesPerSectorShift < 9 || e.BytesPerSectorShift > 12 || int(e.BytesPerSectorShift)+int(e.SectorsPerClusterShift) > 25 {
		return Info{}, false
	}
	info := Info{Label: e.label(s), Version: fmt.Sprintf("%d.%d", e.FileSystemRevision[1], e.FileSystemRevision[0])}
	if id := e.VolumeSerialNumber; !zero(id[:]) {
		info.UUID = fmt.Sprintf("%02X%02X-%02X%02X", id[3], id[2], id[1], id[0])
	}
	return info, true
}

// label searches the root directory for the Volume Label entry.
func (e exfatBoot) label(s *source) string {
	cluster := int64(1) << (e.BytesPerSectorShift + e.SectorsPerClusterShift)
	next := int64(e.FirstClusterOfRootDirectory)
	for left := int64(rootMax); left > 0 && next >= 2 && next < int64(e.ClusterCount)+2; left -= cluster {
		off := int64(e.ClusterHeapOffset)<<e.BytesPerSectorShift + (next-2)*cluster
		for end := off + min(cluster, left); off < end; off += fatEntry {
			b := s.bytes(off, fatEntry)
			if b == nil || b[0] == 0 {
				return ""
			}
			if b[0] == exfatVolumeLabel {
				return wide(b[2:2+2*min(int(b[1]), 11)], binary.LittleEndian)
			}
		}
		b := s.bytes(int64(e.FatOffset)<<e.BytesPerSectorShift+next*4, 4)
		if b == nil {
			return ""
		}
		next = int64(binary.LittleEndian.Uint32(b))
	}
	return ""
}

// ntfsBoot is NTFS's boot sector as far as the serial number.
type ntfsBoot struct {
	Jump           [3]byte `disk:"jump,bytes"`
	OEMID          [8]byte `disk:"oem_id,text"`
	SectorSize     uint16  `disk:"bytes_per_sector"`
	SectorsPerClus uint8   `disk:"sectors_per_cluster"`
	Reserved       uint16  `disk:"reserved_sectors"`
	FATs           uint8   `disk:"fats"`
	RootEntries    uint16  `disk:"root_entries"`
	Sectors        uint16  `disk:"sectors"`
	MediaType      uint8   `disk:"media_type,hex"`
	SectorsPerFAT  uint16  `disk:"sectors_per_fat"`
	SectorsTrack   uint16  `disk:"sectors_per_track"`
	Heads          uint16  `disk:"heads"`
	HiddenSectors  uint32  `disk:"hidden_sectors"`
	LargeSectors   uint32  `disk:"large_sectors"`
	Unused         uint32  `disk:"unused,bytes"`
	NumberSectors  uint64  `disk:"number_of_sectors"`
	MFT            uint64  `disk:"mft_lcn"`
	MFTMirror      uint64  `disk:"mftmirr_lcn"`
	RecordSize     int8    `disk:"clusters_per_mft_record"`
	Reserved1      [3]byte `disk:"reserved1,reserved"`
	IndexSize      int8    `disk:"clusters_per_index_record"`
	Reserved2      [3]byte `disk:"reserved2,reserved"`
	Serial         uint64  `disk:"volume_serial_number,hex"`
}

var ntfsLayout = field.MustOf[ntfsBoot](binary.LittleEndian)

const (
	ntfsMaxCluster = 64 << 10 // bytes
	ntfsMaxRecord  = 64 << 10 // bytes of a file record; the usual one has 1024
	ntfsVolume     = 3        // the record of $Volume
	ntfsVolumeName = 0x60     // the attribute $VOLUME_NAME
	ntfsEnd        = 0xffffffff
)

func decodeNTFS(s *source, _ magic) (Info, bool) {
	b := s.bytes(0, 512)
	n := ntfsLayout.Decode(b)
	cluster := int64(n.SectorSize) * int64(n.SectorsPerClus)
	if b == nil || n.SectorSize < 256 || n.SectorSize > 4096 || cluster == 0 || cluster > ntfsMaxCluster ||
		n.SectorsPerClus&(n.SectorsPerClus-1) != 0 ||
		n.Reserved|n.RootEntries|n.Sectors|n.SectorsPerFAT|uint16(n.FATs) != 0 || n.LargeSectors != 0 {
		return Info{}, false
	}
	record := int64(n.RecordSize) * cluster
	if n.RecordSize < 0 {
		if n.RecordSize < -31 || n.RecordSize > -9 {
			return Info{}, false
		}
		record = 1 << -n.RecordSize
	}
	clusters := n.NumberSectors / uint64(n.SectorsPerClus)
	if record < 42 || record > ntfsMaxRecord || n.MFT > clusters || n.MFTMirror > clusters || n.MFT > uint64(s.size/cluster) {
		return Info{}, false
	}
	mft := int64(n.MFT) * cluster
	volume := s.bytes(mft+ntfsVolume*record, int(record))
	if string(s.bytes(mft, 4)) != "FILE" || volume == nil || string(volume[:4]) != "FILE" {
		return Info{}, false
	}
	info := Info{Label: ntfsLabel(volume)}
	if n.Serial != 0 {
		info.UUID = fmt.Sprintf("%016X", n.Serial)
	}
	return info, true
}

// ntfsLabel walks the attributes of the record of $Volume.
func ntfsLabel(record []byte) string {
	le := binary.LittleEndian
	for off := int64(le.Uint16(record[20:])); off+24 <= int64(len(record)); {
		attr := record[off:]
		kind, length := le.Uint32(attr), int64(le.Uint32(attr[4:]))
		if kind == ntfsEnd || length == 0 {
			return ""
		}
		if kind == ntfsVolumeName {
			at, n := int64(le.Uint16(attr[20:])), int64(le.Uint32(attr[16:]))
			if at+n > int64(len(attr)) {
				return ""
			}
			return wide(attr[at:at+n], le)
		}
		off += length
	}
	return ""
}

// How the boot sector of a BitLocker volume begins, by who made it.
const (
	bitLockerVista = "\xeb\x52\x90-FVE-FS-"
	bitLocker7     = "\xeb\x58\x90-FVE-FS-"
	bitLockerToGo  = "\xeb\x58\x90MSWIN4.1" // also that of an ordinary FAT32
)

// decodeBitLocker follows the boot sector to the first metadata block. The
// places are those of libbde's documentation of the format.
func decodeBitLocker(s *source, _ magic) (Info, bool) {
	b := s.bytes(0, 512)
	if b == nil {
		return Info{}, false
	}
	var meta uint64
	switch string(b[:11]) {
	case bitLockerVista:
		return Info{}, true
	case bitLocker7:
		meta = binary.LittleEndian.Uint64(b[176:])
	case bitLockerToGo:
		meta = binary.LittleEndian.Uint64(b[440:])
	}
	if meta == 0 || meta > uint64(s.size) {
		return Info{}, false
	}
	f := s.bytes(int64(meta), 12)
	if f == nil || string(f[:8]) != "-FVE-FS-" {
		return Info{}, false
	}
	return Info{Version: fmt.Sprint(binary.LittleEndian.Uint16(f[10:]))}, true
}
