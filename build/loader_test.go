package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/judge"
)

const (
	grubBIOS = "/usr/lib/grub/i386-pc"
	grubEFI  = "/usr/lib/grub/x86_64-efi"
	sdBoot   = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"
)

// starters are one spec for each way to start an image. Their sources are
// vmlinuz, initrd and, in ready, GRUB's images.
func starters(t testing.TB) map[string]string {
	t.Helper()
	// no_timer_check: on a busy machine an emulated timer can come too late for
	// the kernel, which panics then.
	const (
		head = "name: starter\nlabel: starter\nadditionalSpace: 8M\nbootSize: 170M\ncontents:\n  - {source: vmlinuz, target: /boot/vmlinuz}\n  - {source: initrd, target: /boot/initrd}\n"
		menu = "bootLoader: systemd-boot\nsystemdBoot:\n  efi: " + sdBoot + `
  timeout: 0
  default: second
  entries:
    - {name: first, linux: vmlinuz, options: console=ttyS0 panic=-1 no_timer_check wrong}
    - {name: second, title: The one, linux: vmlinuz, initrd: [initrd], options: console=ttyS0 panic=-1 no_timer_check from=LAYOUT}
`
		config = "  configText: |\n    search --label starter --set=root\n    linux /boot/vmlinuz console=ttyS0 panic=-1 no_timer_check from=LAYOUT\n    initrd /boot/initrd\n    boot\n"
	)
	judge.Tool(t, "grub-mkimage")
	judge.File(t, grubBIOS)
	judge.File(t, grubEFI)
	judge.File(t, sdBoot)
	vars := "touchEFIVars: true\nefiVariables: " + judge.File(t, ovmfVars) + "\n"
	out := map[string]string{
		"legacy":      "bootLoader: grub-bios\ngrub:\n  modulesDir: " + grubBIOS + "\n" + config,
		"legacy+gpt":  "bootLoader: grub-bios\ngrub:\n  bootImg: ready/boot.img\n  coreImg: ready/core.img\n" + config,
		"hybrid":      "bootLoader: grub-bios\ngrub:\n  modulesDir: " + grubBIOS + "\n  efiModulesDir: " + grubEFI + "\n  efiPath: EFI/starter/grubx64.efi\n" + config,
		"efi":         vars + menu,
		"efixbootldr": menu,
	}
	for layout, text := range out {
		size := head
		if layout == "efixbootldr" {
			size = strings.Replace(head, "170M", "250M", 1)
		}
		out[layout] = size + "partitionTableType: " + layout + "\n" + strings.ReplaceAll(text, "LAYOUT", layout)
	}
	out["grub-efi"] = head + "partitionTableType: efi\n" + vars + "bootLoader: grub-efi\ngrub:\n  efiModulesDir: " + grubEFI + "\n  efiPath: EFI/starter/grubx64.efi\n" + strings.ReplaceAll(config, "LAYOUT", "grub-efi")
	return out
}

// starterSources makes what the specs of starters name.
func starterSources(t testing.TB, dir string, kernel, initrd []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "ready"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "vmlinuz"), kernel, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "initrd"), initrd, 0o644))
	boot, err := os.ReadFile(filepath.Join(judge.File(t, grubBIOS), "boot.img"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "ready/boot.img"), boot, 0o644))
	judge.Must(t, "grub-mkimage", "-O", "i386-pc", "-d", grubBIOS, "-p", "(,gpt2)/boot/grub", "-o", filepath.Join(dir, "ready/core.img"),
		"biosdisk", "part_gpt", "ext2", "normal", "linux", "search", "search_label")
}

// TestImagesBoot has every image start its kernel in a machine, by the
// firmware that it is meant for.
func TestImagesBoot(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take half a minute")
	}
	k, err := os.ReadFile(judge.Given(t, judge.KernelVariable))
	must(t, err)
	dir := t.TempDir()
	starterSources(t, dir, k, initrd(t))
	images := map[string]Result{}
	for name, text := range starters(t) {
		images[name] = build(t, dir, text, filepath.Join(dir, "out", name))
	}
	for _, c := range []struct {
		name, firmware string
		option         string // the file that the firmware finds only by its boot option
	}{
		{"legacy", "BIOS", ""},
		{"legacy+gpt", "BIOS", ""},
		{"hybrid", "BIOS", ""},
		{"hybrid", "EFI", ""},
		{"efixbootldr", "EFI", ""},
		{"efi", "EFI", "EFI/systemd/systemd-bootx64.efi"},
		{"grub-efi", "EFI", "EFI/starter/grubx64.efi"},
	} {
		t.Run(c.name+" by "+c.firmware, func(t *testing.T) {
			t.Parallel()
			r := images[c.name]
			m := machine{image: r.Image, efi: c.firmware == "EFI"}
			if c.option != "" {
				// Without the file that is found without a boot option, only the
				// option is left.
				esp, _ := r.Layout.Find(partition.ESP)
				at := fmt.Sprintf("%s@@%d", r.Image, esp.Offset())
				judge.Must(t, "mdel", "-i", at, "::EFI/BOOT/BOOTX64.EFI")
				judge.Must(t, "mdir", "-i", at, "::"+c.option)
				m.variables = r.Variables
			}
			reaches(t, m.start(t), c.firmware, "from="+c.name)
		})
	}
}

// TestLoadersAreTheSameBytes builds with each boot loader five times, in other
// circumstances each time.
func TestLoadersAreTheSameBytes(t *testing.T) {
	content := bytes.Repeat([]byte("a kernel, more or less"), 1<<16)
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	specs := starters(t)
	first := map[string]string{}
	for i := range rounds {
		dir := filepath.Join(t.TempDir(), fmt.Sprint("place", i))
		starterSources(t, dir, content, content[:1<<20])
		for name, text := range specs {
			path := filepath.Join(dir, name+".yaml")
			must(t, os.WriteFile(path, []byte(text), 0o644))
			j := task{
				Spec: path, Out: filepath.Join(dir, "out"), Digest: true, Umask: []int{0o022, 0o077, 0}[i%3],
				env: []string{"TZ=" + []string{"UTC", "Asia/Kolkata"}[i%2], "GOMAXPROCS=" + []string{"2", "1", "8"}[i%3], fmt.Sprint("HOME=/home/", i)},
			}
			d := j.run(t, "").check(t)
			vars, err := os.ReadFile(filepath.Join(j.Out, VariablesName))
			if strings.Contains(text, "touchEFIVars") {
				must(t, err)
				d.Digest += fmt.Sprintf(" %x", sha256.Sum256(vars))
			} else if err == nil {
				t.Errorf("%s has variables", name)
			}
			if first[name] == "" {
				first[name] = d.Digest
			} else if d.Digest != first[name] {
				t.Errorf("%s, build %d gives other bytes", name, i)
			}
			must(t, os.RemoveAll(j.Out))
		}
	}
}

// TestLoadersLeaveSoundTables has the tools look at images with boot loaders.
func TestLoadersLeaveSoundTables(t *testing.T) {
	dir := t.TempDir()
	starterSources(t, dir, make([]byte, 5000), make([]byte, 3000))
	for name, text := range starters(t) {
		r := build(t, dir, text, filepath.Join(dir, "out", name))
		if name == "legacy" {
			if out := judge.Must(t, "sfdisk", "--dump", r.Image); !strings.Contains(out, fmt.Sprintf("label-id: 0x%08x", r.Layout.DiskSignature)) || strings.Count(out, "type=83") != 1 {
				t.Errorf("%s: %s", name, out)
			}
		} else if out := judge.Must(t, "sgdisk", "-v", r.Image); !strings.Contains(out, "No problems found") {
			t.Errorf("%s: %s", name, out)
		}
		for _, p := range r.Layout.Partitions {
			switch p.Role {
			case partition.Root:
				judge.Must(t, "e2fsck", "-fn", cut(t, r.Image, p))
			case partition.ESP, partition.XBOOTLDR:
				judge.Must(t, "fsck.vfat", "-n", cut(t, r.Image, p))
			}
		}
		if name == "efi" {
			fi, err := os.Stat(r.Variables)
			must(t, err)
			if want := 540672; fi.Size() != int64(want) || fi.Mode() != 0o644 || filepath.Base(r.Variables) != "efi-vars.fd" {
				t.Error(r.Variables, fi.Size(), fi.Mode())
			}
		}
	}
}

// TestLoadersThatDoNotFit are refused before anything is written.
func TestLoadersThatDoNotFit(t *testing.T) {
	dir := t.TempDir()
	starterSources(t, dir, make([]byte, 5000), make([]byte, 200<<20))
	specs := starters(t)
	out := filepath.Join(dir, "out")
	oneLine(t, attempt(t, t.Context(), dir, specs["efi"], out, nil), "systemdBoot: they do not fit into the ESP", "raise bootSize")
	core, err := os.ReadFile(filepath.Join(dir, "ready/core.img"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "ready/core.img"), append(core, make([]byte, 1<<20-len(core))...), 0o644))
	text := strings.Replace(specs["legacy+gpt"], "partitionTableType: legacy+gpt", "partitionTableType: legacy", 1)
	oneLine(t, attempt(t, t.Context(), dir, text, out, nil), "grub: core.img does not fit into the gap before the first partition of 1048064 bytes: 512 bytes are missing")
	for add, want := range map[string]string{
		"touchEFIVars: true\n":                                              "touchEFIVars: it needs the firmware's variables: name the file with efiVariables, or OVMF's folder with OVMF",
		"touchEFIVars: true\nefiVariables: vmlinuz\n":                       "touchEFIVars: damaged EFI variable store",
		"touchEFIVars: true\nefiVariables: nowhere\n":                       "nowhere: no such file or directory",
		"touchEFIVars: true\nOVMF: ready\n":                                 "OVMF: ready: holds none of [FV/OVMF_VARS.fd OVMF_VARS_4M.fd OVMF_VARS.fd]",
		"espContents: [{source: vmlinuz, target: /EFI/boot/bootx64.efi}]\n": "systemdBoot: duplicate entry /EFI/boot/bootx64.efi",
	} {
		text := strings.Replace(specs["efixbootldr"], "initrd: [initrd]", "initrd: []", 1) + add
		oneLine(t, attempt(t, t.Context(), dir, text, out, nil), want)
	}
	nothing(t, out)
}

// TestVariablesWithoutAnOption: where nothing is installed that EFI firmware
// could start, the variables are the template's.
func TestVariablesWithoutAnOption(t *testing.T) {
	dir := t.TempDir()
	r := build(t, dir, "partitionTableType: legacy+gpt\nadditionalSpace: 8M\ntouchEFIVars: true\nOVMF: "+filepath.Dir(judge.File(t, ovmfVars)), filepath.Join(dir, "out"))
	got, err := os.ReadFile(r.Variables)
	must(t, err)
	want, err := os.ReadFile(ovmfVars)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("the variables are not the template's")
	}
}

// TestVariablesComeWithTheirImage: a build that ends early leaves neither.
func TestVariablesComeWithTheirImage(t *testing.T) {
	dir := t.TempDir()
	starterSources(t, dir, make([]byte, 5000), make([]byte, 3000))
	text, out := starters(t)["efi"], filepath.Join(dir, "out")
	ctx, cancel := context.WithCancel(t.Context())
	err := attempt(t, ctx, dir, text, out, func(phase string, _ int64) {
		if phase == "ESP" {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	nothing(t, out)
	must(t, attempt(t, t.Context(), dir, text, out, nil))
	nothing(t, out, "efi-vars.fd", "nixos.img")
}
