package xfstest

import (
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge/sametree"
)

// Mounted does something to a filesystem while the kernel has it mounted, and
// unmounts it. Where it cannot be mounted the test is skipped, or fails, as
// sametree says.
func Mounted(t *testing.T, image string, do func(t *testing.T, dir string)) {
	t.Helper()
	mounted := false
	ok := t.Run("mounted", func(t *testing.T) {
		dir := sametree.Mounted(t, "xfs", image, "rw")
		mounted = true
		do(t, dir)
	})
	switch {
	case !ok:
		t.FailNow()
	case !mounted:
		t.Skip("the image cannot be mounted")
	}
}
