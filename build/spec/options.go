package spec

import (
	"slices"
	"strconv"
	"strings"
)

// option is one name that a spec may hold, and how its value is read.
type option struct {
	name string
	read func(*Spec, node) error
}

// options in the order of make-disk-image's arguments, then reprodisk's own.
func options() []option {
	return []option{
		{"diskSize", readDiskSize},
		{"additionalSpace", readAdditionalSpace},
		{"bootSize", text(func(s *Spec) *string { return &s.BootSize })},
		{"contents", contents(func(s *Spec) *[]Content { return &s.Contents }, true)},
		{"partitionTableType", choice(
			func(s *Spec) *string { return &s.PartitionTableType },
			TableLegacy, TableLegacyGPT, TableEFI, TableHybrid, TableNone, TableEFIXBootldr,
		)},
		{"installBootLoader", boolean(func(s *Spec) *bool { return &s.InstallBootLoader })},
		{"touchEFIVars", boolean(func(s *Spec) *bool { return &s.TouchEFIVars })},
		{"OVMF", text(func(s *Spec) *string { return &s.OVMF })},
		{"efiFirmware", text(func(s *Spec) *string { return &s.EFIFirmware })},
		{"efiVariables", text(func(s *Spec) *string { return &s.EFIVariables })},
		{"fsType", choice(
			func(s *Spec) *string { return &s.FSType },
			Ext4, VFAT, Squashfs, EROFS, Btrfs, XFS,
		)},
		{"label", orEmpty(func(s *Spec) *string { return &s.Label })},
		{"configFile", orNull(text(func(s *Spec) *string { return &s.ConfigFile }))},
		{"postVM", orEmpty(func(s *Spec) *string { return &s.PostVM })},
		{"memSize", readMemSize},
		{"onlyNixStore", boolean(func(s *Spec) *bool { return &s.OnlyNixStore })},
		{"name", text(func(s *Spec) *string { return &s.Name })},
		{"format", choice(
			func(s *Spec) *string { return &s.Format },
			"raw", "qcow2", "qcow2-compressed", "vdi", "vpc", "vmdk", "zst", "xz",
		)},
		{"deterministic", boolean(func(s *Spec) *bool { return &s.Deterministic })},
		{"rootGPUID", readRootGPUID},
		{"rootFSUID", readRootFSUID},
		{"copyChannel", boolean(func(s *Spec) *bool { return &s.CopyChannel })},
		{"additionalPaths", texts(func(s *Spec) *[]string { return &s.AdditionalPaths })},
		{"system", orNull(text(func(s *Spec) *string { return &s.System }))},
		{"channel", orNull(text(func(s *Spec) *string { return &s.Channel }))},
		{"registration", orNull(text(func(s *Spec) *string { return &s.Registration }))},
		{"storeRoot", orNull(text(func(s *Spec) *string { return &s.StoreRoot }))},
		{"espFat", choice(func(s *Spec) *string { return &s.EspFat }, FAT32, FATAuto, FAT12, FAT16)},
		{"espContents", contents(func(s *Spec) *[]Content { return &s.EspContents }, false)},
		{"bootContents", contents(func(s *Spec) *[]Content { return &s.BootContents }, false)},
		{"sourceDateEpoch", readSourceDateEpoch},
		{"bootLoader", choice(
			func(s *Spec) *string { return &s.BootLoader },
			LoaderSystemdBoot, LoaderGRUBBIOS, LoaderGRUBEFI, LoaderNone, LoaderGuest,
		)},
		{"systemdBoot", readSystemdBoot},
		{"grub", readGRUB},
		{"bootLoaderInstall", func(s *Spec, n node) error { return command(&s.BootLoaderInstall)(n) }},
		{"bootLoaderDevice", devicePath},
		{"vm", readVM},
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
	return func(s *Spec, n node) error { return oneOf(field(s), of...)(n) }
}

// oneOf reads one of some words.
func oneOf(to *string, of ...string) func(node) error {
	return func(n node) error {
		t, err := scalar(n)
		if err != nil {
			return err
		}
		if !slices.Contains(of, t) {
			return errorAt(n.pos, "%q is not one of %s%s", shorten(t), strings.Join(of, ", "), didYouMean(t, of))
		}
		*to = t
		return nil
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
	s.MemSize, err = integer(n, minMemory, maxMemory)
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
