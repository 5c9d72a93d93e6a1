package iso9660

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	diskfs "github.com/diskfs/go-diskfs/filesystem/iso9660"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sampleTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	deep := "deep/2/3/4/5/6/7/8/9/10"
	for _, d := range []string{"etc", "usr/lib", "many", "empty", deep} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	for name, b := range map[string][]byte{
		"etc/text": []byte(strings.Repeat("a line of text\n", 1000)), "etc/empty": nil, deep + "/file": []byte("deep\n"),
		"usr/lib/a rather long name, with blanks and ümläuts, that no plain ISO 9660 name could hold.text": []byte("x"),
		"etc/" + strings.Repeat("n", 250): []byte("long name\n"),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o640))
	}
	must(t, os.Symlink("../usr/./lib", filepath.Join(dir, "etc/link")))
	must(t, os.Symlink("/absolute/"+strings.Repeat("component/", 12)+"end", filepath.Join(dir, "etc/longlink")))
	must(t, os.Link(filepath.Join(dir, "etc/text"), filepath.Join(dir, "etc/hard")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "etc/fifo"), 0o600))
	for i := range 200 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("many/a-file-with-a-rather-long-name-%03d", i)), []byte{byte(i)}, 0o600))
	}
	out, err := exec.Command("find", dir, "-exec", "touch", "-h", "-d", "@1600000000", "{}", "+").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func pack(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	judge.Must(t, "genisoimage", append(append([]string{"-quiet", "-o", path}, args...), dir)...)
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// walk calls visit for everything in a tree.
func walk(fs *FS, tr *Tree, path string, r *Record, depth int, visit func(path string, r *Record) error) error {
	if err := visit(path, r); err != nil {
		return err
	}
	if !r.IsDir() || depth > 40 {
		return nil
	}
	l, err := fs.ReadDir(tr, r)
	if err != nil {
		return err
	}
	for _, child := range l.Records {
		if err := walk(fs, tr, path+"/"+child.Name, child, depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

// readAll opens an image and reads its best tree: paths to what they hold.
func readAll(t *testing.T, b []byte) (*FS, *Tree, map[string]*Record) {
	t.Helper()
	fs, err := Open(bytes.NewReader(b), int64(len(b)))
	must(t, err)
	tr := fs.Best()
	root, err := fs.Root(tr)
	must(t, err)
	got := map[string]*Record{}
	must(t, walk(fs, tr, "", root, 0, func(path string, r *Record) error {
		got[path] = r
		return nil
	}))
	return fs, tr, got
}

func TestRockRidgeTreeIsTheSource(t *testing.T) {
	dir := sampleTree(t)
	if os.Geteuid() == 0 {
		must(t, syscall.Mknod(filepath.Join(dir, "etc/device"), syscall.S_IFBLK|0o600, 5<<8|3))
		must(t, os.Lchown(filepath.Join(dir, "etc/link"), 1000, 70_000))
	}
	b := pack(t, dir, "-R", "-J")
	fs, tr, got := readAll(t, b)
	if !tr.Rock || tr.Joliet {
		t.Fatalf("the best tree is %+v", tr)
	}
	seen := 0
	must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		must(t, err)
		rel := strings.TrimPrefix(path, dir)
		r := got[rel]
		if r == nil {
			t.Errorf("%s is not read", rel)
			return nil
		}
		seen++
		var st syscall.Stat_t
		must(t, syscall.Lstat(path, &st))
		if rel != "" && (r.Mode != st.Mode || r.UID != st.Uid || r.GID != st.Gid) {
			// A directory that was moved has its mode in the record that shows it.
			t.Errorf("%s: %o %d %d, not %o %d %d", rel, r.Mode, r.UID, r.GID, st.Mode, st.Uid, st.Gid)
		}
		if r.Date.Sec != 1600000000 && rel != "" && rel != "/etc" && rel != "/etc/device" && !strings.HasPrefix(rel, "/deep") {
			t.Errorf("%s: recorded at %d", rel, r.Date.Sec)
		}
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFLNK:
			if want, _ := os.Readlink(path); r.Target != want {
				t.Errorf("%s → %q, not %q", rel, r.Target, want)
			}
		case syscall.S_IFBLK:
			if r.Rdev != [2]uint32{5, 3} && r.Rdev != [2]uint32{0, 5<<8 | 3} {
				t.Errorf("%s: device %v", rel, r.Rdev)
			}
		case syscall.S_IFREG:
			want, err := os.ReadFile(path)
			must(t, err)
			data := make([]byte, r.Size)
			if err := fs.ReadContent(r, data, 0); err != nil || !bytes.Equal(data, want) {
				t.Errorf("%s: another content (%v)", rel, err)
			}
		}
		return nil
	}))
	for path := range got {
		if _, err := os.Lstat(dir + path); err != nil && path != "/rr_moved" {
			t.Errorf("%s is no file of the source", path)
		}
	}
}

func TestNamesAreThoseOfIsoinfo(t *testing.T) {
	dir := sampleTree(t)
	for _, c := range []struct {
		pack []string
		info []string
	}{
		{[]string{"-R"}, []string{"-R"}},
		{[]string{"-J", "-joliet-long", "-input-charset", "utf-8"}, []string{"-J", "-j", "iso8859-1"}},
		{[]string{"-l"}, nil},
		{nil, nil},
	} {
		t.Run(strings.Join(c.pack, " "), func(t *testing.T) {
			b := pack(t, dir, append([]string{"-D"}, c.pack...)...)
			path := filepath.Join(t.TempDir(), "image")
			must(t, os.WriteFile(path, b, 0o600))
			_, _, got := readAll(t, b)
			out := judge.Must(t, "isoinfo", append(append([]string{"-f"}, c.info...), "-i", path)...)
			lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			version := regexp.MustCompile(`\.?;\d+$`)
			n := 0
			for _, line := range lines {
				if strings.HasPrefix(line, "**") { // a complaint about a field that it does not know
					continue
				}
				n++
				if slices.Contains(c.info, "-j") {
					line = fromLatin1(line)
				}
				if got[version.ReplaceAllString(line, "")] == nil {
					t.Errorf("isoinfo lists %q, which was not read", line)
				}
			}
			if n != len(got)-1 { // the root
				t.Errorf("isoinfo lists %d names, %d were read", n, len(got)-1)
			}
		})
	}
}

func fromLatin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// Every byte of every record has exactly one part.
func TestPartsCoverRecords(t *testing.T) {
	_, _, got := readAll(t, pack(t, sampleTree(t), "-R", "-J"))
	for path, r := range got {
		if path == "" {
			continue
		}
		covered := map[int64]int{}
		for _, p := range r.Parts {
			for i := p.Start; i < p.End; i++ {
				covered[i]++
			}
		}
		for i := range int64(r.Length) {
			if covered[r.Offset+i] != 1 {
				t.Fatalf("%s: byte %d of the record has %d parts: %+v", path, i, covered[r.Offset+i], r.Parts)
			}
		}
		for _, a := range r.Areas {
			for i := a.Start; i < a.End(); i++ {
				if covered[i] != 1 {
					t.Fatalf("%s: byte %d of a continuation area has %d parts", path, i, covered[i])
				}
			}
		}
	}
}

func TestTimesAreShown(t *testing.T) {
	for raw, want := range map[string]string{
		"2026112313502900\x00":     "2026-11-23T13:50:29.00+00:00",
		"2026112313502999\xf4":     "2026-11-23T13:50:29.99-03:00",
		"0000000000000000\x00":     "not set",
		strings.Repeat("\x00", 17): "not set",
		"not a time at all":        `"not a time at all"`,
	} {
		if got := ShowTime([]byte(raw)); got != want {
			t.Errorf("%q is shown as %s, not %s", raw, got, want)
		}
	}
	if got, ok := LongTime([]byte("1970010101000050\x04")); !ok || got != (tree.Time{Sec: 0, Nsec: 500_000_000}) {
		t.Errorf("one o'clock, an hour east of Greenwich: %v", got)
	}
}

// Another library reads the same names, as far as it goes.
func TestSecondOpinion(t *testing.T) {
	b := pack(t, sampleTree(t), "-R", "-D")
	path := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(path, b, 0o600))
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	other, err := diskfs.Read(file.New(f, true), int64(len(b)), 0, 0)
	must(t, err)
	_, _, got := readAll(t, b)
	list, err := other.ReadDir("usr")
	must(t, err)
	for _, e := range list {
		if got["/usr/"+e.Name()] == nil && e.Name() != "." && e.Name() != ".." {
			t.Errorf("%q was not read", e.Name())
		}
	}
}

func TestUnreadableIsRefusedByName(t *testing.T) {
	var e *Error
	if _, err := Open(bytes.NewReader(nil), 0); !errors.As(err, &e) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := Open(bytes.NewReader(make([]byte, 40<<10)), 40<<10); !errors.As(err, &e) || !strings.Contains(err.Error(), "no volume descriptor") {
		t.Errorf("zeros: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	must(f, os.WriteFile(filepath.Join(dir, "a file"), []byte("text"), 0o644))
	must(f, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	must(f, os.Symlink("../a file", filepath.Join(dir, "d/l")))
	// Without the blocks that pad the end: a small seed is mutated better.
	f.Add(pack(f, dir, "-R", "-J", "-no-pad"))
	f.Add(pack(f, dir, "-no-pad"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		fs.Areas()
		for _, tr := range fs.Trees() {
			root, err := fs.Root(tr)
			if err != nil {
				continue
			}
			n := 0
			_ = walk(fs, tr, "", root, 0, func(_ string, r *Record) error {
				if n++; n > 1000 {
					return io.EOF
				}
				_ = fs.ReadContent(r, make([]byte, min(r.Size, 1<<16)), 0)
				_, _ = fs.Raw(tr, r.Offset)
				_, _ = fs.Locate(tr, r.Offset+3)
				return nil
			})
		}
	})
}
