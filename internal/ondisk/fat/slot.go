package fat

import "github.com/reprodisk/reprodisk/internal/ondisk/field"

// SlotKind says what a directory slot is for.
type SlotKind uint8

// The kinds of slots.
const (
	SlotFile    SlotKind = iota // a file's or a directory's short entry
	SlotLong                    // part of the long name of the SlotFile that follows
	SlotOrphan                  // a long-name slot that belongs to no entry
	SlotLabel                   // the volume label
	SlotDot                     // "."
	SlotDotDot                  // ".."
	SlotDeleted                 // free, with the remains of what it held
	SlotEnd                     // free, like all slots behind it
)

func (k SlotKind) String() string {
	return [...]string{"entry", "long name", "orphaned long name", "volume label", ". entry", ".. entry", "deleted entry", "unused entry"}[k]
}

// Slot is one raw directory slot.
type Slot struct {
	Offset int64 // bytes from the filesystem's start
	Kind   SlotKind
	Object uint32 // what a SlotFile or SlotLong names, an index of Volume.Files; else NoObject
	Raw    [SlotSize]byte
}

// IsLong tells whether the slot has a long-name slot's form, deleted or not.
func (s *Slot) IsLong() bool {
	return s.Kind != SlotEnd && s.Raw[11]&attrLongNameMask == AttrLongName
}

// FieldAt names the field of the byte at off, 0 to 31, of the slot.
func (s *Slot) FieldAt(off int) field.Field {
	if s.IsLong() {
		return LongEntryLayout.At(off)
	}
	return DirEntryLayout.At(off)
}

// Fields lists the slot's fields.
func (s *Slot) Fields() []field.Field {
	if s.IsLong() {
		return LongEntryLayout.Fields()
	}
	return DirEntryLayout.Fields()
}

// dirEntry is what one SlotFile and its long-name slots say.
type dirEntry struct {
	DirEntry
	name    string // long name, or short name where there is none
	slot    int    // index of the SlotFile
	longs   int    // number of SlotLong before it
	altered bool   // name is not exactly what the slots hold
}

// parseSlots tells the kinds of a directory's slots and joins long names to
// their entries. It ends behind the SlotEnd, if there is one. The Offset and
// the Object of the slots are left to the caller.
func parseSlots(b []byte, root bool) (slots []Slot, entries []dirEntry) {
	var parts [][UnitsPerSlot]uint16 // of the long name being read, last part first
	var ord, sum uint8               // of the slot that was read last
	orphan := func() {
		for i := range parts {
			slots[len(slots)-1-i].Kind = SlotOrphan
		}
		parts = parts[:0]
	}
	for i := 0; i+SlotSize <= len(b); i += SlotSize {
		s := Slot{Kind: SlotFile, Object: NoObject, Raw: [SlotSize]byte(b[i:])}
		switch {
		case s.Raw[0] == NameEnd:
			s.Kind = SlotEnd
		case s.Raw[0] == NameDeleted:
			s.Kind = SlotDeleted
		case s.Raw[11]&attrLongNameMask == AttrLongName:
			s.Kind = SlotLong
		case s.Raw[11]&AttrVolumeID != 0:
			s.Kind = SlotLabel
		case !root && i == 0 && isDots(s.Raw, 1):
			s.Kind = SlotDot
		case !root && i == SlotSize && isDots(s.Raw, 2):
			s.Kind = SlotDotDot
		}
		switch s.Kind {
		case SlotLong:
			e := LongEntryLayout.Decode(s.Raw[:])
			n := e.Ord &^ LastLong
			follows := len(parts) > 0 && e.Ord == ord-1 && e.Chksum == sum
			if !follows {
				orphan()
			}
			if n == 0 || n > (MaxNameUnits+UnitsPerSlot-1)/UnitsPerSlot || !follows && e.Ord&LastLong == 0 {
				orphan()
				s.Kind = SlotOrphan
				break
			}
			ord, sum = n, e.Chksum
			parts = append(parts, e.Units())
		case SlotFile:
			e := dirEntry{DirEntry: DirEntryLayout.Decode(s.Raw[:]), slot: len(slots)}
			if len(parts) > 0 && ord == 1 && sum == Checksum(e.Name) {
				e.longs = len(parts)
				for l, r := 0, len(parts)-1; l < r; l, r = l+1, r-1 {
					parts[l], parts[r] = parts[r], parts[l]
				}
				var exact bool
				e.name, exact = longName(parts)
				e.altered = !exact
				parts = parts[:0]
			} else {
				orphan()
				e.name = ShortName(&e.DirEntry)
			}
			safe, changed := fileName(e.name)
			e.name, e.altered = safe, e.altered || changed
			entries = append(entries, e)
		default:
			orphan()
		}
		slots = append(slots, s)
		if s.Kind == SlotEnd {
			return slots, entries
		}
	}
	orphan()
	return slots, entries
}

// isDots tells whether a slot's name is n dots and blanks.
func isDots(raw [SlotSize]byte, n int) bool {
	return string(raw[:11]) == "..         "[2-n:2]+"           "[:11-n]
}
