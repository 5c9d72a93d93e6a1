package normalize

// Action is what became of a part of the disk.
type Action string

const (
	Rewritten Action = "written anew"
	Kept      Action = "kept as it is" // byte by byte
	Cleared   Action = "cleared"       // its bytes are zeros now
)

// Part is what became of a part of the disk.
type Part struct {
	Name   string // "partition 2 (ext4)", "partition table (gpt)", "gap at byte 17408"
	Action Action
	Detail string // what there is now, or why the part was kept
	// Fixed says that the part depends on nothing but what it shows: of what is
	// kept only zeros do.
	Fixed bool
}

// Identifier is one that was derived anew.
type Identifier struct {
	Name     string // "disk GUID", "partition 2 filesystem UUID"
	Old, New string
}

// Account is what normalizing has done.
type Account struct {
	Parts       []Part       // in the order of the disk
	Identifiers []Identifier // that were derived; none where they were kept
	References  []string     // files in which an old identifier was replaced: "partition 2: /etc/fstab"
	Stale       []string     // what still names an old identifier, and was left alone

	identity []string // every identifier that the disk has now
}

// Fixed tells whether all parts depend on nothing but what they show.
func (a *Account) Fixed() bool {
	for _, p := range a.Parts {
		if !p.Fixed {
			return false
		}
	}
	return len(a.Stale) == 0
}
