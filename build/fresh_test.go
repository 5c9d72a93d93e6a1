package build

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
)

// identity is what tells one image from another.
type identity struct {
	Disk   gpt.GUID
	Parts  []gpt.GUID
	UUID   [16]byte
	Seed   [16]byte
	Signed uint32
	MkfsAt uint32
}

func identityOf(t *testing.T, dir, text string) identity {
	t.Helper()
	r := build(t, dir, text, t.TempDir())
	if r.Layout.Label == partition.LabelGPT {
		judge.Must(t, "sgdisk", "-v", r.Image)
	}
	id := identity{Disk: r.Layout.DiskGUID, Signed: r.Layout.DiskSignature}
	for _, p := range r.Layout.Partitions {
		id.Parts = append(id.Parts, p.UniqueGUID)
	}
	f, err := os.Open(r.Image)
	must(t, err)
	defer f.Close()
	raw := make([]byte, 1024)
	_, err = f.ReadAt(raw, r.Layout.Root().Offset()+1024)
	must(t, err)
	sb := ext4.SuperblockLayout.Decode(raw)
	id.UUID, id.Seed, id.MkfsAt = sb.UUID, sb.HashSeed, sb.MkfsTime
	judge.Must(t, "e2fsck", "-fn", cut(t, r.Image, r.Layout.Root()))
	return id
}

// TestFreshIdentity builds twice what is not to be deterministic: every
// identifier is another one, and the time is now.
func TestFreshIdentity(t *testing.T) {
	dir := sources(t)
	for _, layout := range layouts {
		text := "deterministic: false\n" + specText(layout)
		before := time.Now().Unix()
		a, b := identityOf(t, dir, text), identityOf(t, dir, text)
		if a.UUID == b.UUID || a.Seed == b.Seed {
			t.Errorf("%s: two images have the UUID %x or the hash seed %x", layout, a.UUID, a.Seed)
		}
		if at := int64(a.MkfsAt); at < before || at > time.Now().Unix() {
			t.Errorf("%s: made at %d, not now", layout, at)
		}
		switch layout {
		case "none":
		case "legacy":
			if a.Signed == b.Signed {
				t.Errorf("two disks have the signature %x", a.Signed)
			}
		default:
			seen := map[gpt.GUID]bool{}
			for _, g := range append(append(append([]gpt.GUID{a.Disk, b.Disk}, a.Parts...), b.Parts...), partition.DiskGUID, partition.FirstGUID, partition.SecondGUID, partition.RootGUID) {
				if seen[g] {
					t.Errorf("%s: the GUID %s is there twice", layout, g)
				}
				seen[g] = true
			}
		}
	}
}

// TestGivenIdentityHolds: what the spec itself sets is not made up.
func TestGivenIdentityHolds(t *testing.T) {
	const given = "0B1F3F3C-7E0D-4B7A-9C55-0123456789AB"
	dir := sources(t)
	text := "deterministic: false\nsourceDateEpoch: 1000\nrootGPUID: " + given + "\nrootFSUID: " + given + "\n" + specText("legacy+gpt")
	id := identityOf(t, dir, text)
	want, err := spec.ParseGUID(given)
	must(t, err)
	if id.UUID != want || id.Parts[1] != gpt.MustGUID(given) || id.MkfsAt != 1000 {
		t.Errorf("%+v", id)
	}
	s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte("deterministic: false\nformat: vdi\n"+specText("none")))
	must(t, err)
	r, err := Build(context.Background(), s, Options{OutDir: t.TempDir(), SourceDateEpoch: "7"})
	must(t, err)
	other := build(t, dir, "deterministic: false\nformat: vdi\n"+specText("none"), t.TempDir())
	if string(content(t, r.Image)[392:424]) == string(content(t, other.Image)[392:424]) {
		t.Error("two VDIs have the same identifiers")
	}
}
