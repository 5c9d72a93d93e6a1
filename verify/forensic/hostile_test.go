package forensic

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/split"
)

// hostile are names that somebody would not have expected.
var hostile = []string{
	"new\nline", "bar|bar|bar", "<script>alert(1)</script>", "]]>", "&amp;", `"quoted"`, "back\\slash", `\x41`, "tab\tand\rreturn",
	"\u202egnp.exe", "\u2066isolated", "zero\u200bwidth", "invalid\xff\xfeutf8", "\xc3", "\x01\x02\x1b[31mred", "\ufffe", "\u0085", "del\x7f",
	"...", "..hidden", " leading", "trailing ", "trailing.", "-rf", "CON", "nul.txt", "%2e%2e", "a~2", "case", "CASE", "Case",
	strings.Repeat("l", 255), strings.Repeat("ü", 127), "C:", "back\\..\\..\\slash", "日本語", "e\u0301",
}

func TestHostileNames(t *testing.T) {
	a, b := files{"keep": "x"}, files{"keep": "x"}
	for i, name := range hostile {
		a[name+"/"+name] = fmt.Sprintf("a %d", i)
		b[name+"/"+name] = fmt.Sprintf("b %d", i)
		b["link"+fmt.Sprint(i)] = "-> ../../../" + name
	}
	x := examined(t, a.ext4(t, 8*mib), b.ext4(t, 8*mib))
	doc := document(t, x)
	names := map[string]bool{}
	for _, v := range x.Pairs[0].Volumes {
		for _, c := range v.Changes {
			names[Escape(strings.TrimPrefix(c.Path(), "/"), "")] = true
		}
	}
	found := map[string]bool{}
	for dec := xml.NewDecoder(strings.NewReader(doc)); ; {
		tok, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := tok.(xml.StartElement); ok && s.Name.Local == "filename" {
			var name string
			if err := dec.DecodeElement(&name, &s); err != nil {
				t.Fatal(err)
			}
			found[name] = true
		}
	}
	for _, name := range hostile {
		if path := Escape(name+"/"+name, ""); !names[path] || !found[path] {
			t.Errorf("%q is not in the document as %s", name, path)
		}
	}
	for _, bad := range []string{"<script>", "\u202e", "\x1b", "\u200b"} {
		if strings.Contains(doc, bad) {
			t.Errorf("the document has %q as it is", bad)
		}
	}
	body := bodyfile(t, x)
	if strings.Contains(body, "\u202e") || strings.Contains(body, "\x1b") {
		t.Error("the body file has control characters")
	}
	m := extracted(t, x, a, b, 0)
	if len(m.Files) != 3*len(hostile) {
		t.Errorf("%d of %d files are extracted", len(m.Files), 3*len(hostile))
	}
}

// printf '%b' gives back the bytes of what Escape made.
func TestEscape(t *testing.T) {
	for _, name := range append([]string{"", "plain", "ünïcode"}, hostile...) {
		escaped := Escape(name, "|")
		if !utf8.ValidString(escaped) || strings.ContainsAny(escaped, "|\n\r\t\x00\x1b") {
			t.Errorf("%q becomes %q", name, escaped)
		}
		if got := judge.Must(t, "printf", "%b", escaped); got != name {
			t.Errorf("%q becomes %q, and back %q", name, escaped, got)
		}
	}
	if got := Escape("plain/Name-1.txt", "|"); got != "plain/Name-1.txt" {
		t.Error(got)
	}
}

// checkNames fails where a name for a file of an image is not harmless.
func checkNames(t *testing.T, paths []string) {
	n := newNames()
	seen := map[string]string{}
	for _, p := range paths {
		name := n.of("a/p1", p)
		if !filepath.IsLocal(name) || !strings.HasPrefix(name, "a/p1/") || filepath.Clean(name) != name || !utf8.ValidString(name) {
			t.Fatalf("%q gets the name %q", p, name)
		}
		if other, ok := seen[strings.ToLower(name)]; ok {
			t.Fatalf("%q and %q get the name %q", other, p, name)
		}
		seen[strings.ToLower(name)] = p
		if len(name) > maxRelative+2*maxComponent {
			t.Fatalf("a name of %d bytes", len(name))
		}
		for _, c := range strings.Split(name, "/") {
			if len(c) > 255 || strings.ContainsAny(c, "\\:*?\"<>|\x00\n") || c[0] == '-' || strings.HasSuffix(c, ".") || strings.HasSuffix(c, " ") || reserved[strings.ToLower(strings.SplitN(c, ".", 2)[0])] {
				t.Fatalf("%q gets the name %q", p, name)
			}
		}
	}
}

func TestNamesAreHarmless(t *testing.T) {
	var paths []string
	for _, name := range append([]string{
		"..", ".", "", "../../etc/passwd", "/../..", "a/../../b", "//", "x\x00y", strings.Repeat("deep/", 3000) + "file",
		strings.Repeat(strings.Repeat("d", 250)+"/", 20) + "file",
	}, hostile...) {
		paths = append(paths, "/"+name, "/dir/"+name, "/DIR/"+name, "/"+name+"/"+name, "/"+name)
	}
	checkNames(t, paths)
}

func FuzzNames(f *testing.F) {
	for _, name := range hostile {
		f.Add(name, "/a/"+name+"/..")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		checkNames(t, []string{"/" + one, "/" + two, "/" + one + "/" + two, "/" + strings.ToUpper(one), "/" + one})
		if e := Escape(one, "|"); !utf8.ValidString(e) || strings.ContainsAny(e, "|\n") {
			t.Errorf("%q becomes %q", one, e)
		}
	})
}

// memory is what a fuzzed case of a file's images is made from: each of the
// filesystems, small.
func seeds(t testing.TB) []string {
	f := files{"etc/machine-id": "0123456789\n", "big": strings.Repeat("0123456789abcdef", 600), "link": "-> etc", "d/e/f": "x"}
	return []string{f.ext4(t, 256<<10), f.fat(t, 256<<10), f.squashfs(t), f.iso(t)}
}

// Whatever an image holds, what is written of it is well-formed, bounded and
// where it belongs.
func FuzzCase(f *testing.F) {
	images := seeds(f)
	data := make([][]byte, len(images))
	for i, path := range images {
		data[i] = []byte(read(f, path))
		f.Add(byte(i), []byte{0, 0, 4, 0x18, 0xff, 0, 0, 0x20, 0, 1})
		f.Add(byte(i), bytes.Repeat([]byte{0, 0, 0x44, 0x05, 0x7f}, 3))
		f.Add(byte(i), []byte{0, 0, 0x80, 0x20, 9, 0, 1, 2, 3, 4, 0, 0, 0x90, 0, 0xff})
	}
	f.Fuzz(func(t *testing.T, which byte, patches []byte) {
		n := int(which) % len(images)
		raw := bytes.Clone(data[n])
		for ; len(patches) >= 5; patches = patches[5:] {
			at := int(patches[0])<<24 | int(patches[1])<<16 | int(patches[2])<<8 | int(patches[3])
			raw[at%len(raw)] = patches[4]
		}
		path := filepath.Join(t.TempDir(), "mutated.img")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, pair := range [][2]string{{images[n], path}, {path, images[n]}} {
			fuzzed(t, pair[0], pair[1])
		}
	})
}

func fuzzed(t *testing.T, a, b string) {
	var img [2]*split.Image
	for i, path := range []string{a, b} {
		var err error
		if img[i], err = split.Open(path); err != nil {
			return // it looks like a container now
		}
		defer img[i].Close()
	}
	p, err := Compare(context.Background(), "", img[0], img[1], Options{Partition: -1, Log: &Log{}})
	if err != nil {
		t.Fatal(err)
	}
	c := &Case{Program: "reprodisk", Version: "v1", Pairs: []*Pair{p}}
	var doc, body bytes.Buffer
	if err := WriteDFXML(&doc, c); err != nil {
		t.Fatal(err)
	}
	for dec := xml.NewDecoder(&doc); ; {
		_, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteBodyfile(&body, c); err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(body.String()) {
		if strings.Count(l, "|") != 10 || !utf8.ValidString(l) {
			t.Fatalf("not 11 fields: %q", l)
		}
	}
	dir := filepath.Join(t.TempDir(), "out")
	x, err := Extract(context.Background(), c, dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if x.Manifest.Written > 1<<20 {
		t.Errorf("%d bytes are written", x.Manifest.Written)
	}
	err = filepath.WalkDir(x.temp, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !d.Type().IsRegular() {
			t.Errorf("%s is a %v", path, d.Type())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	x.Discard()
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A file that says it is larger than all disks takes neither time nor memory.
func TestBoundlessFiles(t *testing.T) {
	f := files{"huge": "x", "other": "y"}
	a := f.ext4(t, 4*mib)
	b := copied(t, a, "", "")
	judge.Must(t, "debugfs", "-w", "-R", "set_inode_field /huge size 4000000000000000", b)
	judge.Must(t, "debugfs", "-w", "-R", "set_inode_field /other size 90000000000", b)
	x := examined(t, a, b)
	doc := document(t, x)
	if !strings.Contains(doc, "<filesize delta:changed_property=\"1\">4000000000000000</filesize>") || !strings.Contains(doc, errTooMuch.Error()) {
		t.Error(doc)
	}
	dir := filepath.Join(t.TempDir(), "out")
	e, err := Extract(context.Background(), x, dir, DefaultExtractLimit)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Discard()
	for _, o := range e.Manifest.Omitted {
		if o.Path == "/huge" && o.Why == errTooMuch.Error() {
			return
		}
	}
	t.Errorf("omitted: %v", e.Manifest.Omitted)
}

func TestExtractLeavesNothingHalfDone(t *testing.T) {
	a := base().ext4(t, 4*mib)
	x := examined(t, a, copied(t, a, "0123456789\n", "9876543210\n"))
	parent := t.TempDir()
	empty := func(where string) {
		t.Helper()
		if left, err := os.ReadDir(where); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
	e, err := Extract(context.Background(), x, filepath.Join(parent, "a/b/c"), DefaultExtractLimit)
	if err != nil {
		t.Fatal(err)
	}
	e.Discard()
	empty(parent)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Extract(ctx, x, filepath.Join(parent, "out"), DefaultExtractLimit); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	empty(parent)

	// An empty folder is filled.
	dir := filepath.Join(parent, "there")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if e, err = Extract(context.Background(), x, dir, DefaultExtractLimit); err != nil {
		t.Fatal(err)
	}
	if err := e.Commit(x); err != nil {
		t.Fatal(err)
	}
	e.Discard() // which is of no effect now
	if m := manifest(t, dir); len(m.Files) != 2 || m.Files[0].SHA256 == m.Files[1].SHA256 || m.Images[1].Path != "second.img" {
		t.Errorf("%+v", m)
	}
	// What holds something, is a file, or is a link, is not.
	link := filepath.Join(parent, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "is not empty; give a folder that is, or that does not exist yet", a: "is no folder", link: "is no folder", "": "the name of the folder to extract to is empty"} {
		if _, err := Extract(context.Background(), x, path, 1); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v", path, err)
		}
	}
	// One that somebody fills meanwhile stays as it is.
	dir = filepath.Join(parent, "race")
	if e, err = Extract(context.Background(), x, dir, DefaultExtractLimit); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "theirs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := e.Commit(x); err == nil {
		t.Error("a folder that was filled meanwhile was replaced")
	}
	e.Discard()
	if _, err := os.Stat(filepath.Join(dir, "theirs")); err != nil {
		t.Error(err)
	}
}

// The limit counts what is written; holes cost nothing.
func TestExtractLimit(t *testing.T) {
	f := base()
	a := f.ext4(t, 8*mib)
	g := base()
	g["sparse"] = strings.Repeat("\x00", 3*mib) + "end"
	g["one"] = strings.Repeat("1", 9000)
	g["two"] = strings.Repeat("2", 2000)
	x := examined(t, a, g.ext4(t, 8*mib))
	dir := filepath.Join(t.TempDir(), "out")
	e, err := Extract(context.Background(), x, dir, 8000)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Commit(x); err != nil {
		t.Fatal(err)
	}
	m := manifest(t, dir)
	var got []string
	for _, f := range m.Files {
		got = append(got, f.Path)
	}
	same(t, "extracted", got, []string{"/sparse", "/two"})
	if m.Written > 8000 || m.Limit != 8000 || m.Omitted[0].Path != "/one" || m.Omitted[0].Why != errLimit.Error() {
		t.Errorf("%+v", m)
	}
	if got := read(t, filepath.Join(dir, "b/p0/sparse")); got != g["sparse"] {
		t.Error("the sparse file is another")
	}
	if _, err := os.Stat(filepath.Join(dir, "b/p0/one")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestModes(t *testing.T) {
	for mode, want := range map[uint32]string{
		0o100644: "r/rrw-r--r--", 0o040755: "d/drwxr-xr-x", 0o120777: "l/lrwxrwxrwx", 0o104755: "r/rrwsr-xr-x", 0o102644: "r/rrw-r-Sr--",
		0o041777: "d/drwxrwxrwt", 0o060600: "b/brw-------", 0o020666: "c/crw-rw-rw-", 0o010000: "p/p---------", 0o140001: "s/s--------x", 0o001000: "-/---------T",
	} {
		if got := string(appendMode(nil, mode)); got != want {
			t.Errorf("%o: %s, expected %s", mode, got, want)
		}
	}
}
