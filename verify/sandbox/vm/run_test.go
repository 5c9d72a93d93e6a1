package vm

import (
	"errors"
	"os"
	"testing"

	"github.com/reprodisk/reprodisk/build/guest/machine"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
)

// TestDiskBeginsEmpty, has no name, and what is damaged on it is not believed.
func TestDiskBeginsEmpty(t *testing.T) {
	dir := t.TempDir()
	d, err := makeDisk(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("the disk has a name: %v", names)
	}
	n, err := d.read(t.Context())
	if err != nil || !n.IsDir() || len(n.Children) != 0 {
		t.Errorf("it holds %+v, %v", n, err)
	}
	if _, err := d.file.WriteAt(make([]byte, 4096), ext4.SuperblockOffset); err != nil {
		t.Fatal(err)
	}
	for group := int64(1); group < 64; group++ { // and its copies
		if _, err := d.file.WriteAt(make([]byte, 4096), group*128<<20); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := d.read(t.Context()); err == nil {
		t.Errorf("without a superblock it holds %+v", n)
	}
	if _, err := makeDisk(t.Context(), dir+"/missing"); err == nil {
		t.Error("a disk was made nowhere")
	}
}

// TestEndings are one line each.
func TestEndings(t *testing.T) {
	s := &share{}
	for want, err := range map[string]error{
		"the virtual machine ran out of its 99 MiB of memory": &machine.Error{Ending: machine.Panicked, Memory: true},
		"Kernel panic (it said last: a | b)":                  &machine.Error{Ending: machine.Panicked, Text: "Kernel panic", Said: []string{"a", "b"}},
		"cannot mount the disk":                               &machine.Error{Ending: machine.Failed, Step: "the task", Text: "cannot mount the disk"},
		"qemu-system-x86_64 is missing: apt-get install qemu-system-x86, or with Nix: nix-env -iA nixpkgs.qemu": &machine.MissingError{
			Program: "qemu-system-x86_64", Debian: "qemu-system-x86", Nix: "qemu",
		},
		"cannot": errors.New("guest: cannot"),
	} {
		if got := s.explain(err, 99); got.Error() != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
