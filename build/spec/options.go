package spec

import (
	"strconv"
	"strings"
)

// option is one name that a spec may hold: how its value is read, and whether
// anything builds it.
type option struct {
	name string
	read func(*Spec, node) error
	// unbuilt tells whether the value asks for something that nothing builds
	// yet. A value that asks for nothing, such as the default, is no reason to
	// refuse. nil: all of it is built.
	unbuilt func(*Spec) bool
}

// options in the order of make-disk-image's arguments, then reprodisk's own.
func options() []option {
	return []option{
		{"diskSize", readDiskSize, nil},
		{"additionalSpace", readAdditionalSpace, nil},
		{"bootSize", text(func(s *Spec) *string { return &s.BootSize }), nil},
		{"contents", contents(func(s *Spec) *[]Content { return &s.Contents }, true), nil},
		{"partitionTableType", choice(
			func(s *Spec) *string { return &s.PartitionTableType },
			TableLegacy, TableLegacyGPT, TableEFI, TableHybrid, TableNone, TableEFIXBootldr,
		), nil},
		{
			"installBootLoader", boolean(func(s *Spec) *bool { return &s.InstallBootLoader }),
			func(s *Spec) bool { return s.BootLoader == LoaderGuest },
		},
		{"touchEFIVars", boolean(func(s *Spec) *bool { return &s.TouchEFIVars }), nil},
		{"OVMF", text(func(s *Spec) *string { return &s.OVMF }), nil},
		{"efiFirmware", text(func(s *Spec) *string { return &s.EFIFirmware }), nil},
		{"efiVariables", text(func(s *Spec) *string { return &s.EFIVariables }), nil},
		{"fsType", choice(
			func(s *Spec) *string { return &s.FSType },
			Ext4, VFAT, Squashfs, EROFS, Btrfs, XFS,
		), nil},
		{"label", orEmpty(func(s *Spec) *string { return &s.Label }), nil},
		{"configFile", orNull(text(func(s *Spec) *string { return &s.ConfigFile })), nil},
		{
			"postVM", orEmpty(func(s *Spec) *string { return &s.PostVM }),
			func(s *Spec) bool { return s.PostVM != "" },
		},
		{"memSize", readMemSize, func(s *Spec) bool { return s.MemSize != 1024 }},
		{"onlyNixStore", boolean(func(s *Spec) *bool { return &s.OnlyNixStore }), nil},
		{"name", text(func(s *Spec) *string { return &s.Name }), nil},
		{"format", choice(
			func(s *Spec) *string { return &s.Format },
			"raw", "qcow2", "qcow2-compressed", "vdi", "vpc", "vmdk", "zst", "xz",
		), nil},
		{"deterministic", boolean(func(s *Spec) *bool { return &s.Deterministic }), nil},
		{"rootGPUID", readRootGPUID, nil},
		{"rootFSUID", readRootFSUID, nil},
		{"copyChannel", boolean(func(s *Spec) *bool { return &s.CopyChannel }), nil},
		{"additionalPaths", texts(func(s *Spec) *[]string { return &s.AdditionalPaths }), nil},
		{"system", orNull(text(func(s *Spec) *string { return &s.System })), nil},
		{"channel", orNull(text(func(s *Spec) *string { return &s.Channel })), nil},
		{"registration", orNull(text(func(s *Spec) *string { return &s.Registration })), nil},
		{"storeRoot", orNull(text(func(s *Spec) *string { return &s.StoreRoot })), nil},
		{"espFat", choice(func(s *Spec) *string { return &s.EspFat }, FAT32, FATAuto, FAT12, FAT16), nil},
		{"espContents", contents(func(s *Spec) *[]Content { return &s.EspContents }, false), nil},
		{"bootContents", contents(func(s *Spec) *[]Content { return &s.BootContents }, false), nil},
		{"sourceDateEpoch", readSourceDateEpoch, nil},
		{"bootLoader", choice(
			func(s *Spec) *string { return &s.BootLoader },
			LoaderSystemdBoot, LoaderGRUBBIOS, LoaderGRUBEFI, LoaderNone, LoaderGuest,
		), func(s *Spec) bool { return s.BootLoader == LoaderGuest }},
		{"systemdBoot", readSystemdBoot, nil},
		{"grub", readGRUB, nil},
	}
}

type reader = func(*Spec, node) error

// scalar is a value's text where it is text or a number: what stands in the
// spec is what is meant, quoted or not.
func scalar(n node) (string, error) {
	if n.kind != textKind && n.kind != numberKind {
		hint := ""
		if n.kind == boolKind {
			hint = `; quote it to make it text`
		}
		return "", errorAt(n.pos, "wants text, not %s%s", n.kind, hint)
	}
	if strings.ContainsRune(n.text, 0) {
		return "", errorAt(n.pos, "text with a NUL byte in it")
	}
	if n.text == "" {
		return "", errorAt(n.pos, "is empty")
	}
	return n.text, nil
}

func text(field func(*Spec) *string) reader {
	return func(s *Spec, n node) (err error) {
		*field(s), err = scalar(n)
		return err
	}
}

// orEmpty is text for which "" is a value.
func orEmpty(field func(*Spec) *string) reader {
	return func(s *Spec, n node) error {
		if n.kind == textKind && n.text == "" {
			*field(s) = ""
			return nil
		}
		return text(field)(s, n)
	}
}

func texts(field func(*Spec) *[]string) reader {
	return func(s *Spec, n node) error {
		if n.kind != listKind {
			return errorAt(n.pos, "wants a list, not %s", n.kind)
		}
		for _, item := range n.items {
			t, err := scalar(item)
			if err != nil {
				return err
			}
			*field(s) = append(*field(s), t)
		}
		return nil
	}
}

func choice(field func(*Spec) *string, of ...string) reader {
	return func(s *Spec, n node) error {
		t, err := scalar(n)
		if err != nil {
			return err
		}
		for _, c := range of {
			if t == c {
				*field(s) = t
				return nil
			}
		}
		return errorAt(n.pos, "%q is not one of %s%s", shorten(t), strings.Join(of, ", "), didYouMean(t, of))
	}
}

func boolean(field func(*Spec) *bool) reader {
	return func(s *Spec, n node) error {
		if n.kind != boolKind {
			return errorAt(n.pos, "wants true or false, not %s", n.kind)
		}
		*field(s) = strings.EqualFold(n.text, "true")
		return nil
	}
}

// orNull lets null stand for "not given", as make-disk-image has it.
func orNull(r reader) reader {
	return func(s *Spec, n node) error {
		if n.kind == nullKind {
			return nil
		}
		return r(s, n)
	}
}

// integer is a whole number as decimal digits. YAML 1.1, YAML 1.2 and their
// readers disagree on 012, 0x10 and 1_000, so none of them is taken.
func integer(n node, least, most int64) (int64, error) {
	if n.kind != numberKind && n.kind != textKind {
		return 0, errorAt(n.pos, "wants a whole number, not %s", n.kind)
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || !plainNumber.MatchString(strings.TrimPrefix(n.text, "-")) {
		return 0, errorAt(n.pos, "%q is not a whole number", shorten(n.text))
	}
	if v < least || v > most {
		return 0, errorAt(n.pos, "%d is not between %d and %d", v, least, most)
	}
	return v, nil
}

func readDiskSize(s *Spec, n node) error {
	t, err := scalar(n)
	if err != nil {
		return err
	}
	if s.DiskSize, err = ParseDiskSize(t); err != nil {
		return errorAt(n.pos, "%s", err)
	}
	return nil
}

func readAdditionalSpace(s *Spec, n node) error {
	t, err := scalar(n)
	if err != nil {
		return err
	}
	if s.AdditionalSpace, err = ParseSize(t); err != nil {
		return errorAt(n.pos, "%s", err)
	}
	return nil
}

func readMemSize(s *Spec, n node) (err error) {
	s.MemSize, err = integer(n, 1, 1<<30)
	return err
}

// maxEpoch is the last second that ext4 stores in an inode of 256 bytes:
// 34 bits, of which the first 2^31 seconds lie before 1970.
const maxEpoch = 1<<34 - 1<<31 - 1

func readSourceDateEpoch(s *Spec, n node) error {
	v, err := integer(n, 0, maxEpoch)
	if err != nil {
		return err
	}
	s.SourceDateEpoch = &v
	return nil
}

func readRootGPUID(s *Spec, n node) error {
	t, err := scalar(n)
	if err != nil {
		return err
	}
	if s.RootGPUID, err = ParseGUID(t); err != nil {
		return errorAt(n.pos, "%s", err)
	}
	return nil
}

func readRootFSUID(s *Spec, n node) error {
	if n.kind == nullKind {
		s.RootFSUID = nil
		return nil
	}
	t, err := scalar(n)
	if err != nil {
		return err
	}
	id, err := ParseGUID(t)
	if err != nil {
		return errorAt(n.pos, "%s", err)
	}
	s.RootFSUID = &id
	return nil
}
