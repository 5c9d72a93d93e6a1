package build

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare"
)

// TestWhatDiffersWithoutDeterminism builds twice with deterministic: false and
// a guest that writes to both filesystems, and holds what differs against the
// table: nothing else does, and what always does is found.
func TestWhatDiffersWithoutDeterminism(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take some seconds each")
	}
	dir := t.TempDir()
	// One name in its folder: in which order the kernel lists two follows from the
	// hash seed, and so would the inodes of their copies.
	busyboxRoot(t, filepath.Join(dir, "root"))
	text := `name: x
partitionTableType: efi
deterministic: false
additionalSpace: 16M
bootSize: 60M
contents:
  - {source: root, target: /}
bootLoaderInstall: [busybox, sh, -c, "busybox mkdir -p /boot/EFI/BOOT /etc; busybox cp /bin/busybox /boot/EFI/BOOT/BOOTX64.EFI; busybox cp -r /bin /etc"]
` + umlText(t)
	var images [2]*split.Image
	for i := range images {
		if i > 0 {
			time.Sleep(2100 * time.Millisecond) // FAT's clock ticks every two seconds
		}
		r := guestBuild(t, dir, text, t.TempDir(), nil)
		judge.Must(t, "e2fsck", "-fn", cut(t, r.Image, r.Layout.Root()))
		img, err := split.Open(r.Image)
		must(t, err)
		defer img.Close()
		images[i] = img
	}
	r, err := compare.Images(t.Context(), images[0], images[1], compare.Options{})
	must(t, err)
	always, sometimes := table(t, "testdata/guest-differences")
	var found []string
	for _, f := range r.Findings {
		kind := kindOf(f)
		if !slices.Contains(found, kind) {
			found = append(found, kind)
		}
		if !slices.Contains(always, kind) && !slices.Contains(sometimes, kind) {
			t.Errorf("%s is not in the table: %s: %q and %q", kind, f.ID, f.A, f.B)
		}
		if f.Format == "disk" {
			t.Errorf("bytes that nobody explains: %s, %d", f.ID, f.Bytes)
		}
	}
	for _, kind := range always {
		if !slices.Contains(found, kind) {
			t.Errorf("%s does not differ", kind)
		}
	}
	if len(r.Findings) == 0 {
		t.Error("nothing differs")
	}
}

// kindOf is a finding without what only this image has.
func kindOf(f report.Finding) string {
	return fmt.Sprintf("%s: %s: %s", f.Format, f.Structure, f.Field)
}

// table is a list of kinds: those that always differ, and those with a question
// mark in front, which need not.
func table(t *testing.T, path string) (always, sometimes []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch rest, ok := strings.CutPrefix(line, "? "); {
		case line == "" || strings.HasPrefix(line, "#"):
		case ok:
			sometimes = append(sometimes, rest)
		default:
			always = append(always, line)
		}
	}
	return always, sometimes
}
