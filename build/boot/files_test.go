package boot

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

func trees() map[partition.Role]*tree.Node {
	out := map[partition.Role]*tree.Node{}
	for _, r := range []partition.Role{partition.Root, partition.ESP, partition.XBOOTLDR} {
		out[r] = &tree.Node{Inode: &tree.Inode{Mode: tree.Directory | 0o755}}
	}
	return out
}

// placed reads a spec in a folder of files, and returns the files of the
// trees after its boot loader's were placed, by filesystem and path.
func placed(t testing.TB, text string, into map[partition.Role]*tree.Node) (map[string]string, error) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"boot.efi", "kernel", "other", "microcode", "initrd", "config"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("the "+name), 0o600))
	}
	must(t, os.Symlink("kernel", filepath.Join(dir, "link")))
	s, err := spec.Parse(filepath.Join(dir, "s.yaml"), []byte(text))
	must(t, err)
	var files []File
	if s.SystemdBoot != nil {
		files = SystemdBoot(s)
	} else {
		g, err := NewGRUB(context.Background(), s)
		if err != nil {
			return nil, hide(err, dir)
		}
		files = g.Files
	}
	if err := Place(s, into, files, 7); err != nil {
		return nil, hide(err, dir)
	}
	out := map[string]string{}
	for role, root := range into {
		must(t, root.Walk(func(p string, n *tree.Node) error {
			if n.Inode.Content == nil {
				return nil
			}
			if want := (tree.Time{Sec: 7}); n.Mtime != want || n.Atime != want || n.Ctime != want || n.Btime != want || n.Mode != tree.Regular|0o644 {
				t.Errorf("%s: %+v", p, n.Inode)
			}
			r, err := n.Content.Open()
			must(t, err)
			b, err := io.ReadAll(r)
			must(t, err)
			must(t, r.Close())
			if int64(len(b)) != n.Size {
				t.Errorf("%s: %d bytes of %d", p, len(b), n.Size)
			}
			out[string(role)+":"+p] = string(b)
			return nil
		}))
	}
	return out, nil
}

type hidden string

func (h hidden) Error() string { return string(h) }

func hide(err error, dir string) error {
	return hidden(strings.ReplaceAll(strings.ReplaceAll(err.Error(), dir+"/", ""), dir, "DIR"))
}

const menu = `
bootLoader: systemd-boot
systemdBoot:
  efi: boot.efi
  timeout: 0
  entries:
    - {name: demo, title: The demo, linux: link, initrd: [microcode, initrd], options: root=/dev/vda2}
    - {name: again, linux: link, initrd: [initrd]}
    - {name: third, linux: other}
`

func TestSystemdBootsFiles(t *testing.T) {
	for layout, on := range map[string]string{"efi": "esp", "hybrid": "esp", "efixbootldr": "xbootldr"} {
		got, err := placed(t, "partitionTableType: "+layout+menu, trees())
		must(t, err)
		want := map[string]string{
			"esp:/EFI/systemd/systemd-bootx64.efi": "the boot.efi",
			"esp:/EFI/BOOT/BOOTX64.EFI":            "the boot.efi",
			"esp:/loader/loader.conf":              "timeout 0\ndefault demo.conf\n",
			on + ":/kernels/demo/linux":            "the kernel",
			on + ":/kernels/demo/initrd":           "the microcode",
			on + ":/kernels/demo/initrd-2":         "the initrd",
			on + ":/kernels/third/linux":           "the other",
			on + ":/loader/entries/demo.conf":      "title The demo\nlinux /kernels/demo/linux\ninitrd /kernels/demo/initrd\ninitrd /kernels/demo/initrd-2\noptions root=/dev/vda2\n",
			on + ":/loader/entries/again.conf":     "title again\nlinux /kernels/demo/linux\ninitrd /kernels/demo/initrd-2\n",
			on + ":/loader/entries/third.conf":     "title third\nlinux /kernels/third/linux\n",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", layout, d)
		}
	}
}

func TestGRUBsFiles(t *testing.T) {
	for _, layout := range []string{"efi", "hybrid", "efixbootldr"} {
		got, err := placed(t, "partitionTableType: "+layout+"\nbootLoader: grub-efi\ngrub: {efi: boot.efi, efiPath: EFI/demo/grubx64.efi, config: config}", trees())
		must(t, err)
		want := map[string]string{
			"esp:/EFI/BOOT/BOOTX64.EFI": "the boot.efi", "esp:/EFI/demo/grubx64.efi": "the boot.efi", "esp:/grub/grub.cfg": "the config",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", layout, d)
		}
	}
	judge.Tool(t, "grub-mkimage")
	dirs := "modulesDir: " + judge.File(t, i386)
	for _, layout := range []string{"legacy", "legacy+gpt"} {
		got, err := placed(t, "partitionTableType: "+layout+"\nbootLoader: grub-bios\ngrub: {configText: \"boot\\n\", "+dirs+"}", trees())
		must(t, err)
		if d := cmp.Diff(map[string]string{"root:/boot/grub/grub.cfg": "boot\n"}, got); d != "" {
			t.Errorf("%s: %s", layout, d)
		}
	}
	got, err := placed(t, "partitionTableType: hybrid\nbootLoader: grub-bios\ngrub: {configText: boot, "+dirs+", efiModulesDir: "+judge.File(t, "/usr/lib/grub/x86_64-efi")+"}", trees())
	must(t, err)
	if !strings.HasPrefix(got["esp:/EFI/BOOT/BOOTX64.EFI"], "MZ") || got["esp:/grub/grub.cfg"] != "boot" || len(got) != 2 {
		t.Errorf("%d files", len(got))
	}
}

func TestFilesThatAreThereAreNotReplaced(t *testing.T) {
	into := trees()
	esp := into[partition.ESP]
	for _, name := range []string{"efi", "Loader"} {
		esp.Add(&tree.Node{Name: name, Inode: &tree.Inode{Mode: tree.Directory | 0o755}})
	}
	got, err := placed(t, "partitionTableType: efi"+menu, into)
	must(t, err)
	if got["esp:/efi/BOOT/BOOTX64.EFI"] == "" || got["esp:/Loader/loader.conf"] == "" {
		t.Error("FAT's directories have a case of their own")
	}
	_, err = placed(t, "partitionTableType: efi"+menu, into)
	if err == nil || err.Error() != "s.yaml:3:1: systemdBoot: duplicate entry /efi/systemd/systemd-bootx64.efi" {
		t.Error(err)
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {efi: nowhere}":                                      "s.yaml:3:1: grub: nowhere: no such file or directory",
		"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {efi: .}":                                            "s.yaml:3:1: grub: DIR: is not a regular file",
		"bootLoader: grub-bios\ngrub: {bootImg: nowhere, coreImg: kernel}":                                         "s.yaml:2:1: grub: nowhere: no such file or directory",
		"bootLoader: grub-bios\ngrub: {bootImg: kernel, coreImg: kernel}":                                          "s.yaml:2:1: grub: boot.img has 10 bytes; it must be 512, with the boot signature at byte 510",
		"bootLoader: grub-bios\ngrub: {modulesDir: nowhere}":                                                       "s.yaml:2:1: grub: nowhere/boot.img: no such file or directory",
		"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {efiModulesDir: nowhere}":                            "s.yaml:3:1: grub: nowhere: no such file or directory",
		"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {efiModulesDir: kernel}":                             "s.yaml:3:1: grub: kernel: is not a folder",
		"partitionTableType: efi\nbootLoader: grub-efi\ngrub: {efi: boot.efi, config: /dev/null}":                  "s.yaml:3:1: grub: /dev/null: is not a regular file",
		"partitionTableType: efi\nbootLoader: systemd-boot\nsystemdBoot: {efi: e, entries: [{name: a, linux: k}]}": "s.yaml:3:1: systemdBoot: e: no such file or directory",
	} {
		_, err := placed(t, text, trees())
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMissingModulesAreNamed(t *testing.T) {
	judge.Tool(t, "grub-mkimage")
	_, err := placed(t, "bootLoader: grub-bios\ngrub: {modules: [xyzzy], modulesDir: "+judge.File(t, i386)+"}", trees())
	if err == nil || !strings.HasPrefix(err.Error(), "s.yaml:2:1: grub: grub-mkimage for i386-pc: ") || !strings.Contains(err.Error(), "xyzzy") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	_, err = placed(t, "bootLoader: grub-bios\ngrub: {modulesDir: "+i386+"}", trees())
	if err == nil || err.Error() != "s.yaml:2:1: grub: grub-mkimage is not installed (Debian: grub-common); install it, or name images that were made with it" {
		t.Error(err)
	}
}
