package forensic

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

const mib = 1 << 20

// files is what goes onto a filesystem: by path, a file's content, or "-> " and
// a link's target. A path that ends in a slash is a folder.
type files map[string]string

// epoch is the time of all files, but where a test says otherwise.
var epoch = time.Unix(1_700_000_000, 0)

func (f files) folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for name, content := range f {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		target, link := strings.CutPrefix(content, "-> ")
		switch {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case link:
			err = os.Symlink(target, path)
		default:
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSymlink == 0 {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Backward(paths) {
		if err := os.Chtimes(path, epoch, epoch); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// ext4 makes a filesystem whose every field is given.
func (f files) ext4(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ext4.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	t.Setenv("E2FSPROGS_FAKE_TIME", fmt.Sprint(epoch.Unix()))
	const id = "11111111-2222-3333-4444-555555555555"
	judge.Must(t, "mkfs.ext4", "-q", "-F", "-U", id, "-E", "hash_seed="+id, "-d", f.folder(t), path)
	// The folder's own times of access and change are not the test's.
	return path
}

func (f files) fat(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fat.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "mkfs.vfat", "--invariant", path)
	dir := f.folder(t)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		judge.Must(t, "mcopy", "-s", "-m", "-i", path, filepath.Join(dir, e.Name()), "::")
	}
	return path
}

func (f files) squashfs(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "squashfs.img")
	judge.Must(t, "mksquashfs", f.folder(t), path, "-quiet", "-no-progress", "-mkfs-time", "0", "-b", "4096", "-processors", "1")
	return path
}

func (f files) iso(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "iso.img")
	judge.Must(t, "genisoimage", "-quiet", "-R", "-o", path, f.folder(t))
	return path
}

// disk makes a GPT disk of filesystems, from 1 MiB on.
func disk(t testing.TB, parts ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	script := "label: gpt\nlabel-id: 97FD5997-F390-0B4A-A3F8-D106C1723AEA\n"
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	at := int64(mib)
	for i, p := range parts {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, make([]byte, (mib-len(b)%mib)%mib)...)
		if _, err := out.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
		script += fmt.Sprintf("start=%d, size=%d, uuid=1C06F03B-704E-4657-B9CD-681A087A2FD%d\n", at/512, len(b)/512, i)
		at += int64(len(b))
	}
	if err := out.Truncate(at + mib); err != nil {
		t.Fatal(err)
	}
	if r := judge.RunInput(t, script, "sfdisk", "-q", path); r.Status != 0 {
		t.Fatal(r.Stderr)
	}
	return path
}

// examined is a case of two images, which stay open until the test ends.
func examined(t testing.TB, a, b string) *Case {
	t.Helper()
	return examinedWith(t, a, b, Options{Partition: -1})
}

func examinedWith(t testing.TB, a, b string, opt Options) *Case {
	t.Helper()
	var img [2]*split.Image
	for i, path := range []string{a, b} {
		var err error
		if img[i], err = split.Open(path); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { img[i].Close() })
	}
	p, err := Compare(context.Background(), "", img[0], img[1], opt)
	if err != nil {
		t.Fatal(err)
	}
	p.A.Path, p.B.Path = "first.img", "second.img"
	return &Case{Program: "reprodisk", Version: "v1.2.3", Args: []string{"reprodisk", "diff", "a b", "c"}, Start: epoch, Pairs: []*Pair{p}}
}

// copied is a copy of a file, in which one text is replaced by another of the
// same length. A second filesystem would have other times of change.
func copied(t testing.TB, path, old, new string) string {
	t.Helper()
	b := []byte(read(t, path))
	if old != "" {
		if bytes.Count(b, []byte(old)) != 1 || len(old) != len(new) {
			t.Fatalf("%q is not there once", old)
		}
		b = bytes.Replace(b, []byte(old), []byte(new), 1)
	}
	out := filepath.Join(t.TempDir(), "copy.img")
	if err := os.WriteFile(out, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// changes are a case's changes in short: "2 modified /etc/machine-id".
func changes(c *Case) []string {
	var out []string
	for _, p := range c.Pairs {
		for _, v := range p.Volumes {
			for _, x := range v.Changes {
				out = append(out, fmt.Sprintf("%d %s %s", v.Number, x.Kind(), x.Path()))
			}
		}
	}
	return out
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: expected (-), found (+)\n%s", what, d)
	}
}

// document renders a case as DFXML and has it judged by xmllint.
func document(t testing.TB, c *Case) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteDFXML(&b, c); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "case.dfxml")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := judge.Run(t, "xmllint", "--noout", "--relaxng", "testdata/dfxml.rng", path); r.Status != 0 {
		t.Errorf("%s\n%s", r.Stderr, b.String())
	}
	// dfxml.xsd of the DFXML working group, with its folder ref beside it.
	if schema := os.Getenv("REPRODISK_DFXML_SCHEMA"); schema != "" {
		if r := judge.Run(t, "xmllint", "--noout", "--nonet", "--schema", schema, path); r.Status != 0 {
			t.Errorf("%s\n%s", r.Stderr, b.String())
		}
	}
	return b.String()
}

// base and changed are two trees in which one thing of each kind differs.
func base() files {
	return files{
		"etc/machine-id": "0123456789\n", "etc/same": "same\n", "old/only-a": "gone\n",
		"name-before": strings.Repeat("what is renamed ", 500), "big": strings.Repeat("0123456789abcdef", 20_000),
		"grows": "short\n",
	}
}

func changed() files {
	f := base()
	f["etc/machine-id"] = "9876543210\n"
	delete(f, "old/only-a")
	f["old/"] = ""
	f["new/only-b"] = "new\n"
	f["name-after"] = f["name-before"]
	delete(f, "name-before")
	f["grows"] = strings.Repeat("long\n", 3000)
	return f
}

func TestEveryFilesystem(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(testing.TB, files) string
		want []string
	}{
		{"ext4", func(t testing.TB, f files) string { return f.ext4(t, 4*mib) }, []string{
			"modified /etc/machine-id", "modified /grows", "renamed /name-after", "new /new", "new /new/only-b", "deleted /old/only-a",
		}},
		{"fat", func(t testing.TB, f files) string { return f.fat(t, 4*mib) }, []string{
			"modified /etc/machine-id", "modified /grows", "renamed /name-after", "new /new", "new /new/only-b", "deleted /old/only-a",
		}},
		{"squashfs", func(t testing.TB, f files) string { return f.squashfs(t) }, []string{
			"modified /etc/machine-id", "modified /grows", "renamed /name-after", "new /new", "new /new/only-b", "deleted /old/only-a",
		}},
		{"iso9660", func(t testing.TB, f files) string { return f.iso(t) }, []string{
			"modified /etc/machine-id", "modified /grows", "renamed /name-after", "new /new", "new /new/only-b", "deleted /old/only-a",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bareA, bareB := c.make(t, base()), c.make(t, changed())
			for number, pair := range [][2]string{{bareA, bareB}, {disk(t, bareA), disk(t, bareB)}} {
				x := examined(t, pair[0], pair[1])
				if w := x.Pairs[0].Warnings; len(w) > 0 {
					t.Errorf("warnings %q", w)
				}
				var got []string
				for _, s := range changes(x) {
					kind, path, _ := strings.Cut(strings.TrimPrefix(s, fmt.Sprintf("%d ", number)), " ")
					// Times of folders and of access, and counts of links.
					if kind != "changed" {
						got = append(got, kind+" "+path)
					}
				}
				same(t, c.name, got, c.want)
				document(t, x)
				bodyfile(t, x)
				extracted(t, x, base(), changed(), number)
			}
		})
	}
}

// bodyfile renders a case as body file, and has it judged by mactime.
func bodyfile(t testing.TB, c *Case) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteBodyfile(&b, c); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	n := 0
	for _, p := range c.Pairs {
		for _, v := range p.Volumes {
			for _, x := range v.Changes {
				for _, f := range []*File{x.A, x.B} {
					if f != nil {
						n++
					}
				}
			}
		}
	}
	if len(lines) != n {
		t.Errorf("%d lines for %d files", len(lines), n)
	}
	for _, l := range lines {
		if strings.Count(l, "|") != 10 {
			t.Errorf("not 11 fields: %q", l)
		}
	}
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	r := judge.Run(t, "mactime", "-b", path, "-y", "-d", "-z", "UTC")
	if r.Status != 0 || r.Stderr != "" {
		t.Errorf("mactime: %d %s", r.Status, r.Stderr)
	}
	for _, l := range lines {
		name := strings.Split(l, "|")[1]
		if !strings.Contains(r.Stdout, strings.ReplaceAll(name, `"`, `""`)) {
			t.Errorf("mactime does not show %q", name)
		}
	}
	return b.String()
}

// extracted extracts a case and checks that what differs is there, byte by
// byte, and nothing else.
func extracted(t testing.TB, c *Case, a, b files, number int) Manifest {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sub", "out")
	x, err := Extract(context.Background(), c, dir, DefaultExtractLimit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there before it is whole: %v", err)
	}
	if err := x.Commit(c); err != nil {
		t.Fatal(err)
	}
	m := manifest(t, dir)
	listed := map[string]bool{ManifestName: true}
	for _, f := range m.Files {
		listed[f.Name] = true
		was := a
		if f.Side == "b" {
			was = b
		}
		path := f.Path
		if f.PathHex != "" {
			raw, err := hex.DecodeString(f.PathHex)
			if err != nil {
				t.Fatal(err)
			}
			path = string(raw)
		}
		want, ok := was[strings.TrimPrefix(path, "/")]
		got := read(t, filepath.Join(dir, f.Name))
		if !ok || strings.TrimPrefix(want, "-> ") != got || f.Size != int64(len(got)) || f.Partition != number {
			t.Errorf("%s of %s is %d bytes, %q; expected %d bytes", path, f.Side, len(got), got[:min(len(got), 40)], len(want))
		}
	}
	for _, r := range m.Ranges {
		listed[r.Name] = true
		raw := make([]byte, r.Length)
		img := c.Pairs[0].A.disk
		if r.Side == "b" {
			img = c.Pairs[0].B.disk
		}
		if _, err := img.ReadAt(raw, r.Offset); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if got := read(t, filepath.Join(dir, r.Name)); got != string(raw) {
			t.Errorf("%s is not what lies there", r.Name)
		}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if !d.Type().IsRegular() || !listed[rel] {
			t.Errorf("%s: %v is there, and not in the manifest", rel, d.Type())
		}
		delete(listed, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range listed {
		t.Errorf("%s is in the manifest only", name)
	}
	return m
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func manifest(t testing.TB, dir string) (m Manifest) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, ManifestName))), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// What differs is marked, file by file and property by property.
func TestAnnotations(t *testing.T) {
	a := base().ext4(t, 4*mib)
	b := copied(t, a, "", "")
	debugfs := func(path string, commands ...string) {
		for _, c := range commands {
			judge.Must(t, "debugfs", "-w", "-R", c, path)
		}
	}
	debugfs(b, "set_inode_field /etc/same uid 1000", "set_inode_field /etc/same mode 0100600", "set_inode_field /big mtime @1600000000", "ea_set /grows user.note x")
	x := examined(t, a, b)
	type property struct {
		XMLName xml.Name
		Changed string `xml:"http://www.forensicswiki.org/wiki/Forensic_Disk_Differencing changed_property,attr"`
	}
	var doc struct {
		Volume struct {
			Files []struct {
				Name    string     `xml:"filename"`
				Changed string     `xml:"http://www.forensicswiki.org/wiki/Forensic_Disk_Differencing changed_file,attr"`
				Content string     `xml:"http://www.forensicswiki.org/wiki/Forensic_Disk_Differencing modified_file,attr"`
				All     []property `xml:",any"`
			} `xml:"fileobject"`
		} `xml:"volume"`
	}
	if err := xml.Unmarshal([]byte(document(t, x)), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range doc.Volume.Files {
		line := f.Name + " changed=" + f.Changed + " modified=" + f.Content + ":"
		for _, p := range f.All {
			if p.Changed == "1" && p.XMLName.Local != "ctime" {
				line += " " + p.XMLName.Local
			}
		}
		got = append(got, line)
	}
	same(t, "annotations", got, []string{
		"big changed=1 modified=: mtime",
		"etc/same changed=1 modified=: mode uid",
		"grows changed=1 modified=: xattrs",
	})
}

// Files that lie elsewhere are the same files.
func TestMovedFilesAreCounted(t *testing.T) {
	f := base()
	for i := range 40 {
		f[fmt.Sprintf("many/%02d", i)] = strings.Repeat(fmt.Sprint(i), 5000)
	}
	g := base()
	for name, content := range f {
		g[name] = content
	}
	g["a first"] = strings.Repeat("what moves all others ", 2000)
	x := examined(t, f.squashfs(t), g.squashfs(t))
	same(t, "changes", slices.DeleteFunc(changes(x), func(s string) bool { return s == "0 changed /" }), []string{"0 new /a first"})
	if n := x.Pairs[0].Volumes[0].Moved; n < 40 {
		t.Errorf("%d files have moved", n)
	}
	if doc := document(t, x); !strings.Contains(doc, "<reprodisk:moved>") {
		t.Error("the document does not say so")
	}
}

// Where little differs, little is read.
func TestCostFollowsWhatDiffers(t *testing.T) {
	f := base()
	f["etc/machine-id"] = "the one that differs: A"
	for i := range 60 {
		f[fmt.Sprintf("many/%02d", i)] = strings.Repeat(fmt.Sprintf("%02d", i), 30_000)
	}
	one := f.ext4(t, 16*mib)
	l := &Log{}
	x := examinedWith(t, one, copied(t, one, "the one that differs: A", "the one that differs: B"), Options{Partition: -1, Log: l})
	same(t, "changes", changes(x), []string{"0 modified /etc/machine-id"})
	for _, e := range l.events {
		if e.Event == "compared" && e.ContentBytes > 3*2*scan.Grain {
			t.Errorf("%d bytes of content are read for a file of 23", e.ContentBytes)
		}
	}
	// Equal images are not walked at all.
	l = &Log{}
	x = examinedWith(t, one, one, Options{Partition: -1, Log: l})
	if len(changes(x)) > 0 || slices.ContainsFunc(l.events, func(e Event) bool { return e.Event == "compared" }) {
		t.Errorf("changes %q in one image", changes(x))
	}
	document(t, x)
}

// A partition that only one disk has is a new volume, and all in it is new.
func TestVolumes(t *testing.T) {
	one := base().ext4(t, 4*mib)
	two := files{"f": "content\n"}.fat(t, 2*mib)
	x := examined(t, disk(t, one), disk(t, one, two))
	same(t, "changes", changes(x), []string{"2 new /", "2 new /f"})
	if doc := document(t, x); !strings.Contains(doc, `delta:new_volume="1"`) || strings.Count(doc, "<partitionobject>") != 3 {
		t.Error(doc)
	}
	x = examined(t, disk(t, one, two), disk(t, one))
	same(t, "changes", changes(x), []string{"2 deleted /", "2 deleted /f"})
	if doc := document(t, x); !strings.Contains(doc, `delta:deleted_volume="1"`) {
		t.Error(doc)
	}
	// Another filesystem under the same number.
	x = examined(t, disk(t, two), disk(t, one))
	if doc := document(t, x); !strings.Contains(doc, `delta:modified_volume="1"`) || !strings.Contains(doc, `<ftype_str delta:changed_property="1">ext4<`) {
		t.Error(doc)
	}
	x = examinedWith(t, disk(t, one), disk(t, one, two), Options{Partition: 1})
	if len(x.Pairs[0].Volumes) != 1 || len(changes(x)) > 0 {
		t.Errorf("partition 1 alone: %q", changes(x))
	}
	// What is no filesystem is said.
	swap := filepath.Join(t.TempDir(), "swap")
	if err := os.WriteFile(swap, make([]byte, mib), 0o600); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "mkswap", swap)
	x = examined(t, disk(t, one, swap), disk(t, one, two))
	if doc := document(t, x); !strings.Contains(doc, "<error>a: swap: its tree is not read</error>") {
		t.Error(doc)
	}
}
