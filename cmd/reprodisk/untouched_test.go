package main

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// trace is what reading a file could leave behind.
type trace struct {
	content             [sha256.Size]byte
	atime, mtime, ctime unix.Timespec
	inode, size         int64
	mode                uint32
}

// traceOf looks at the times first: looking at the content changes them.
func traceOf(t *testing.T, path string) trace {
	t.Helper()
	tr := times(t, path, [sha256.Size]byte{})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tr.content = sha256.Sum256(b)
	return tr
}

// times is the trace of a file whose content is known.
func times(t *testing.T, path string, content [sha256.Size]byte) trace {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return trace{content, st.Atim, st.Mtim, st.Ctim, int64(st.Ino), st.Size, st.Mode}
}

// rested sets a file's time of access to before its modification, so that each
// reading on a filesystem with relatime, as they are mounted, would renew it.
func rested(t *testing.T, path string) {
	t.Helper()
	long := time.Now().Add(-72 * time.Hour)
	if err := os.Chtimes(path, long, long.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// pairs are two images that differ, in every format that is read.
func pairs(t *testing.T) map[string][2]string {
	dir := t.TempDir()
	raw := [2]string{filepath.Join(dir, "a.img"), filepath.Join(dir, "b.img")}
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(filepath.Join(tree, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "etc/conf"), []byte("the content of A"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(raw[0], nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(raw[0], 4<<20); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "mkfs.ext4", "-q", "-F", "-d", tree, raw[0])
	b, err := os.ReadFile(raw[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(raw[1], []byte(strings.Replace(string(b), "the content of A", "the content of B", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	out := map[string][2]string{"raw": raw}
	for _, format := range []string{"qcow2", "vdi", "vpc", "vmdk", "vhdx"} {
		var pair [2]string
		for i, path := range raw {
			pair[i] = path + "." + format
			judge.Must(t, "qemu-img", "convert", "-f", "raw", "-O", format, path, pair[i])
		}
		out[format] = pair
	}
	for tool, suffix := range map[string]string{"gzip": "gz", "xz": "xz", "zstd": "zst"} {
		var pair [2]string
		for i, path := range raw {
			pair[i] = path + "." + suffix
			judge.Must(t, tool, "-q", "-k", path)
		}
		out[suffix] = pair
	}
	return out
}

// No image is changed by being looked at: not its bytes, not its times, that of
// access included.
func TestInputsAreNotTouched(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for format, pair := range pairs(t) {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			folders := [2]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
			inputs := []string{pair[0], pair[1]}
			for i, folder := range folders {
				if err := os.Mkdir(folder, 0o755); err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{"disk.img", "notes.txt"} {
					b, err := os.ReadFile(pair[i])
					if err != nil {
						t.Fatal(err)
					}
					if name == "notes.txt" {
						b = []byte("notes of " + folder)
					}
					path := filepath.Join(folder, name)
					if err := os.WriteFile(path, b, 0o444); err != nil {
						t.Fatal(err)
					}
					inputs = append(inputs, path)
				}
			}
			before := map[string]trace{}
			for _, path := range inputs {
				content := traceOf(t, path).content
				rested(t, path)
				before[path] = times(t, path, content)
			}
			out := func(name string) string { return filepath.Join(dir, name) }
			for _, args := range [][]string{
				{
					"diff", "--digests", "--json", out("report.json"), "--dfxml", out("case.xml"), "--timeline", out("case.body"),
					"--extract", out("case"), "--log", out("case.log"), pair[0], pair[1],
				},
				{"report", "--text", out("text"), "--dfxml", out("again.xml"), "--extract", out("again"), out("report.json")},
				{"diff", "--text", out("text"), "--dfxml", out("folders.xml"), "--extract", out("folders"), folders[0], folders[1]},
			} {
				if status := run(args, null, os.Stderr); status != statusDiffers {
					t.Fatalf("%q ends with %d", args, status)
				}
			}
			for _, path := range inputs {
				if after := traceOf(t, path); after != before[path] {
					t.Errorf("%s is touched:\nbefore %+v\nafter  %+v", path, before[path], after)
				}
			}
			for _, path := range []string{"case.xml", "again.xml", "folders.xml"} {
				if b, err := os.ReadFile(out(path)); err != nil || !strings.Contains(string(b), `<filename>etc/conf</filename>`) {
					t.Errorf("%s does not name the file: %v", path, err)
				}
			}
		})
	}
}
