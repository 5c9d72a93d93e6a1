package spec

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// The values of bootLoader.
const (
	LoaderNone        = "none"
	LoaderSystemdBoot = "systemd-boot"
	LoaderGRUBBIOS    = "grub-bios"
	LoaderGRUBEFI     = "grub-efi"
	LoaderGuest       = "guest" // make-disk-image's way: the system installs its own, in a virtual machine
)

// SystemdBoot is what systemd-boot consists of. Paths are as written.
type SystemdBoot struct {
	EFI     string // systemd-bootx64.efi
	Timeout *int64 // seconds that the menu is shown; nil: not at all
	Default string // name of the entry that starts
	Entries []BootEntry
}

// BootEntry is one line of systemd-boot's menu.
type BootEntry struct {
	Name    string // of its file, without .conf
	Title   string // what the menu shows; the name where none was given
	Linux   string // the kernel, with its EFI stub
	Initrd  []string
	Options string // the kernel's command line
	Pos     Pos
}

// GRUB is what GRUB consists of. Paths are as written.
type GRUB struct {
	BootImg       string   // boot.img of the platform i386-pc
	CoreImg       string   // core.img, made with grub-mkimage
	ModulesDir    string   // folder of the platform i386-pc, in place of the two
	EFI           string   // grubx64.efi
	EFIModulesDir string   // folder of the platform x86_64-efi, in its place
	EFIPath       string   // a second place for the EFI program on the EFI System Partition
	Modules       []string // more modules for the images that are made
	Config        string   // grub.cfg
	ConfigText    string   // or its text
}

// fields reads a mapping whose keys are all known, each at most once.
func fields(s *Spec, n node, names []string, read map[string]func(node) error) (map[string]Pos, error) {
	if n.kind != mapKind {
		return nil, errorAt(n.pos, "wants a mapping of %s, not %s", strings.Join(names, ", "), n.kind)
	}
	seen := map[string]Pos{}
	for _, p := range n.pairs {
		r, ok := read[p.key]
		if !ok {
			return nil, errorAt(p.pos, "unknown key %q%s", shorten(p.key), didYouMean(p.key, names))
		}
		if first, twice := seen[p.key]; twice {
			return nil, errorAt(p.pos, "%s is given twice, first in line %d", p.key, first.Line)
		}
		seen[p.key] = p.pos
		if err := r(p.value); err != nil {
			e := err.(*Error)
			return nil, errorAt(e.Pos, "%s: %s", p.key, e.Msg)
		}
	}
	return seen, nil
}

// one reads the path of one file or folder. Unlike in contents, no path of a
// boot loader is a glob.
func one(to *string) func(node) error {
	return func(n node) (err error) {
		if *to, err = scalar(n); err != nil {
			return err
		}
		switch {
		case strings.Contains(*to, "*"):
			return errorAt(n.pos, "%q: it names one file, and is no glob", shorten(*to))
		case len(*to) > maxPath:
			return errorAt(n.pos, "is longer than %d bytes", maxPath)
		}
		return nil
	}
}

// line reads text of one line, which may be empty.
func line(to *string) func(node) error {
	return func(n node) (err error) {
		if n.kind == textKind && n.text == "" {
			*to = ""
			return nil
		}
		if *to, err = scalar(n); err != nil {
			return err
		}
		if strings.ContainsAny(*to, "\r\n") {
			return errorAt(n.pos, "is more than one line")
		}
		return nil
	}
}

// list reads a list of what read reads.
func list[T any](to *[]T, read func(*T) func(node) error) func(node) error {
	return func(n node) error {
		if n.kind != listKind {
			return errorAt(n.pos, "wants a list, not %s", n.kind)
		}
		for _, item := range n.items {
			var v T
			if err := read(&v)(item); err != nil {
				return err
			}
			*to = append(*to, v)
		}
		return nil
	}
}

func readSystemdBoot(s *Spec, n node) error {
	b := &SystemdBoot{}
	seen, err := fields(s, n, []string{"efi", "entries", "default", "timeout"}, map[string]func(node) error{
		"efi":     one(&b.EFI),
		"default": line(&b.Default),
		"timeout": func(n node) error {
			v, err := integer(n, 0, 1<<31-1)
			b.Timeout = &v
			return err
		},
		"entries": list(&b.Entries, func(e *BootEntry) func(node) error {
			return func(n node) error { return readBootEntry(s, e, n) }
		}),
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"efi", "entries"} {
		if _, ok := seen[name]; !ok {
			return errorAt(n.pos, "without %s", name)
		}
	}
	if len(b.Entries) == 0 {
		return errorAt(seen["entries"], "entries: an empty menu starts nothing")
	}
	for i, e := range b.Entries {
		for _, before := range b.Entries[:i] {
			if strings.EqualFold(e.Name, before.Name) {
				return errorAt(e.Pos, "entries: %q is there already, in line %d", e.Name, before.Pos.Line)
			}
		}
	}
	if _, ok := seen["default"]; !ok {
		b.Default = b.Entries[0].Name
	} else if !slices.ContainsFunc(b.Entries, func(e BootEntry) bool { return e.Name == b.Default }) {
		return errorAt(seen["default"], "default: no entry has the name %q", shorten(b.Default))
	}
	s.SystemdBoot = b
	return nil
}

// entryName is the Boot Loader Specification's name of an entry's file. A plus
// sign would begin a counter of attempts, which the boot loader writes to.
var entryName = regexp.MustCompile(`^[0-9A-Za-z_-][0-9A-Za-z._-]*$`) // and at most 100 bytes

func readBootEntry(s *Spec, e *BootEntry, n node) error {
	e.Pos = n.pos
	seen, err := fields(s, n, []string{"name", "title", "linux", "initrd", "options"}, map[string]func(node) error{
		"name": func(n node) error {
			if err := line(&e.Name)(n); err != nil {
				return err
			}
			if !entryName.MatchString(e.Name) || len(e.Name) > 100 || strings.HasSuffix(e.Name, ".") {
				return errorAt(n.pos, "%q is no name of an entry: letters, digits and ._- only, at most 100, no dot at either end", shorten(e.Name))
			}
			return nil
		},
		"title":   line(&e.Title),
		"linux":   one(&e.Linux),
		"initrd":  list(&e.Initrd, one),
		"options": line(&e.Options),
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"name", "linux"} {
		if _, ok := seen[name]; !ok {
			return errorAt(n.pos, "an entry without %s", name)
		}
	}
	if strings.TrimSpace(e.Title) == "" {
		e.Title = e.Name
	}
	return nil
}

var moduleName = regexp.MustCompile(`^[0-9a-z_]+$`) // and at most 64 bytes

func readGRUB(s *Spec, n node) error {
	g := &GRUB{}
	seen, err := fields(s, n, []string{"bootImg", "coreImg", "modulesDir", "efi", "efiModulesDir", "efiPath", "modules", "config", "configText"}, map[string]func(node) error{
		"bootImg":       one(&g.BootImg),
		"coreImg":       one(&g.CoreImg),
		"modulesDir":    one(&g.ModulesDir),
		"efi":           one(&g.EFI),
		"efiModulesDir": one(&g.EFIModulesDir),
		"efiPath": func(n node) error {
			if err := one(&g.EFIPath)(n); err != nil {
				return err
			}
			if bad := checkTarget(g.EFIPath); bad != "" {
				return errorAt(n.pos, "%q %s", shorten(g.EFIPath), bad)
			}
			if g.EFIPath = strings.TrimPrefix(path.Clean("/"+g.EFIPath), "/"); strings.EqualFold(g.EFIPath, "EFI/BOOT/BOOTX64.EFI") || g.EFIPath == "" {
				return errorAt(n.pos, "it is in EFI/BOOT/BOOTX64.EFI anyway; name a second place, or none")
			}
			return nil
		},
		"modules": list(&g.Modules, func(to *string) func(node) error {
			return func(n node) error {
				if err := line(to)(n); err != nil {
					return err
				}
				if !moduleName.MatchString(*to) || len(*to) > 64 {
					return errorAt(n.pos, "%q is no name of a module", shorten(*to))
				}
				return nil
			}
		}),
		"config": one(&g.Config),
		"configText": func(n node) (err error) {
			g.ConfigText, err = scalar(n)
			return err
		},
	})
	if err != nil {
		return err
	}
	given := func(name string) bool { _, ok := seen[name]; return ok }
	for _, pair := range [][2]string{{"modulesDir", "coreImg"}, {"modulesDir", "bootImg"}, {"efiModulesDir", "efi"}, {"configText", "config"}} {
		if given(pair[0]) && given(pair[1]) {
			return errorAt(seen[pair[0]], "%s and %s: one takes the other's place", pair[0], pair[1])
		}
	}
	if given("coreImg") != given("bootImg") {
		return errorAt(n.pos, "coreImg and bootImg belong together; or name the modulesDir that both are made from")
	}
	if given("modules") && !given("modulesDir") && !given("efiModulesDir") {
		return errorAt(seen["modules"], "modules go into an image that is made here, from modulesDir or efiModulesDir")
	}
	if given("efiPath") && !given("efi") && !given("efiModulesDir") {
		return errorAt(seen["efiPath"], "efiPath: a place for an EFI program, which efi or efiModulesDir brings")
	}
	s.GRUB = g
	return nil
}

// BIOSParts tells whether the images for a BIOS are named.
func (g *GRUB) BIOSParts() bool { return g.CoreImg != "" || g.ModulesDir != "" }

// EFIParts tells whether the EFI program is named.
func (g *GRUB) EFIParts() bool { return g.EFI != "" || g.EFIModulesDir != "" }

// checkLoader finds what is wrong between bootLoader, the options of its
// files, and the layout.
func (s *Spec) checkLoader() error {
	given := func(option string) bool { _, ok := s.at[option]; return ok }
	biosBoot := s.PartitionTableType == TableLegacy || s.PartitionTableType == TableLegacyGPT || s.PartitionTableType == TableHybrid
	if given("bootLoader") && given("installBootLoader") && s.InstallBootLoader != (s.BootLoader != LoaderNone) {
		return s.Errorf("bootLoader", "%s contradicts installBootLoader: %v", s.BootLoader, s.InstallBootLoader)
	}
	if given("systemdBoot") && s.BootLoader != LoaderSystemdBoot {
		return s.Errorf("systemdBoot", "it needs bootLoader: systemd-boot")
	}
	if given("grub") && s.BootLoader != LoaderGRUBBIOS && s.BootLoader != LoaderGRUBEFI {
		return s.Errorf("grub", "it needs bootLoader: grub-bios or grub-efi")
	}
	switch s.BootLoader {
	case LoaderSystemdBoot, LoaderGRUBEFI:
		if !s.HasESP() {
			return s.Errorf("bootLoader", "%s lies on an EFI System Partition, and the layout %s has none", s.BootLoader, s.PartitionTableType)
		}
	case LoaderGRUBBIOS:
		if !biosBoot {
			return s.Errorf("bootLoader", "grub-bios needs partitionTableType legacy, legacy+gpt or hybrid, not %s", s.PartitionTableType)
		}
	}
	switch {
	case s.BootLoader == LoaderSystemdBoot && s.SystemdBoot == nil:
		return s.Errorf("bootLoader", "systemd-boot needs the option systemdBoot, which names its files")
	case (s.BootLoader == LoaderGRUBBIOS || s.BootLoader == LoaderGRUBEFI) && s.GRUB == nil:
		return s.Errorf("bootLoader", "%s needs the option grub, which names its files", s.BootLoader)
	case s.BootLoader == LoaderGRUBBIOS && !s.GRUB.BIOSParts():
		return s.Errorf("grub", "grub-bios needs modulesDir, or bootImg and coreImg")
	case s.BootLoader == LoaderGRUBEFI && !s.GRUB.EFIParts():
		return s.Errorf("grub", "grub-efi needs efi or efiModulesDir")
	case s.BootLoader == LoaderGRUBEFI && s.GRUB.BIOSParts():
		return s.Errorf("grub", "bootImg, coreImg and modulesDir need bootLoader: grub-bios, which takes efi along where the layout is hybrid")
	case s.BootLoader == LoaderGRUBBIOS && s.GRUB.EFIParts() && !s.HasESP():
		return s.Errorf("grub", "efi lies on an EFI System Partition, and the layout %s has none", s.PartitionTableType)
	}
	return nil
}

// loaderIdentity is what enters the identifiers: all but where files lie.
func (s *Spec) loaderIdentity(m map[string]any) {
	if s.BootLoader == LoaderNone || s.BootLoader == LoaderGuest {
		return // both are told apart by installBootLoader, as ever
	}
	m["bootLoader"] = s.BootLoader
	if b := s.SystemdBoot; b != nil {
		entries := []map[string]any{}
		for _, e := range b.Entries {
			entries = append(entries, map[string]any{"name": e.Name, "title": e.Title, "options": e.Options, "initrds": len(e.Initrd)})
		}
		m["systemdBoot"] = map[string]any{"timeout": b.Timeout, "default": b.Default, "entries": entries}
	}
	if g := s.GRUB; g != nil {
		m["grub"] = map[string]any{
			"modules": append([]string{}, g.Modules...), "bios": g.BIOSParts(), "efi": g.EFIParts(), "efiPath": g.EFIPath,
			"configText": g.ConfigText, "config": g.Config != "",
		}
	}
}
