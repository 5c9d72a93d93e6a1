package unpack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

const mib = 1 << 20

// content has noise, text and long runs of zeros in it.
func content(size int) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewChaCha8([32]byte{3}))
	for off := 0; off < size; off += 700_001 {
		for i := range b[off:min(off+100_000, size)] {
			b[off+i] = byte(r.Uint32() >> (8 + i/1000%20))
		}
	}
	return b
}

// compressed runs a compressor on b and returns what it made.
func compressed(t testing.TB, b []byte, tool string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return []byte(judge.Must(t, tool, append(args, "-c", path)...))
}

func tool(f Format) string { return f.String() }

func unpacked(t testing.TB, b []byte, f Format) (*Unpacked, []byte, error) {
	t.Helper()
	u, err := Open(t.Context(), bytes.NewReader(b), int64(len(b)), f, Options{TempDir: t.TempDir()})
	if err != nil {
		return nil, nil, err
	}
	defer u.File.Close()
	got, err := io.ReadAll(io.NewSectionReader(u.File, 0, u.Size+1))
	if err != nil || int64(len(got)) != u.Size {
		t.Fatalf("%d bytes of %d, %v", len(got), u.Size, err)
	}
	return u, got, nil
}

func value(fields []container.Field, structure, name string) string {
	for _, f := range fields {
		if f.Structure == structure && f.Name == name {
			return f.Value
		}
	}
	return ""
}

func TestWhatTheToolsMakeIsUnpacked(t *testing.T) {
	want := content(2*mib + 77)
	for _, c := range []struct {
		format Format
		args   []string
	}{
		{Gzip, nil},
		{Gzip, []string{"-1"}},
		{Gzip, []string{"-n"}},
		{Xz, []string{"-1"}},
		{Xz, []string{"-0", "--check=none"}},
		{Xz, []string{"-0", "--check=crc32"}},
		{Xz, []string{"-0", "--check=sha256", "--block-size=300000"}},
		{Xz, []string{"-9", "-T2", "--block-size=1000000"}},
		{Zstd, []string{"-q"}},
		{Zstd, []string{"-q", "-19"}},
		{Zstd, []string{"-q", "--no-check"}},
		{Zstd, []string{"-q", "--long=27"}},
	} {
		b := compressed(t, want, tool(c.format), c.args...)
		u, got, err := unpacked(t, b, c.format)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v %v: %v", c.format, c.args, err)
			continue
		}
		if len(u.Fields) < 5 || value(u.Fields, c.format.String(), c.format.unitOf()+"s") != "1" {
			t.Errorf("%+v", u.Fields)
		}
		// Several one behind another, and none of the content of one.
		empty := compressed(t, nil, tool(c.format), c.args...)
		all := bytes.Join([][]byte{b, empty, b}, nil)
		if c.format == Xz {
			all = bytes.Join([][]byte{b, empty, b}, make([]byte, 8))
		}
		if _, got, err := unpacked(t, all, c.format); err != nil || !bytes.Equal(got, append(bytes.Clone(want), want...)) {
			t.Errorf("three %v: %v", c.args, err)
		}
	}
}

func (f Format) unitOf() string { return (&job{format: f}).unit() }

func TestFieldsAreWhatTheToolsSay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, content(mib), 0o600); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "touch", "-d", "2024-05-06T07:08:09Z", path)
	b := []byte(judge.Must(t, "gzip", "-9", "-c", path))
	u, _, err := unpacked(t, b, Gzip)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"FNAME": "disk.img", "MTIME": "2024-05-06T07:08:09Z", "XFL": "2", "OS": "3", "ISIZE": "1048576"} {
		if got := value(u.Fields, "gzip member 1", name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, f := range u.Fields {
		if f.Name == "FNAME" && string(b[f.Offset:f.Offset+f.Length]) != "disk.img\x00" {
			t.Errorf("%+v", f)
		}
	}
	// Only the time differs in a later one.
	judge.Must(t, "touch", "-d", "2024-05-06T07:08:10Z", path)
	v, _, err := unpacked(t, []byte(judge.Must(t, "gzip", "-9", "-c", path)), Gzip)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range u.Fields {
		if differ := f.Value != v.Fields[i].Value; differ != (f.Name == "MTIME") {
			t.Errorf("%+v, %+v", f, v.Fields[i])
		}
	}
	u, _, err = unpacked(t, []byte(judge.Must(t, "xz", "-6", "-c", path)), Xz)
	if err != nil || value(u.Fields, "xz stream 1", "Check") != "CRC64" || value(u.Fields, "xz stream 1", "Dictionary Size") != "8388608" {
		t.Errorf("%+v, %v", u.Fields, err)
	}
	u, _, err = unpacked(t, []byte(judge.Must(t, "zstd", "-q", "-c", path)), Zstd)
	if err != nil || value(u.Fields, "zstd frame 1", "Frame_Content_Size") != "1048576" || value(u.Fields, "zstd frame 1", "Content_Checksum_flag") != "true" {
		t.Errorf("%+v, %v", u.Fields, err)
	}
}

func TestDamage(t *testing.T) {
	want := content(mib / 2)
	for _, f := range []Format{Gzip, Xz, Zstd} {
		b := compressed(t, want, tool(f))
		for _, n := range []int{len(f.Magic()), 9, 13, len(b) / 2, len(b) - 3} {
			if _, _, err := unpacked(t, b[:n], f); err == nil || !strings.Contains(err.Error(), "truncated") {
				t.Errorf("%v cut off after %d bytes of %d: %v", f, n, len(b), err)
			}
		}
		for _, garbage := range []string{"x", "garbage behind the end of it all", "\x00"} {
			if _, _, err := unpacked(t, append(bytes.Clone(b), garbage...), f); err == nil || !strings.Contains(err.Error(), "something else follow") {
				t.Errorf("%v with %q behind: %v", f, garbage, err)
			}
		}
		r := rand.New(rand.NewPCG(1, uint64(f)))
		for range 30 {
			c := bytes.Clone(b)
			c[len(f.Magic())+r.IntN(len(b)-len(f.Magic()))] ^= 1 << r.IntN(8)
			_, got, err := unpacked(t, c, f)
			if err == nil && !bytes.Equal(got, want) {
				t.Errorf("%v: a changed bit goes unseen", f)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%v: %q", f, err)
			}
		}
	}
}

func TestZerosBecomeHoles(t *testing.T) {
	b := make([]byte, 60*mib)
	copy(b[30*mib:], "one block")
	for _, f := range []Format{Gzip, Zstd} {
		packed := compressed(t, b, tool(f), "-1")
		u, err := Open(t.Context(), bytes.NewReader(packed), int64(len(packed)), f, Options{TempDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		fi, err := u.File.Stat()
		u.File.Close()
		if err != nil || fi.Size() != int64(len(b)) || fi.Sys().(*syscall.Stat_t).Blocks > 32 {
			t.Errorf("%+v, %v", fi.Sys(), err)
		}
	}
}

func TestLimits(t *testing.T) {
	packed := compressed(t, make([]byte, 10*mib), "gzip")
	dir := t.TempDir()
	if _, err := Open(t.Context(), bytes.NewReader(packed), int64(len(packed)), Gzip, Options{TempDir: dir, Limit: mib}); err == nil || !strings.Contains(err.Error(), "longer than the 1048576 bytes") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, bytes.NewReader(packed), int64(len(packed)), Gzip, Options{TempDir: dir}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	// Headers that ask for much memory.
	for _, c := range []struct {
		format Format
		b      []byte
	}{
		{Xz, compressed(t, content(1000), "xz", "--lzma2=dict=512MiB")},
		{Zstd, []byte(judge.RunInput(t, "of unknown length", "zstd", "-q", "--long=30", "-c").Stdout)},
		{Xz, compressed(t, content(1000), "xz", "--x86", "--lzma2")},
	} {
		if _, _, err := unpacked(t, c.b, c.format); err == nil || !strings.Contains(err.Error(), "more than 134217728") && !strings.Contains(err.Error(), "other filters") {
			t.Errorf("%v: %v", c.format, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	b := content(300)
	f.Add(compressed(f, b, "gzip"), byte(Gzip))
	f.Add(compressed(f, b, "xz", "--block-size=200"), byte(Xz))
	f.Add(compressed(f, b, "xz", "--check=none"), byte(Xz))
	f.Add(compressed(f, b, "zstd", "-q"), byte(Zstd))
	f.Add([]byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc"), byte(Zstd))
	f.Add([]byte("\x1f\x8b\x08\x1e0000\x00\x03\x02\x00abname\x00comment\x0000\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"), byte(Gzip))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte, format byte) {
		if format > byte(Zstd) {
			return
		}
		u, err := Open(t.Context(), bytes.NewReader(b), int64(len(b)), Format(format), Options{TempDir: dir, Limit: 64 * mib})
		if err != nil {
			return
		}
		u.File.Close()
		for _, x := range u.Fields {
			if x.Offset < 0 || x.Length < 0 || x.Offset+x.Length > int64(len(b)) {
				t.Errorf("%+v in %d bytes", x, len(b))
			}
		}
	})
}

// Unpacking, by the content's length.
func BenchmarkOpen(b *testing.B) {
	c := content(64 * mib)
	for _, f := range []Format{Gzip, Xz, Zstd} {
		packed := compressed(b, c, tool(f), "-1")
		b.Run(f.String(), func(b *testing.B) {
			b.SetBytes(int64(len(c)))
			for b.Loop() {
				u, err := Open(b.Context(), bytes.NewReader(packed), int64(len(packed)), f, Options{})
				if err != nil {
					b.Fatal(err)
				}
				u.File.Close()
			}
		})
	}
}
