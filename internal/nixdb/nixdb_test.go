package nixdb

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// closure is n paths that refer to themselves, to the one before, and to
// others; every seventh is a derivation.
func closure(n int) []Path {
	paths := make([]Path, n)
	name := func(i int) string {
		// Unsorted, and of many lengths.
		h := sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		return fmt.Sprintf("/nix/store/%x-%s", h[:16], strings.Repeat("n", 1+i%200))
	}
	for i := range paths {
		paths[i] = Path{Path: name(i), NarHash: sha256.Sum256([]byte(name(i))), NarSize: int64(i) << (i % 40), References: []string{name(i)}}
		seen := map[int]bool{}
		for _, r := range []int{i - 1, i / 2, i - 100} {
			if r >= 0 && r < i && !seen[r] {
				seen[r] = true
				paths[i].References = append(paths[i].References, name(r))
			}
		}
		if i%7 == 0 {
			paths[i].Outputs = []Output{{"out", name(i) + "-out"}, {"dev", name(i) + "-dev"}}
		}
		if i%3 == 0 {
			paths[i].Deriver = name(i) + ".drv"
		}
	}
	return paths
}

func write(t *testing.T, paths []Path) string {
	t.Helper()
	b, err := Encode(paths)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "db.sqlite")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSQLiteFindsNothingWrong(t *testing.T) {
	// Where pages fill up and trees grow: up to three levels.
	sizes := []int{0, 1, 2, 3, 6000}
	for n := 4; n < 400; n += 7 {
		sizes = append(sizes, n)
	}
	if testing.Short() {
		sizes = []int{0, 1, 30, 1000}
	}
	for _, n := range sizes {
		paths := closure(n)
		file := write(t, paths)
		got := judge.Must(t, "sqlite3", file, "pragma integrity_check; pragma foreign_key_check; select count(*), ifnull(max(id), 0) from ValidPaths; select count(*) from Refs; select count(*) from DerivationOutputs; select ifnull(max(seq), 0) from sqlite_sequence")
		refs, outputs := 0, 0
		for _, p := range paths {
			refs, outputs = refs+len(p.References), outputs+len(p.Outputs)
		}
		if want := fmt.Sprintf("ok\n%d|%d\n%d\n%d\n%d\n", n, n, refs, outputs, n); got != want {
			t.Fatalf("%d paths: %s\nwant %s", n, got, want)
		}
	}
}

// What SQLite reads is what was given, and each index finds each row.
func TestRows(t *testing.T) {
	paths := closure(300)
	file := write(t, paths)
	var want strings.Builder
	for i, p := range paths {
		fmt.Fprintf(&want, "%d|%s|sha256:%x|1|%s|%d|||\n", i+1, p.Path, p.NarHash, p.Deriver, p.NarSize)
	}
	if got := judge.Must(t, "sqlite3", file, "select * from ValidPaths order by id"); got != want.String() {
		t.Fatal(got)
	}
	got := judge.Must(t, "sqlite3", file,
		"select count(*) from ValidPaths a join ValidPaths b on b.path = a.path;"+
			"select count(*) from Refs a join Refs b indexed by IndexReferrer on b.referrer = a.referrer and b.reference = a.reference;"+
			"select count(*) from Refs a join Refs b indexed by IndexReference on b.reference = a.reference and b.referrer = a.referrer;"+
			"select count(*) from DerivationOutputs a join DerivationOutputs b indexed by IndexDerivationOutputs on b.path = a.path")
	refs := judge.Must(t, "sqlite3", file, "select count(*) from Refs")
	if want := "300\n" + refs + refs + "86\n"; got != want {
		t.Fatalf("%s\nwant %s", got, want)
	}
}

// SQLite can go on with the file: Nix registers and deletes paths in it.
func TestSQLiteWritesOn(t *testing.T) {
	file := write(t, closure(1000))
	got := judge.Must(t, "sqlite3", file,
		"pragma foreign_keys = on; insert into ValidPaths(path, hash, registrationTime) values ('/nix/store/new', 'sha256:0', 5);"+
			"select last_insert_rowid(); insert into Refs values (1001, 17); delete from ValidPaths where id = 1000; select count(*) from ValidPaths; pragma integrity_check; vacuum; pragma integrity_check")
	if got != "1001\n1000\nok\nok\n" {
		t.Fatal(got)
	}
}

var comment = regexp.MustCompile(`--[^\n]*`)

// The schema is the one that Nix itself creates, but for comments.
func TestSchemaIsNix(t *testing.T) {
	store := t.TempDir()
	r := judge.RunInput(t, "", "nix-store", "--store", store, "--option", "build-users-group", "", "--load-db")
	if r.Status != 0 {
		t.Fatal(r.Stderr)
	}
	dir := filepath.Join(store, "nix/var/nix/db")
	if v, err := os.ReadFile(filepath.Join(dir, "schema")); err != nil || string(v) != SchemaVersion {
		t.Fatalf("schema %q, %v", v, err)
	}
	read := func(file string) string {
		s := judge.Must(t, "sqlite3", file, "select rowid, type, name, tbl_name, rootpage, sql from sqlite_master; pragma page_size; pragma journal_mode; pragma encoding; pragma auto_vacuum; pragma user_version; pragma application_id")
		return strings.Join(strings.Fields(comment.ReplaceAllString(s, "")), " ")
	}
	if got, want := read(write(t, nil)), read(filepath.Join(dir, "db.sqlite")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSameBytes(t *testing.T) {
	a, err := Encode(closure(500))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Encode(closure(500))
	if !bytes.Equal(a, b) {
		t.Error("two encodings differ")
	}
	// The order of references has no meaning.
	turned := closure(500)
	for _, p := range turned {
		for i, j := 0, len(p.References)-1; i < j; i, j = i+1, j-1 {
			p.References[i], p.References[j] = p.References[j], p.References[i]
		}
	}
	if b, _ := Encode(turned); !bytes.Equal(a, b) {
		t.Error("the order of references shows")
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		paths []Path
		want  string
	}{
		{[]Path{{Path: "/a"}, {Path: "/a"}}, "the store path /a is given twice"},
		{[]Path{{Path: "/a", References: []string{"/b"}}}, "/a refers to /b, which is not in the closure"},
		{[]Path{{Path: "/a", References: []string{"/a", "/a"}}}, "/a refers twice to /a"},
		{[]Path{{Path: strings.Repeat("x", 2000)}}, "key 0 has 2004 bytes; 1002 are the most"},
	} {
		if _, err := Encode(c.paths); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	paths := closure(10000)
	for b.Loop() {
		if _, err := Encode(paths); err != nil {
			b.Fatal(err)
		}
	}
}
