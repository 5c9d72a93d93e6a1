package installers

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// TestRoot has each program of the system start in it, which needs all of its
// libraries, and holds its size.
func TestRoot(t *testing.T) {
	judge.Root(t)
	root := filepath.Join(t.TempDir(), "root")
	Root(t, root)
	size := int64(0)
	must(t, filepath.Walk(root, func(_ string, fi os.FileInfo, err error) error {
		must(t, err)
		size += fi.Size()
		return nil
	}))
	if size > 60<<20 {
		t.Errorf("it has %d MiB", size>>20)
	}
	for _, name := range []string{"grub-install", "grub-mkimage", "grub-mkrelpath", "grub-probe", "bootctl", "/usr/lib/grub/i386-pc/grub-bios-setup"} {
		judge.Must(t, "unshare", "--root", root, name, "--version")
	}
	for _, script := range []string{GRUB, GRUBHybrid, SystemdBoot} {
		judge.Must(t, "shellcheck", filepath.Join(root, script))
	}
}
