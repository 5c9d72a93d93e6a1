package build

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
)

// TestEveryOptionOfMakeDiskImage sets them all in one spec, to something else
// than the default where that is built and does not exclude the others, and
// looks for what each does.
func TestEveryOptionOfMakeDiskImage(t *testing.T) {
	s := nixstore.Make(t, nixstore.Config{})
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "c.nix"), []byte("{ }\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "kernel"), []byte("kernel"), 0o644))
	ovmf := filepath.Dir(judge.File(t, ovmfVars))
	text := `name: every-option
diskSize: 333
additionalSpace: 1M
bootSize: 90M
contents: [{source: kernel, target: /srv/kernel, mode: "0640", user: "7", group: "8"}]
partitionTableType: efi
installBootLoader: true
touchEFIVars: true
OVMF: ` + ovmf + `
efiFirmware: ` + judge.File(t, "/usr/share/OVMF/OVMF_CODE_4M.fd") + `
efiVariables: ` + ovmfVars + `
fsType: ext4
label: every option
configFile: c.nix
postVM: ""
memSize: 1024
onlyNixStore: false
format: qcow2
deterministic: true
rootGPUID: 11111111-2222-3333-4444-555555555555
rootFSUID: 66666666-7777-8888-9999-aaaaaaaaaaaa
copyChannel: true
channel: ` + s.Channel + `
additionalPaths: [` + s.Data + `]
system: ` + s.Toplevel + `
storeRoot: ` + s.Root + `
bootLoader: systemd-boot
systemdBoot:
  efi: ` + judge.File(t, sdBoot) + `
  entries: [{name: a, linux: kernel}]
`
	// The arguments stand in the drop-in, in front of reprodisk's own.
	nix, err := os.ReadFile("../docs/nix/make-disk-image.nix")
	must(t, err)
	arguments, _, _ := strings.Cut(string(nix), "# Beyond make-disk-image's")
	names := regexp.MustCompile(`(?m)^, (\w+)`).FindAllStringSubmatch(arguments, -1)
	if len(names) != 25 {
		t.Errorf("%d arguments", len(names))
	}
	for _, n := range names {
		if n[1] != "lib" && n[1] != "config" && !strings.Contains("\n"+text, "\n"+n[1]+":") {
			t.Errorf("%s is not set", n[1])
		}
	}

	r := build(t, dir, text, filepath.Join(dir, "out"))
	raw := filepath.Join(dir, "raw")
	judge.Must(t, "qemu-img", "check", r.Image)
	judge.Must(t, "qemu-img", "convert", "-O", "raw", r.Image, raw)
	esp, ok := r.Layout.Find(partition.ESP)
	if fi, err := os.Stat(raw); err != nil || fi.Size() != 333<<20 || !ok || esp.Offset()+esp.Length() != 86<<20 || filepath.Base(r.Image) != "nixos.qcow2" {
		t.Errorf("%v %v %+v", fi, err, r.Layout)
	}
	if out := judge.Must(t, "sgdisk", "-i", "2", raw); !strings.Contains(out, "Partition unique GUID: 11111111-2222-3333-4444-555555555555") {
		t.Error(out)
	}
	at := fmt.Sprintf("%s@@%d", raw, esp.Offset())
	judge.Must(t, "mdir", "-i", at, "::EFI/systemd/systemd-bootx64.efi")
	if vars, err := os.ReadFile(r.Variables); err != nil || !strings.Contains(string(vars), "L\x00i\x00n\x00u\x00x\x00 \x00B\x00o\x00o\x00t\x00") {
		t.Errorf("the variables are without the boot option, %v", err)
	}
	root := cut(t, raw, r.Layout.Root())
	if out := judge.Must(t, "dumpe2fs", "-h", root); !strings.Contains(out, "volume name:   every option") || !strings.Contains(out, "UUID:          66666666-7777-8888-9999-aaaaaaaaaaaa") {
		t.Error(out)
	}
	for path, want := range map[string]string{
		"/srv/kernel":                      "Mode:  0640", // and its owner below
		"/etc/nixos/configuration.nix":     "Type: regular",
		s.Channel:                          "Type: directory",
		"/nix/var/nix/profiles/system":     "Type: symlink",
		"/root/.nix-defexpr/channels":      "Type: symlink",
		"/nix/var/nix/profiles/per-user":   "Type: directory",
		s.Toplevel + "/nixos-version":      "Type: regular",
		filepath.Join("/boot", "anything"): "not found",
	} {
		x := judge.Run(t, "debugfs", "-R", "stat "+path, root)
		if !strings.Contains(x.Stdout+x.Stderr, want) {
			t.Errorf("%s: without %q:\n%s%s", path, want, x.Stdout, x.Stderr)
		}
		if path == "/srv/kernel" && !strings.Contains(x.Stdout, "User:     7   Group:     8") {
			t.Errorf("%s belongs to another:\n%s", path, x.Stdout)
		}
	}
}
