package mkext4

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// shapeLines are the lines of dumpe2fs that say what a filesystem's geometry
// is: all but its identity, its times and what is in it.
var shapeLines = regexp.MustCompile(`(?m)^(Filesystem (features|flags|state|magic|revision)|Default|Errors|Inode|Block|Reserved|Overhead|First|Fragment|Group desc|Flex|Mount count|Maximum|Check interval|First inode|Required|Desired|Journal (inode|backup|features|start|sequence)|Total journal|Max trans|Checksum type|Group \d+:|  (Primary|Backup|Reserved|Block bitmap|Inode bitmap|Inode table)).*$`)

// checksums and flags in the groups' lines follow from what is in them.
var groupDetail = regexp.MustCompile(`,? csum 0x[0-9a-f]+( \[.*\])?`)

func shapeLinesOf(t *testing.T, image string) string {
	t.Helper()
	out := judge.Must(t, "dumpe2fs", image)
	return groupDetail.ReplaceAllString(strings.Join(shapeLines.FindAllString(out, -1), "\n"), "")
}

func TestShapeIsThatOfMkfs(t *testing.T) {
	const mib = 1 << 20
	sizes := []int64{
		300 << 10, mib, 2*mib + 4096, 3 * mib, 4 * mib, 8*mib - 4096, 8 * mib, 16 * mib, 64 * mib, 127 * mib,
		128 * mib, 129 * mib, 131 * mib, 200 * mib, 256 * mib, 257 * mib, 258*mib + 1234, 500 * mib, 511 * mib, 512 * mib, 513 * mib,
		1023 * mib, 1024 * mib, 1030 * mib, 2048 * mib, 2049 * mib, 2060 * mib, 2176 * mib, 4097 * mib, 5 << 30, 17 << 30, 20 << 30,
	}
	if testing.Short() {
		sizes = []int64{300 << 10, 8 * mib, 129 * mib, 513 * mib, 2049 * mib, 17 << 30}
	} else {
		sizes = append(sizes, 33<<30, 65<<30, 129<<30)
	}
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%d", size), func(t *testing.T) { sameShape(t, options(size)) })
	}
	for _, c := range []struct {
		size   int64
		inodes uint32
	}{{64 * mib, 12}, {64 * mib, 1000}, {300 * mib, 100_000}, {1 << 30, 500_000}, {3 << 30, 500_000}, {500 * mib, 1_000_000}, {5 << 30, 64}} {
		t.Run(fmt.Sprintf("%d with %d inodes", c.size, c.inodes), func(t *testing.T) {
			o := options(c.size)
			o.Inodes = c.inodes
			sameShape(t, o, "-N", fmt.Sprint(c.inodes))
		})
	}
	for _, percent := range []int{0, 1, 33} {
		t.Run(fmt.Sprintf("%d %% reserved", percent), func(t *testing.T) {
			o := options(131 * mib)
			o.ReservedPercent = &percent
			sameShape(t, o, "-m", fmt.Sprint(percent))
		})
	}
}

func sameShape(t *testing.T, o Options, args ...string) {
	ours := image(t, dir(""), o)
	clean(t, ours)
	theirs := filepath.Join(t.TempDir(), "theirs")
	if err := os.WriteFile(theirs, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(theirs, o.Size); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "mkfs.ext4", append(append([]string{"-q", "-F", "-b", "4096"}, args...), theirs)...)
	a, b := strings.Split(shapeLinesOf(t, ours), "\n"), strings.Split(shapeLinesOf(t, theirs), "\n")
	if len(a) != len(b) {
		t.Errorf("%d lines, mkfs.ext4 has %d", len(a), len(b))
	}
	bad := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] && bad < 10 {
			t.Errorf("%s\nmkfs.ext4: %s", a[i], b[i])
			bad++
		}
	}
}
