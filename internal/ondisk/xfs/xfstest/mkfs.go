package xfstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Mkfs makes a filesystem, which may be of a size that mkfs.xfs makes only for
// its own tests: some 16 MiB at least.
func Mkfs(t testing.TB, size int64, args ...string) (image string) {
	t.Helper()
	image = filepath.Join(t.TempDir(), "xfs.img")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, size))
	cmd := exec.Command(judge.Tool(t, "mkfs.xfs"), append(append([]string{"-q", "-f"}, args...), image)...)
	cmd.Env = append(os.Environ(), "TEST_DIR=/", "TEST_DEV=/", "QA_CHECK_FS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mkfs.xfs %v: %v\n%s", args, err, out)
	}
	return image
}
