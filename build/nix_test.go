package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
)

// TestRegistrationOrDatabase: a closure from a registration and one from the
// store's database give the same bytes.
func TestRegistrationOrDatabase(t *testing.T) {
	s := nixstore.Make(t, nixstore.Config{})
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "registration"), []byte(s.Registration(t, s.Toplevel, s.Channel)), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "c.nix"), []byte("{ }\n"), 0o644))
	a := build(t, dir, closureSpec(s, s.Root, "legacy", format.Raw, false), filepath.Join(dir, "a"))
	b := build(t, dir, closureSpec(s, s.Root, "legacy", format.Raw, true), filepath.Join(dir, "b"))
	judge.Must(t, "cmp", a.Image, b.Image)
}

// The store alone is what stands at the root.
func TestOnlyNixStore(t *testing.T) {
	s := nixstore.Make(t, nixstore.Config{})
	sp, err := spec.Parse("s.yaml", []byte("onlyNixStore: true\nsystem: "+s.Toplevel+"\nstoreRoot: "+s.Root+"\nbootLoader: none\npartitionTableType: none\nadditionalSpace: 32M"))
	must(t, err)
	r, err := Build(context.Background(), sp, Options{OutDir: t.TempDir()})
	must(t, err)
	folder, _ := mountRoot(t, r.Image, r.Layout.Root())
	names, err := os.ReadDir(folder)
	must(t, err)
	paths := 0
	for _, n := range names {
		if n.Name() == "lost+found" {
			continue
		}
		paths++
		judge.Must(t, "diff", "-r", "--no-dereference", filepath.Join(folder, n.Name()), filepath.Join(s.Root, "nix/store", n.Name()))
	}
	if paths != 6 {
		t.Errorf("%d store paths", paths)
	}
	if label := judge.Must(t, "blkid", "-p", "-o", "value", "-s", "LABEL", r.Image); label != "nix-store\n" {
		t.Error(label)
	}
}

// TestClosureBoots: a machine reaches the init of a closure, off the disk on
// which that lies. By EFI firmware it does in TestAClosureInAGuest.
func TestClosureBoots(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take half a minute")
	}
	dir := t.TempDir()
	first := filepath.Join(dir, "initrd")
	must(t, os.WriteFile(first, initrd(t), 0o644))
	s := nixstore.Make(t, nixstore.Config{Kernel: judge.Given(t, judge.KernelVariable), Initrd: first})
	text := fmt.Sprintf("system: %s\nchannel: %s\nstoreRoot: %s\nadditionalSpace: 16M\nbootSize: 120M\npartitionTableType: hybrid\n", s.Toplevel, s.Channel, s.Root) +
		"bootLoader: grub-bios\ngrub:\n  modulesDir: " + judge.File(t, grubBIOS) + "\n  configText: |\n    search --label nixos --set=root\n" +
		"    linux " + s.Toplevel + "/kernel console=ttyS0 panic=-1 no_timer_check root=/dev/nvme0n1p3 init=" + s.Toplevel + "/init\n" +
		"    initrd " + s.Toplevel + "/initrd\n    boot\n"
	r := build(t, dir, text, filepath.Join(dir, "out"))
	said := machine{image: r.Image, device: "nvme,serial=disk"}.start(t)
	reaches(t, said, "BIOS", "REPRODISK: "+s.Toplevel+"/init runs as process 1 and finds record 0 of "+s.Data)
}
