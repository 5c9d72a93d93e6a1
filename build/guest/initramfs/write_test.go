package initramfs

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func written(t testing.TB, entries []Entry) string {
	t.Helper()
	var b bytes.Buffer
	must(t, Write(&b, entries))
	return b.String()
}

// sample has every type of file, and lengths around the filling.
func sample() []Entry {
	entries := append(Early(),
		Folder("root", 0o700), Symlink("bin/sh", "busybox"), Bytes("init", 0o755, []byte("#!/bin/sh\n")), Bytes("empty", 0o4444, nil),
		Bytes("/a-b", 0o644, []byte("sorts before a/")), Bytes("a/b/c", 0o600, bytes.Repeat([]byte("long"), 100_000)),
		Entry{Name: "pipe", Mode: unix.S_IFIFO | 0o640}, Entry{Name: "socket", Mode: unix.S_IFSOCK | 0o600},
		Entry{Name: "dev/vda1", Mode: unix.S_IFBLK | 0o660, Major: 254, Minor: 1})
	for i := range 5 {
		entries = append(entries, Bytes("x"+strings.Repeat("y", i), 0o644, []byte("four5")[:i+1]))
	}
	return entries
}

// listing is what cpio says of sample, times and the counts of links apart.
const listing = `drwxr-xr-x 0 0 0 a
-rw-r--r-- 0 0 15 a-b
drwxr-xr-x 0 0 0 a/b
-rw------- 0 0 400000 a/b/c
drwxr-xr-x 0 0 0 bin
lrwxrwxrwx 0 0 7 bin/sh -> busybox
drwxr-xr-x 0 0 0 dev
crw------- 0 0 5, 1 dev/console
crw-rw-rw- 0 0 1, 3 dev/null
brw-rw---- 0 0 254, 1 dev/vda1
-r-Sr--r-- 0 0 0 empty
-rwxr-xr-x 0 0 10 init
prw-r----- 0 0 0 pipe
drwx------ 0 0 0 root
srw------- 0 0 0 socket
-rw-r--r-- 0 0 1 x
-rw-r--r-- 0 0 2 xy
-rw-r--r-- 0 0 3 xyy
-rw-r--r-- 0 0 4 xyyy
-rw-r--r-- 0 0 5 xyyyy
`

func TestCpioListsWhatWasWritten(t *testing.T) {
	got := judge.RunInput(t, written(t, sample()), "cpio", "-itv", "--numeric-uid-gid", "--quiet")
	if got.Status != 0 || got.Stderr != "" {
		t.Fatalf("exit status %d: %s", got.Status, got.Stderr)
	}
	var b strings.Builder
	for line := range strings.Lines(got.Stdout) {
		f := strings.Fields(line)
		size := f[4:5]
		if strings.HasSuffix(f[4], ",") {
			size = f[4:6]
		}
		when := 4 + len(size)
		if date := strings.Join(f[when:when+3], " "); date != "Jan 1 1970" {
			t.Errorf("the time is %s: %s", date, line)
		}
		b.WriteString(strings.Join(append(append([]string{f[0], f[2], f[3]}, size...), f[when+3:]...), " ") + "\n")
	}
	if b.String() != listing {
		t.Errorf("cpio lists\n%swant\n%s", b.String(), listing)
	}
}

func TestCpioUnpacksWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	var entries []Entry
	for _, e := range sample() {
		if e.Mode&unix.S_IFMT != unix.S_IFCHR && e.Mode&unix.S_IFMT != unix.S_IFBLK { // which root alone may make
			entries = append(entries, e)
		}
	}
	if r := judge.RunInput(t, written(t, entries), "cpio", "-i", "--quiet", "-D", dir); r.Status != 0 || r.Stderr != "" {
		t.Fatalf("exit status %d: %s", r.Status, r.Stderr)
	}
	for _, e := range entries {
		if e.Open == nil {
			continue
		}
		r, err := e.Open()
		must(t, err)
		want, err := io.ReadAll(r)
		must(t, err)
		got, err := os.ReadFile(filepath.Join(dir, e.Name))
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: other content", e.Name)
		}
	}
}

func TestTheOrderGivenDoesNotMatter(t *testing.T) {
	entries := sample()
	want := written(t, entries)
	if len(want)%512 != 0 {
		t.Errorf("the archive has %d bytes, which are no whole blocks", len(want))
	}
	for seed := range uint64(10) {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		if written(t, entries) != want {
			t.Fatalf("seed %d: another order gives other bytes", seed)
		}
	}
}

func TestWriteRefusesByName(t *testing.T) {
	sized := func(size int64, content string) Entry {
		e := Bytes("file", 0o644, []byte(content))
		e.Size = size
		return e
	}
	for want, entries := range map[string][]Entry{
		`"a/../b": leads out of the archive`:                        {Bytes("a/../b", 0o644, nil)},
		`"/": the root itself cannot be an entry`:                   {Folder("/", 0o755)},
		`"/a": is there twice`:                                      {Bytes("a", 0o644, nil), Folder("/a", 0o755)},
		`"a/b": lies in /a, which is not a folder`:                  {Bytes("a", 0o644, nil), Bytes("a/b", 0o644, nil)},
		`"a\x00b": has a NUL in its name or target`:                 {Bytes("a\x00b", 0o644, nil)},
		`"TRAILER!!!": has the name that ends an archive`:           {Bytes("TRAILER!!!", 0o644, nil)},
		`"a": has the mode 0644, which has no type of file`:         {{Name: "a", Mode: 0o644}},
		`"a": has the mode 0200100644, which is not one of stat(2)`: {{Name: "a", Mode: 0o200100644}},
		`"a": is a symbolic link that leads nowhere`:                {Symlink("a", "")},
		`"a": has a target but is not a symbolic link`:              {{Name: "a", Mode: unix.S_IFREG, Link: "b"}},
		`"a": has a device number but is not a device`:              {{Name: "a", Mode: unix.S_IFREG, Major: 1}},
		`"a": has a size but no content`:                            {{Name: "a", Mode: unix.S_IFREG, Size: 1}},
		`"a": has a content but is not a regular file`:              {{Name: "a", Mode: unix.S_IFDIR, Size: 1}},
		`"file": is 4 GiB or larger`:                                {sized(1<<32, "")},
		`"file": has a size of -1 bytes`:                            {sized(-1, "")},
		`/file: grew while it was read: it had 3 bytes`:             {sized(3, "four")},
		`/file: shrank while it was read: it had 5 bytes`:           {sized(5, "four")},
		`has a name or target of more than 4095 bytes`:              {Symlink("a", strings.Repeat("b", 4096))},
		`/b: opened`: {{Name: "b", Mode: unix.S_IFREG, Size: 1, Open: func() (io.ReadCloser, error) { return nil, errors.New("opened") }}},
	} {
		err := Write(io.Discard, entries)
		if err == nil || !strings.HasPrefix(err.Error(), "initramfs: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	must(t, Write(io.Discard, []Entry{Symlink("a", strings.Repeat("b", 4095)), sized(4, "four")}))
}

// full takes no more than its number of bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, unix.ENOSPC
	}
	return len(p), nil
}

func TestAFullDiskIsAnError(t *testing.T) {
	for _, room := range []full{0, 200_000} {
		opened := 0
		entries := sample()
		entries = append(entries, Entry{Name: "zz", Mode: unix.S_IFREG, Open: func() (io.ReadCloser, error) {
			opened++
			return io.NopCloser(strings.NewReader("")), nil
		}})
		if err := Write(&room, entries); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("got %v", err)
		}
		if opened > 0 {
			t.Error("files were read on after the disk was full")
		}
	}
}
