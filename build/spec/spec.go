package spec

import "path/filepath"

// The values of partitionTableType.
const (
	TableNone        = "none"
	TableLegacy      = "legacy"
	TableLegacyGPT   = "legacy+gpt"
	TableEFI         = "efi"
	TableHybrid      = "hybrid"
	TableEFIXBootldr = "efixbootldr"
)

// The values of espFat.
const (
	FATAuto = "auto"
	FAT12   = "12"
	FAT16   = "16"
	FAT32   = "32"
)

// DefaultRootGPUID is make-disk-image's GUID of the root partition and, by
// default, UUID of its filesystem.
const DefaultRootGPUID = "F222513B-DED1-49FA-B591-20CE86A2FE7F"

// Spec is what an image shall be. The fields carry make-disk-image's names;
// their defaults are filled in. Paths of sources are as written: Resolve makes
// them absolute or relative to the working folder.
type Spec struct {
	DiskSize           DiskSize
	AdditionalSpace    Size   // free space beside the contents, where DiskSize is auto
	BootSize           string // as written: parted and numfmt read it differently
	Contents           []Content
	EspContents        []Content // onto the EFI System Partition; no mode, user, group
	BootContents       []Content // onto the XBOOTLDR partition; no mode, user, group
	PartitionTableType string
	InstallBootLoader  bool
	BootLoader         string       // LoaderNone, LoaderSystemdBoot, …
	SystemdBoot        *SystemdBoot // set where BootLoader is LoaderSystemdBoot
	GRUB               *GRUB        // set where BootLoader is LoaderGRUBBIOS or LoaderGRUBEFI
	BootLoaderInstall  []string     // a command in the image that installs the boot loader; empty: the system's own
	BootLoaderDevice   string       // another path of the disk for that: /dev/sda; empty: none
	TouchEFIVars       bool
	OVMF               string
	EFIFirmware        string
	EFIVariables       string
	EspFat             string // FATAuto, FAT12, FAT16 or FAT32
	FSType             string
	Label              string // of the root filesystem, at most 16 bytes for ext4
	ConfigFile         string // empty: none
	PostVM             string
	MemSize            int64 // of the virtual machine, in MiB
	VM                 VM
	OnlyNixStore       bool
	Name               string
	Format             string
	Deterministic      bool
	RootGPUID          GUID
	RootFSUID          *GUID // nil: none
	CopyChannel        bool
	Channel            string
	AdditionalPaths    []string
	System             string // the toplevel's store path, or a link to it; empty: none
	Registration       string // what the store paths need; empty: the store's own database tells
	StoreRoot          string // the folder that stands for / above the store; empty: / itself
	SourceDateEpoch    *int64 // seconds since 1970; nil: see Epoch

	file string
	dir  string
	at   map[string]Pos // options that were given
}

// Content is one entry of contents: a file, a folder or a glob, and where it
// goes.
type Content struct {
	Source string // as written
	Dir    string // the folder from which a relative Source starts
	Target string // in the image, from its root, with or without a leading slash
	Mode   string // as rsync's --chmod takes it; empty: as the source has it
	User   string // name or number; empty: root
	Group  string // name or number; empty: root; set where User is
	Pos    Pos    // of the entry, for messages
}

// File is the spec's name as it was given to Parse.
func (s *Spec) File() string { return s.file }

// Dir is the folder from which relative paths in the spec start.
func (s *Spec) Dir() string { return s.dir }

// Resolve is a path of the spec, seen from the working folder.
func (s *Spec) Resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}

// At is where an option was given, and whether it was.
func (s *Spec) At(option string) (Pos, bool) {
	p, ok := s.at[option]
	if !ok {
		p = Pos{File: s.file}
	}
	return p, ok
}

// Errorf is an error about an option, at the place where it was given.
func (s *Spec) Errorf(option, format string, args ...any) error {
	p, _ := s.At(option)
	return errorAt(p, option+": "+format, args...)
}

// HasESP tells whether the layout has an EFI System Partition.
func (s *Spec) HasESP() bool {
	switch s.PartitionTableType {
	case TableEFI, TableHybrid, TableEFIXBootldr:
		return true
	}
	return false
}

// defaults are make-disk-image's, but that those which need a NixOS system
// wait for one to be given (see settle).
func defaults(file string) *Spec {
	return &Spec{
		DiskSize:           DiskSize{Auto: true},
		AdditionalSpace:    512 * MiB,
		BootSize:           "256M",
		PartitionTableType: TableLegacy,
		EspFat:             FAT32,
		FSType:             "ext4",
		MemSize:            1024,
		VM:                 defaultVM(),
		Name:               "nixos-disk-image",
		Format:             "raw",
		Deterministic:      true,

		file: file,
		dir:  filepath.Dir(file),
		at:   map[string]Pos{},
	}
}

// settle fills in the defaults that depend on other options.
func (s *Spec) settle() {
	given := func(option string) bool { _, ok := s.at[option]; return ok }
	if !given("label") {
		s.Label = "nixos"
		if s.OnlyNixStore {
			s.Label = "nix-store"
		}
	}
	if !given("rootGPUID") {
		s.RootGPUID, _ = ParseGUID(DefaultRootGPUID)
	}
	if !given("rootFSUID") && s.FSType == "ext4" {
		id := s.RootGPUID
		s.RootFSUID = &id
	}
	if !given("installBootLoader") {
		s.InstallBootLoader = s.System != ""
		if given("bootLoader") {
			s.InstallBootLoader = s.BootLoader != LoaderNone
		} else if given("bootLoaderInstall") {
			s.InstallBootLoader = true
		}
	}
	if !given("bootLoader") {
		s.BootLoader = LoaderNone
		if s.InstallBootLoader {
			s.BootLoader = LoaderGuest
		}
	}
	s.settleClosure()
}
