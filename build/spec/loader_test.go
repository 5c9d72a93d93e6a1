package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const menu = `partitionTableType: efi
bootLoader: systemd-boot
systemdBoot:
  efi: boot.efi
  timeout: 5
  default: rescue
  entries:
    - {name: demo, title: The demo, linux: k, initrd: [microcode, initrd], options: root=/dev/vda2 quiet}
    - {name: rescue, linux: k}
`

func TestSystemdBoot(t *testing.T) {
	s := parse(t, menu)
	five := int64(5)
	want := &SystemdBoot{EFI: "boot.efi", Timeout: &five, Default: "rescue", Entries: []BootEntry{
		{Name: "demo", Title: "The demo", Linux: "k", Initrd: []string{"microcode", "initrd"}, Options: "root=/dev/vda2 quiet", Pos: Pos{File: "dir/spec.yaml", Line: 8, Col: 8}},
		{Name: "rescue", Title: "rescue", Linux: "k", Pos: Pos{File: "dir/spec.yaml", Line: 9, Col: 8}},
	}}
	if d := cmp.Diff(want, s.SystemdBoot); d != "" {
		t.Error(d)
	}
	if s.BootLoader != LoaderSystemdBoot || !s.InstallBootLoader {
		t.Error(s.BootLoader, s.InstallBootLoader)
	}
	if s := parse(t, strings.Replace(menu, "  default: rescue\n", "", 1)); s.SystemdBoot.Default != "demo" {
		t.Error("the first entry is the default one, not", s.SystemdBoot.Default)
	}
}

func TestGRUB(t *testing.T) {
	s := parse(t, `{partitionTableType: hybrid, bootLoader: grub-bios, grub: {modulesDir: m, efi: e, efiPath: /EFI//demo/grubx64.efi, modules: [lvm], configText: "boot\n"}}`)
	want := &GRUB{ModulesDir: "m", EFI: "e", EFIPath: "EFI/demo/grubx64.efi", Modules: []string{"lvm"}, ConfigText: "boot\n"}
	if d := cmp.Diff(want, s.GRUB); d != "" {
		t.Error(d)
	}
	s = parse(t, `{bootLoader: grub-bios, grub: {bootImg: b, coreImg: c, config: g}}`)
	if d := cmp.Diff(&GRUB{BootImg: "b", CoreImg: "c", Config: "g"}, s.GRUB); d != "" {
		t.Error(d)
	}
}

func TestLoaderErrorsNameTheLineAndTheRemedy(t *testing.T) {
	entry := func(e string) string {
		return "partitionTableType: efi\nbootLoader: systemd-boot\nsystemdBoot: {efi: e, entries: [" + e + "]}"
	}
	const grub = "bootLoader: grub-bios\ngrub: "
	for _, c := range []struct{ spec, want string }{
		{"bootLoader: grub", `s.yaml:1:13: bootLoader: "grub" is not one of systemd-boot, grub-bios, grub-efi, none, guest`},
		{"bootLoader: none\ninstallBootLoader: true", `s.yaml:1:1: bootLoader: none contradicts installBootLoader: true`},
		{"installBootLoader: false\nbootLoader: grub-bios", `s.yaml:2:1: bootLoader: grub-bios contradicts installBootLoader: false`},
		{"bootLoader: systemd-boot", `s.yaml:1:1: bootLoader: systemd-boot lies on an EFI System Partition, and the layout legacy has none`},
		{"bootLoader: grub-efi\npartitionTableType: legacy+gpt", `s.yaml:1:1: bootLoader: grub-efi lies on an EFI System Partition, and the layout legacy+gpt has none`},
		{"bootLoader: grub-bios\npartitionTableType: efi", `s.yaml:1:1: bootLoader: grub-bios needs partitionTableType legacy, legacy+gpt or hybrid, not efi`},
		{"bootLoader: grub-bios\npartitionTableType: none", `s.yaml:1:1: bootLoader: grub-bios needs partitionTableType legacy, legacy+gpt or hybrid, not none`},
		{"bootLoader: grub-bios", `s.yaml:1:1: bootLoader: grub-bios needs the option grub, which names its files`},
		{"bootLoader: systemd-boot\npartitionTableType: efi", `s.yaml:1:1: bootLoader: systemd-boot needs the option systemdBoot, which names its files`},
		{"onlyNixStore: true\nbootLoader: grub-bios", `s.yaml:2:1: bootLoader: an image of only the Nix store has no boot loader; set installBootLoader: false`},
		{"grub: {modulesDir: m}", `s.yaml:1:1: grub: it needs bootLoader: grub-bios or grub-efi`},
		{"systemdBoot: {efi: e, entries: [{name: a, linux: k}]}", `s.yaml:1:1: systemdBoot: it needs bootLoader: systemd-boot`},
		{"systemdBoot: e", `s.yaml:1:14: systemdBoot: wants a mapping of efi, entries, default, timeout, not text`},
		{"systemdBoot: {efi: e}", `s.yaml:1:15: systemdBoot: without entries`},
		{"systemdBoot: {efi: e, efi: f}", `s.yaml:1:23: systemdBoot: efi is given twice, first in line 1`},
		{"systemdBoot: {efi: e, entries: []}", `s.yaml:1:23: systemdBoot: entries: an empty menu starts nothing`},
		{"systemdBoot: {efi: e, timout: 3}", `s.yaml:1:23: systemdBoot: unknown key "timout", did you mean "timeout"?`},
		{"systemdBoot: {efi: e, timeout: -3}", `s.yaml:1:32: systemdBoot: timeout: -3 is not between 0 and 2147483647`},
		{"systemdBoot: {efi: e*}", `s.yaml:1:20: systemdBoot: efi: "e*": it names one file, and is no glob`},
		{entry("{name: a, linux: k}, {name: A, linux: k}"), `s.yaml:3:55: systemdBoot: entries: "A" is there already, in line 3`},
		{entry("{name: a}"), `s.yaml:3:34: systemdBoot: entries: an entry without linux`},
		{entry("{name: a+3, linux: k}"), `s.yaml:3:40: systemdBoot: entries: name: "a+3" is no name of an entry: letters, digits and ._- only, at most 100, no dot at either end`},
		{entry("{name: a, linux: k, initrd: i}"), `s.yaml:3:61: systemdBoot: entries: initrd: wants a list, not text`},
		{entry(`{name: a, linux: k, options: "a\nb"}`), `s.yaml:3:62: systemdBoot: entries: options: is more than one line`},
		{entry("{name: a, linux: k}], default: [b"), `s.yaml:3:64: systemdBoot: default: wants text, not a list`},
		{entry("{name: a, linux: k}], default: b, entriess: ["), `s.yaml:3:67: systemdBoot: unknown key "entriess", did you mean "entries"?`},
		{grub + "{}", `s.yaml:2:1: grub: grub-bios needs modulesDir, or bootImg and coreImg`},
		{grub + "{bootImg: b}", `s.yaml:2:8: grub: coreImg and bootImg belong together; or name the modulesDir that both are made from`},
		{grub + "{bootImg: b, coreImg: c, modulesDir: m}", `s.yaml:2:32: grub: modulesDir and coreImg: one takes the other's place`},
		{grub + "{modulesDir: m, config: c, configText: t}", `s.yaml:2:34: grub: configText and config: one takes the other's place`},
		{grub + "{bootImg: b, coreImg: c, modules: [lvm]}", `s.yaml:2:32: grub: modules go into an image that is made here, from modulesDir or efiModulesDir`},
		{grub + "{modulesDir: m, modules: [../x]}", `s.yaml:2:33: grub: modules: "../x" is no name of a module`},
		{grub + "{modulesDir: m, efiPath: x}", `s.yaml:2:23: grub: efiPath: a place for an EFI program, which efi or efiModulesDir brings`},
		{grub + "{modulesDir: m, efi: x}", `s.yaml:2:1: grub: efi lies on an EFI System Partition, and the layout legacy has none`},
		{"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {efi: e, efiPath: ../x}", `s.yaml:3:25: grub: efiPath: "../x" leads out of the image's root`},
		{"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {efi: e, efiPath: efi/boot//bootx64.efi}", `s.yaml:3:25: grub: efiPath: it is in EFI/BOOT/BOOTX64.EFI anyway; name a second place, or none`},
		{"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {config: c}", `s.yaml:3:1: grub: grub-efi needs efi or efiModulesDir`},
		{"partitionTableType: hybrid\nbootLoader: grub-efi\ngrub: {efi: e, modulesDir: m}", `s.yaml:3:1: grub: bootImg, coreImg and modulesDir need bootLoader: grub-bios, which takes efi along where the layout is hybrid`},
	} {
		_, err := Parse("s.yaml", []byte(c.spec))
		if err == nil || err.Error() != c.want {
			t.Errorf("%.160q:\n got %v\nwant %s", c.spec, err, c.want)
		}
	}
}

func TestLoadersHaveTheirOwnIdentifiers(t *testing.T) {
	seen := map[[16]byte]string{}
	for _, text := range []string{
		"partitionTableType: efi", menu, strings.Replace(menu, "quiet", "loud", 1), strings.Replace(menu, "timeout: 5", "timeout: 6", 1),
		"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {efi: e}",
		"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {efi: e, configText: boot}",
	} {
		id := parse(t, text).DeriveID("p")
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q have the same", text, other)
		}
		seen[id] = text
	}
	if parse(t, menu).DeriveID("p") != parse(t, strings.ReplaceAll(menu, "linux: k", "linux: /elsewhere/k")).DeriveID("p") {
		t.Error("it depends on where a file lies")
	}
}
