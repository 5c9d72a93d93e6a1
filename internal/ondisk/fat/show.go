package fat

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

var attrNames = []struct {
	bit  uint8
	name string
}{
	{AttrReadOnly, "read-only"},
	{AttrHidden, "hidden"},
	{AttrSystem, "system"},
	{AttrVolumeID, "volume label"},
	{AttrDirectory, "directory"},
	{AttrArchive, "archive"},
	{0x40, "0x40"},
	{0x80, "0x80"},
}

// ShowAttr names the bits of DIR_Attr: "archive, read-only", "long name", "none".
func ShowAttr(a uint8) string {
	if a&attrLongNameMask == AttrLongName {
		return "long name"
	}
	var s []string
	for _, n := range attrNames {
		if a&n.bit != 0 {
			s = append(s, n.name)
		}
	}
	if s == nil {
		return "none"
	}
	return strings.Join(s, ", ")
}

// ShowField renders the raw bytes of one field of this package's structures
// (as field.Field.Slice returns them): dates as dates, times as times,
// attributes by name, serial numbers as mdir shows them, and the rest as
// field.Field.Show does.
func ShowField(f field.Field, raw []byte) string {
	if len(raw) != f.Length {
		return f.Show(raw)
	}
	le := binary.LittleEndian
	switch f.Name {
	case "DIR_CrtTime", "DIR_WrtTime":
		return ShowClock(le.Uint16(raw))
	case "DIR_CrtDate", "DIR_WrtDate", "DIR_LstAccDate":
		return ShowDate(le.Uint16(raw))
	case "DIR_Attr", "LDIR_Attr":
		return ShowAttr(raw[0])
	case "BS_VolID":
		return ShowSerial(le.Uint32(raw))
	}
	return f.Show(raw)
}

// ShowSerial renders a BS_VolID as mdir and blkid do: "1234-ABCD".
func ShowSerial(id uint32) string { return fmt.Sprintf("%04X-%04X", id>>16, id&0xFFFF) }
