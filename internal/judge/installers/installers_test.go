package installers

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestRoot has each program of the system start in it, and holds its size.
func TestRoot(t *testing.T) {
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
	t.Log(size)
	if os.Geteuid() != 0 {
		return
	}
	for _, argv := range [][]string{{"/usr/bin/grub-install", "--version"}, {"/usr/bin/grub-mkimage", "--version"}} {
		cmd := exec.Command("/usr/sbin/chroot", append([]string{root}, argv...)...)
		out, err := cmd.CombinedOutput()
		t.Logf("%s %v", out, err)
	}
}
