package build

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
)

// closureSpec is a system from a store below root, with a channel, a
// configuration and contents, as large as it must be and no larger.
func closureSpec(s nixstore.Store, root, layout string, kind format.Kind, registration bool) string {
	boot := "43M"
	if layout == "efixbootldr" {
		boot = "150M"
	}
	text := fmt.Sprintf("name: closure\nsystem: %s\nchannel: %s\nstoreRoot: %s\nconfigFile: c.nix\npartitionTableType: %s\nformat: %s\nbootSize: %s\n"+
		"bootLoader: none\nadditionalSpace: 1M\ncontents:\n  - {source: c.nix, target: /srv/c.nix, mode: \"0600\", user: \"7\", group: \"8\"}\n",
		s.Toplevel, s.Channel, root, layout, kind, boot)
	if registration {
		text += "registration: registration\n"
	}
	return text
}

// scatter copies a folder, the entries of each directory in an order of
// chance, and with what was made before in between.
func scatter(t testing.TB, from, to string, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	links := map[uint64]string{}
	var walk func(from, to string)
	walk = func(from, to string) {
		fi, err := os.Lstat(from)
		must(t, err)
		switch {
		case fi.IsDir():
			must(t, os.MkdirAll(to, 0o755))
			entries, err := os.ReadDir(from)
			must(t, err)
			r.Shuffle(len(entries), func(a, b int) { entries[a], entries[b] = entries[b], entries[a] })
			for _, e := range entries {
				walk(filepath.Join(from, e.Name()), filepath.Join(to, e.Name()))
			}
			must(t, os.Chmod(to, fi.Mode().Perm()|0o500))
		case fi.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(from)
			must(t, err)
			must(t, os.Symlink(target, to))
		case fi.Mode().IsRegular():
			var st unix.Stat_t
			must(t, unix.Lstat(from, &st))
			if first, seen := links[st.Ino]; seen && st.Nlink > 1 {
				must(t, os.Link(first, to))
				return
			}
			links[st.Ino] = to
			b, err := os.ReadFile(from)
			must(t, err)
			must(t, os.WriteFile(to, b, fi.Mode().Perm()))
		}
	}
	walk(from, to)
}

// TestClosureInEveryLayoutAndFormat builds a system's closure in each layout
// and format, and has the tools look at it; then it does so nine times more,
// by other users in other places from stores that list otherwise, and every
// file has the same bytes.
func TestClosureInEveryLayoutAndFormat(t *testing.T) {
	s := nixstore.Make(t, nixstore.Config{})
	registration := s.Registration(t, s.Toplevel, s.Channel)
	rounds, kinds := 10, format.Kinds
	if testing.Short() {
		rounds, kinds = 2, kinds[:2]
	}
	var stores []string
	for i := range 3 {
		top := public(t, "")
		if i == 1 {
			top = memory(t)
		}
		scatter(t, filepath.Join(s.Root, "nix"), filepath.Join(top, strings.Repeat("deep/", i), "nix"), uint64(i))
		stores = append(stores, filepath.Join(top, strings.Repeat("deep/", i)))
	}
	self, root := itself(t), os.Geteuid() == 0
	first := map[string]string{}
	started := time.Now()
	for i := range rounds {
		work := memory(t) // where nothing waits for a disk
		must(t, os.Chmod(work, 0o777))
		must(t, os.WriteFile(filepath.Join(work, "c.nix"), []byte("{ }\n"), 0o644))
		must(t, os.WriteFile(filepath.Join(work, "registration"), []byte(registration), 0o644))
		var names, specs []string
		for _, layout := range layouts {
			for _, kind := range kinds {
				if packed(kind) && layout != "none" {
					continue // compressing is what takes long, and it knows no layouts
				}
				name := layout + " " + string(kind)
				path := filepath.Join(work, name+".yaml")
				must(t, os.WriteFile(path, []byte(closureSpec(s, stores[i%3], layout, kind, i%2 == 1)), 0o644))
				names, specs = append(names, name), append(specs, path)
			}
		}
		if i == 0 {
			t.Run("tools", func(t *testing.T) { closureJudged(t, s, work, kinds) })
		}
		j := task{
			Spec: specs[0], Also: specs[1:], Out: filepath.Join(work, []string{"out", "another/folder"}[i%2]), Digest: true, Umask: []int{0o022, 0, 0o077}[i%3],
			dir: []string{"/", work}[i%2],
			env: []string{
				"LC_ALL=" + []string{"C", "C.utf8", "tr_TR.UTF-8"}[i%3], "TZ=" + []string{"UTC", "Asia/Kolkata", "<-12>12"}[i%3],
				"GOMAXPROCS=" + []string{"2", "1", "8"}[i%3], fmt.Sprint("HOME=/home/", i), fmt.Sprint("USER=user", i),
			},
		}
		if root {
			if j.uid = []uint32{0, 65534, 4321}[i%3]; j.uid == 0 {
				j.Host = fmt.Sprint("host", i)
			}
		}
		d := j.run(t, self).check(t)
		for k, digest := range append([]string{d.Digest}, d.Also...) {
			if i == 0 {
				first[names[k]] = digest
			} else if digest != first[names[k]] {
				t.Errorf("%s: build %d gives other bytes", names[k], i)
			}
		}
		must(t, os.RemoveAll(work))
	}
	if d := time.Since(started); d < 2*time.Second {
		t.Errorf("%d builds took %v: what follows the clock has not had the time to show it", rounds, d)
	}
}

func packed(k format.Kind) bool {
	return k == format.QCOW2Packed || k == format.Zstd || k == format.Xz
}

// closureJudged builds each layout and format once, and has the tools find
// nothing to complain of.
func closureJudged(t *testing.T, s nixstore.Store, dir string, kinds []format.Kind) {
	for _, layout := range layouts {
		raw := build(t, dir, closureSpec(s, s.Root, layout, format.Raw, false), filepath.Join(dir, layout))
		if raw.Layout.Label == partition.LabelGPT {
			if out := judge.Must(t, "sgdisk", "-v", raw.Image); !strings.Contains(out, "No problems found") {
				t.Errorf("%s: sgdisk -v:\n%s", layout, out)
			}
		}
		for _, p := range raw.Layout.Partitions {
			switch p.Role {
			case partition.Root:
				judge.Must(t, "e2fsck", "-fn", cut(t, raw.Image, p))
			case partition.ESP, partition.XBOOTLDR:
				judge.Must(t, "fsck.vfat", "-n", cut(t, raw.Image, p))
			}
		}
		for _, kind := range kinds {
			if kind == format.Raw || kind == format.Xz && layout != "none" {
				continue // xz is the slowest
			}
			r := build(t, dir, closureSpec(s, s.Root, layout, kind, true), filepath.Join(dir, "other"))
			alike(t, kind, r.Image, raw.Image)
			must(t, os.RemoveAll(filepath.Join(dir, "other")))
		}
		verified(t, s, raw.Image, raw.Layout.Root()) // last, for it mounts the image
		must(t, os.RemoveAll(filepath.Join(dir, layout)))
	}
}

// verified has the real Nix find the whole closure in an image, and nothing
// wrong with it.
func verified(t *testing.T, s nixstore.Store, image string, root partition.Partition) {
	t.Helper()
	folder, umount := mountRoot(t, image, root)
	in := nixstore.Store{Root: filepath.Join(t.TempDir(), "root")}
	judge.Must(t, "rsync", "-aH", folder+"/", in.Root+"/")
	umount()
	_, said, err := in.Try(t, "", "nix-store", "--verify", "--check-contents")
	if err != nil || strings.Contains(said, "modified") || strings.Contains(said, "missing") {
		t.Error(said, err)
	}
	got := strings.Fields(in.Run(t, "", "nix-store", "--query", "--requisites", s.Toplevel))
	want := strings.Fields(s.Run(t, "", "nix-store", "--query", "--requisites", s.Toplevel))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the image's store has %q, want %q", got, want)
	}
}
