package build

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// world is a copy of the sources, and what is around them.
type world struct {
	top   string // the folder that holds it alone
	dir   string // where the spec lies
	order []string
}

// everything is a spec that asks for something of all that there is.
func everything(layout string) string {
	text := "name: test\npartitionTableType: " + layout + "\nlabel: same\nadditionalSpace: 12M\nbootSize: 43M\n"
	if layout == "efixbootldr" {
		text = "name: test\npartitionTableType: " + layout + "\nlabel: same\nadditionalSpace: 12M\nbootSize: 120M\nespFat: auto\n"
	}
	text += fmt.Sprintf("sourceDateEpoch: %d\n", epoch) + `contents:
  - {source: root, target: /}
  - {source: root/half, target: /home/alice/half, mode: "0600", user: alice, group: users}
  - {source: "root/many/*7", target: /seven, mode: "u=rwX,go=", user: "7", group: "8"}
`
	if layout == "efi" || layout == "hybrid" || layout == "efixbootldr" {
		text += "espContents:\n  - {source: root/many, target: /loader}\n  - {source: root/holes, target: /}\n"
	}
	if layout == "efixbootldr" {
		text += "bootContents:\n  - {source: root/many, target: /many}\n"
	}
	return text
}

// listing is a folder's names as the kernel gives them.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	f, err := os.Open(dir)
	must(t, err)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	must(t, err)
	return names
}

// worlds are copies of one source tree that differ in all that must not
// matter: order, holes, times after the epoch, inode numbers, owners, place.
func worlds(t testing.TB) []world {
	t.Helper()
	shm := memory(t)
	user := unix.Setxattr(shm, "user.probe", []byte("x"), 0) == nil
	list := items(user)
	var out []world
	for i, under := range []string{public(t, ""), public(t, ""), shm, public(t, filepath.Dir(shm)), public(t, filepath.Dir(shm))} {
		dir := filepath.Join(under, []string{"a", "a longer name", "c/d/e", "ü", "f"}[i])
		must(t, os.MkdirAll(dir, 0o755))
		for n := range i * 3 { // other inode numbers
			must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("unused", n)), nil, 0o644))
		}
		order := list
		if i > 0 {
			order = shuffled(list, uint64(i))
		}
		makeItems(t, filepath.Join(dir, "root"), order, i%2 == 1)
		if i == 3 && os.Geteuid() == 0 {
			must(t, filepath.WalkDir(filepath.Join(dir, "root"), func(p string, d os.DirEntry, err error) error {
				if err != nil || d.Name() == "ping" || d.Name() == "tool" || d.Name() == "again" {
					return err // chown would take away what these are for
				}
				return os.Lchown(p, 1234, 5678)
			}))
		}
		if i == 4 {
			soon := time.Now().Add(48 * time.Hour)
			must(t, os.Chtimes(filepath.Join(dir, "root/half"), soon, soon))
			must(t, os.Chtimes(filepath.Join(dir, "root/many"), soon, soon))
		}
		for _, l := range layouts {
			must(t, os.WriteFile(filepath.Join(dir, l+".yaml"), []byte(everything(l)), 0o644))
		}
		out = append(out, world{under, dir, listing(t, filepath.Join(dir, "root/many"))})
	}
	return out
}

// itself is the test's own program where every user may start it.
func itself(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	in, err := os.Open(self)
	must(t, err)
	defer in.Close()
	path := filepath.Join(public(t, ""), "build.test")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(out, in)
	must(t, err)
	must(t, out.Close())
	must(t, os.Chmod(path, 0o755))
	return path
}

// TestSameBytesEverywhere builds each layout twenty times, each time in a
// process of its own in other circumstances.
func TestSameBytesEverywhere(t *testing.T) {
	all := worlds(t)
	for _, w := range all[1:] {
		if !slices.Equal(all[0].order, w.order) {
			goto differ
		}
	}
	t.Log("all copies of the sources list alike here: their order is not varied")
differ:
	self, root := itself(t), os.Geteuid() == 0
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	first := map[string]string{}
	started := time.Now()
	for i := range rounds {
		w := all[i%len(all)]
		for _, l := range layouts {
			j := task{
				Spec: filepath.Join(w.dir, l+".yaml"), Umask: []int{0o022, 0, 0o077, 0o027}[i%4], Digest: true,
				dir: []string{"/", w.dir, os.TempDir()}[i%3],
				env: []string{
					"LC_ALL=" + []string{"C", "C.utf8", "POSIX", "tr_TR.UTF-8"}[i%4],
					"TZ=" + []string{"UTC", "Asia/Kolkata", "America/St_Johns", "<-12>12"}[i/2%4],
					"GOMAXPROCS=" + []string{"1", "2", "8"}[i%3],
					"GOGC=" + []string{"100", "10", "off"}[i/3%3],
					fmt.Sprint("SOURCE_DATE_EPOCH=", i), fmt.Sprint("HOME=/home/", i), fmt.Sprint("USER=user", i),
				},
			}
			if i%3 == 1 {
				j.Spec = l + ".yaml" // seen from where it lies
			}
			base := public(t, []string{"", filepath.Dir(all[2].top)}[i%2])
			must(t, os.Chmod(base, 0o777))
			j.Out = filepath.Join(base, fmt.Sprint("out", i))
			if root {
				j.uid = []uint32{0, 65534, 0, 4321}[i%4]
				if j.uid == 0 {
					j.Host = fmt.Sprint("host", i)
				}
			}
			d := j.run(t, self)
			if d.Err != "" {
				t.Fatalf("%s, build %d: %s", l, i, d.Err)
			}
			if i == 0 {
				first[l] = d.Digest
			} else if d.Digest != first[l] {
				t.Errorf("%s, build %d gives other bytes", l, i)
			}
			must(t, os.RemoveAll(base))
		}
	}
	// What follows the clock has had the time to show it.
	if d := time.Since(started); d < 2*time.Second {
		time.Sleep(2*time.Second - d)
		d := task{Spec: filepath.Join(all[0].dir, "none.yaml"), Out: t.TempDir(), Digest: true}.run(t, self).check(t)
		if d.Digest != first["none"] {
			t.Error("two seconds later the bytes are others")
		}
	}
}
