package build

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/build/normalize"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
)

// TestNormalizedImagesBoot: an image that is written anew under other
// identifiers starts as it did before, by a BIOS and by EFI.
func TestNormalizedImagesBoot(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take half a minute")
	}
	k, err := os.ReadFile(judge.Given(t, judge.KernelVariable))
	must(t, err)
	dir := t.TempDir()
	starterSources(t, dir, k, initrd(t))
	r := build(t, dir, starters(t)["hybrid"], filepath.Join(dir, "out"))
	img, err := split.Open(r.Image)
	must(t, err)
	defer img.Close()
	out := filepath.Join(dir, "normal.img")
	account, err := normalize.File(context.Background(), out, format.Raw, img, normalize.Options{Epoch: tree.Time{Sec: 1_600_000_000}, DeriveIDs: true})
	must(t, err)
	for _, p := range account.Parts {
		// GRUB's image stands in a partition of its own; the filesystems are ours.
		if kept := p.Action == normalize.Kept; kept != strings.HasPrefix(p.Name, "partition 2 ") {
			t.Errorf("%s: %s: %s", p.Name, p.Action, p.Detail)
		}
	}
	for _, firmware := range []string{"BIOS", "EFI"} {
		t.Run(firmware, func(t *testing.T) {
			t.Parallel()
			reaches(t, machine{image: out, efi: firmware == "EFI"}.start(t), firmware, "from=hybrid")
		})
	}
}
