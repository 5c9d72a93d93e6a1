package boot

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// loop makes a file a block device until the test ends.
func loop(t *testing.T, path string) string {
	t.Helper()
	device := strings.TrimSpace(judge.Must(t, "losetup", "--find", "--show", path))
	t.Cleanup(func() { judge.Must(t, "losetup", "--detach", device) })
	return device
}

// TestSameAsGRUBsOwnSetup has grub-bios-setup install the same images on the
// same disk: every byte is the same.
func TestSameAsGRUBsOwnSetup(t *testing.T) {
	judge.Root(t)
	const setup = "/usr/lib/grub/i386-pc/grub-bios-setup"
	judge.Tool(t, setup)
	boot, core := images(t)
	for _, kind := range []partition.Type{partition.Legacy, partition.LegacyGPT, partition.Hybrid} {
		t.Run(string(kind), func(t *testing.T) {
			// It wants to know which disk its images come from.
			dir := t.TempDir()
			from, mounted := filepath.Join(dir, "from.img"), filepath.Join(dir, "from")
			must(t, os.WriteFile(from, nil, 0o600))
			must(t, os.Truncate(from, 4<<20))
			judge.Must(t, "mkfs.ext4", "-q", from)
			must(t, os.Mkdir(mounted, 0o755))
			source := loop(t, from)
			judge.Must(t, "mount", source, mounted)
			t.Cleanup(func() { judge.Must(t, "umount", mounted) })
			must(t, os.WriteFile(filepath.Join(mounted, "boot.img"), boot, 0o600))
			must(t, os.WriteFile(filepath.Join(mounted, "core.img"), core, 0o600))

			theirs, _ := disk(t, kind)
			target := loop(t, theirs.Name())
			drives := filepath.Join(dir, "map")
			must(t, os.WriteFile(drives, fmt.Appendf(nil, "(hd0) %s\n(hd1) %s\n", target, source), 0o600))
			judge.Must(t, setup, "--skip-fs-probe", "--no-rs-codes", "--device-map="+drives, "--directory="+mounted, target)

			ours, l := disk(t, kind)
			b, err := NewBIOS(boot, core)
			must(t, err)
			must(t, b.Write(ours, l))
			want, err := os.ReadFile(theirs.Name())
			must(t, err)
			got, err := os.ReadFile(ours.Name())
			must(t, err)
			if !bytes.Equal(got, want) {
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("byte %#x is %#x; grub-bios-setup writes %#x", i, got[i], want[i])
					}
				}
			}
		})
	}
}
