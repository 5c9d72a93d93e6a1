package probe

import (
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	isoSector      = 2048
	isoFirst       = 16 * isoSector // the first volume descriptor
	isoDescriptors = 16             // that are looked at

	isoVolumeID      = 40 // and 32 bytes long
	isoEscape        = 88
	isoCreated       = 813 // VolumeCreationDateAndTime
	isoModified      = 830 // VolumeModificationDateAndTime
	isoDate          = 17  // bytes of a date, the last of which is the time zone
	isoSupplementary = 2
	isoTerminator    = 255

	highSierra       = "CDROM" // the format before ISO 9660
	highSierraVolume = 48
)

func decodeISO(s *source, m magic) (Info, bool) {
	b := s.bytes(isoFirst, isoSector)
	if b == nil {
		return Info{}, false
	}
	if m.text == highSierra {
		return Info{Version: "High Sierra", Label: text(b[highSierraVolume : highSierraVolume+32])}, true
	}
	id := b[isoVolumeID : isoVolumeID+32]
	info := Info{Label: text(id), UUID: isoUUID(b[isoModified:])}
	if info.UUID == "" {
		info.UUID = isoUUID(b[isoCreated:])
	}
	for i := int64(1); i <= isoDescriptors; i++ {
		d := s.bytes(isoFirst+i*isoSector, isoSector)
		if d == nil || d[0] == isoTerminator {
			break
		}
		if esc := string(d[isoEscape : isoEscape+3]); d[0] != isoSupplementary || esc != "%/@" && esc != "%/C" && esc != "%/E" {
			continue
		}
		info.Version = "Joliet Extension"
		// Joliet has room for 16 characters only: where they are those of the
		// primary descriptor, that one has the whole label.
		if wideID := d[isoVolumeID : isoVolumeID+32]; !asciiBegins(id, wideID) {
			info.Label = wide(wideID, binary.BigEndian)
		}
		break
	}
	return info, true
}

// isoUUID makes an identifier of a date, which is unset where all its digits are 0.
func isoUUID(date []byte) string {
	d := string(date[:16])
	if d == strings.Repeat("0", 16) && date[isoDate-1] == 0 || zero(date[:16]) {
		return ""
	}
	id := strings.Join([]string{d[:4], d[4:6], d[6:8], d[8:10], d[10:12], d[12:14], d[14:16]}, "-")
	id, _, _ = strings.Cut(id, "\x00")
	return id
}

// asciiBegins tells whether the 16 characters of UTF-16BE are the first 16 of ascii.
func asciiBegins(ascii, utf16be []byte) bool {
	for i := 0; i+1 < len(utf16be); i += 2 {
		if utf16be[i] != 0 || utf16be[i+1] != ascii[i/2] {
			return false
		}
	}
	return true
}

// Descriptors of ECMA-167, part 3, by the TagIdentifier of section 7.2.1.
const (
	udfPrimary     = 1
	udfAnchor      = 2
	udfLogical     = 6
	udfTerminating = 8
	udfIntegrity   = 9

	udfAnchorBlock = 256 // the block of the AnchorVolumeDescriptorPointer
	udfSequence    = 64  // volume structure or volume descriptors that are looked at
	udfDescriptor  = 512 // bytes
)

func decodeUDF(s *source, _ magic) (Info, bool) {
	block, anchor := udfFindAnchor(s)
	if anchor == nil {
		return Info{}, false
	}
	le := binary.LittleEndian
	count, first := int64(le.Uint32(anchor[16:]))/block, int64(le.Uint32(anchor[20:]))
	var info Info
	var revision uint16
	var integrity int64
	for i := int64(0); i < min(count, udfSequence); i++ {
		d := s.bytes((first+i)*block, udfDescriptor)
		if d == nil || int64(le.Uint32(d[12:])) != first+i {
			break
		}
		switch kind := le.Uint16(d); {
		case kind == udfPrimary && info.UUID == "" && udfCharset(d[200:264]):
			info.UUID = udfUUID(d[72:200]) // VolumeSetIdentifier
		case kind == udfLogical:
			if info.Label == "" && udfCharset(d[20:84]) {
				info.Label = udfString(d[84:212]) // LogicalVolumeIdentifier
			}
			if strings.HasPrefix(string(d[217:240]), "*OSTA UDF Compliant") {
				revision = le.Uint16(d[240:])
			}
			if le.Uint32(d[268:]) != 0 && le.Uint32(d[432:]) >= udfDescriptor { // NumberOfPartitionMaps, IntegritySequenceExtent
				integrity = int64(le.Uint32(d[436:]))
			}
		case kind == udfTerminating:
			i = udfSequence
		}
	}
	if r := udfReadRevision(s, integrity, block); r != 0 {
		revision = r
	}
	if revision != 0 {
		info.Version = fmt.Sprintf("%d.%02d", revision>>8, revision&0xff)
	}
	return info, true
}

// udfFindAnchor finds the size of a block, in bytes, by where the anchor is.
func udfFindAnchor(s *source) (int64, []byte) {
	for _, block := range []int64{512, 1024, 2048, 4096} {
		if !udfRecognised(s, max(block, isoSector)) {
			continue
		}
		a := s.bytes(udfAnchorBlock*block, udfDescriptor)
		if a != nil && binary.LittleEndian.Uint32(a[12:]) == udfAnchorBlock && binary.LittleEndian.Uint16(a) == udfAnchor {
			return block, a
		}
	}
	return 0, nil
}

// udfRecognised looks for an NSR descriptor in the volume recognition
// sequence, whose descriptors are step bytes apart (ECMA-167, section 2/8.3).
func udfRecognised(s *source, step int64) bool {
	for i := range int64(udfSequence) {
		d := s.bytes(isoFirst+i*step, 7)
		if d == nil {
			return false
		}
		switch string(d[1:6]) {
		case "NSR02", "NSR03":
			return true
		case "BEA01", "BOOT2", "CD001", "CDW02", "TEA01":
		default:
			return false
		}
	}
	return false
}

// udfReadRevision is MinimumUDFReadRevision of the logical volume integrity
// descriptor (UDF 2.60, section 2.2.6.4); 0 where there is none.
func udfReadRevision(s *source, at, block int64) uint16 {
	if at == 0 {
		return 0
	}
	le := binary.LittleEndian
	d := s.bytes(at*block, udfDescriptor)
	if d == nil || le.Uint16(d) != udfIntegrity || int64(le.Uint32(d[12:])) != at {
		return 0
	}
	partitions, length := int64(le.Uint32(d[72:])), le.Uint32(d[76:])
	if length < 46 {
		return 0
	}
	use := s.bytes(at*block+80+8*partitions, 46)
	if use == nil {
		return 0
	}
	return le.Uint16(use[40:])
}

// udfCharset tells whether a charspec (UDF 2.60, section 2.1.2) is the one that
// UDF prescribes, without which a dstring cannot be read.
func udfCharset(b []byte) bool {
	return b[0] == 0 && text(b[1:]) == "OSTA Compressed Unicode"
}

// udfString decodes a dstring (UDF 2.60, section 2.1.3): a byte that tells the
// width of a character, the characters, and in the last byte the length used.
func udfString(d []byte) string {
	last := len(d) - 1
	n := max(min(int(d[last]), last)-1, 0)
	switch chars := d[1 : 1+n]; d[0] {
	case 8:
		u := make([]byte, 0, 2*len(chars))
		for _, c := range chars {
			u = append(u, 0, c)
		}
		return wide(u, binary.BigEndian)
	case 16:
		return wide(chars, binary.BigEndian)
	}
	return ""
}

// udfUUID makes 16 hexadecimal digits of the volume set's identifier, which
// begins with 16 characters of which the first 8 should be a time in
// hexadecimal: digits are taken as they are, other characters by their bytes.
func udfUUID(d []byte) string {
	id := udfString(d)
	if len(id) < 8 {
		return ""
	}
	id = (id + strings.Repeat("\x00", 16))[:16]
	digits := 0
	for digits < 16 && strings.IndexByte("0123456789abcdefABCDEF", id[digits]) >= 0 {
		digits++
	}
	switch {
	case digits == 16:
		return strings.ToLower(id)
	case digits >= 8:
		return strings.ToLower(id[:8]) + fmt.Sprintf("%x", id[8:12])
	}
	return fmt.Sprintf("%x", id[:8])
}
