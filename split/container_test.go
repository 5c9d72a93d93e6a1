package split

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
)

func readAll(t *testing.T, img *Image) []byte {
	t.Helper()
	b := make([]byte, img.Size())
	if n, err := img.ReadAt(b, 0); n != len(b) || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%s: %d bytes of %d, %v", img.Path(), n, len(b), err)
	}
	return b
}

// squeeze compresses the file at path to path.SUFFIX.
func squeeze(t *testing.T, tool, path, suffix string) string {
	t.Helper()
	out := judge.Must(t, tool, "-q", "-1", "-c", path)
	if err := os.WriteFile(path+"."+suffix, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	return path + "." + suffix
}

// The same disk in other files is the same disk, with the same partitions.
func TestAnyContainerHoldsTheSameDisk(t *testing.T) {
	raw := filled(t, gptScript)
	want, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	qcow := filepath.Join(dir, "disk.qcow2")
	judge.Must(t, "qemu-img", "convert", "-O", "qcow2", raw, qcow)
	packed := filepath.Join(dir, "packed.qcow2")
	judge.Must(t, "qemu-img", "convert", "-c", "-O", "qcow2", raw, packed)
	for path, format := range map[string]string{
		raw:                                 "raw",
		qcow:                                "qcow2",
		packed:                              "qcow2",
		squeeze(t, "gzip", raw, "gz"):       "raw.gz",
		squeeze(t, "xz", raw, "xz"):         "raw.xz",
		squeeze(t, "zstd", qcow, "zst"):     "qcow2.zst",
		squeeze(t, "gzip", raw+".xz", "gz"): "raw.xz.gz",
	} {
		img, tab := open1(t, path)
		if img.Format() != format || !bytes.Equal(readAll(t, img), want) || tab.Label != LabelGPT || len(tab.Partitions) != 4 {
			t.Errorf("%s: format %s, %+v", path, img.Format(), tab)
		}
		if (format == "raw") != (len(img.Metadata()) == 0) || len(img.Warnings()) != 0 {
			t.Errorf("%s: %+v, %q", path, img.Metadata(), img.Warnings())
		}
		out := filepath.Join(dir, "out-"+filepath.Base(path))
		if _, err := Extract(t.Context(), img, tab, out, Options{}); err != nil {
			t.Error(err)
		}
		for _, p := range tab.Partitions {
			b, err := os.ReadFile(filepath.Join(out, filepath.Base(BaseName(path))) + "-p" + string(rune('0'+p.Number)) + ".raw")
			if err != nil || !bytes.Equal(b, want[p.Offset:p.End()]) {
				t.Errorf("%s: partition %d differs, %v", path, p.Number, err)
			}
		}
	}
	thrice := squeeze(t, "gzip", raw+".xz.gz", "zst")
	if _, err := Open(thrice); err == nil || !strings.Contains(err.Error(), "compressed more than twice") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenWith(ctx, raw+".gz", OpenOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := OpenWith(t.Context(), raw+".gz", OpenOptions{UnpackLimit: mib}); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

// Other files are read only where that is allowed, and only in the image's
// folder or below.
func TestBackingFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.MkdirAll(at("in/sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filled(t, dosScript))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secret.raw", "in/sub/base.raw"} {
		if err := os.WriteFile(at(name), secret, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret.raw", at("in/leaves.raw")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sub/base.raw", at("in/stays.raw")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(at("in/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	backed := func(name, backing, format string) string {
		judge.Must(t, "qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", backing, "-F", format, at(name), "64M")
		return at(name)
	}
	backed("in/sub/mid.qcow2", "../stays.raw", "raw")
	backed("in/b.qcow2", "a.qcow2", "qcow2")
	for _, c := range []struct{ path, want string }{
		{backed("in/base.qcow2", "sub/base.raw", "raw"), ""},
		{backed("in/link.qcow2", "stays.raw", "raw"), ""},
		{backed("in/chain.qcow2", "sub/mid.qcow2", "qcow2"), ""},
		{backed("in/up.qcow2", "../secret.raw", "raw"), "escapes"},
		{backed("in/leaves.qcow2", "leaves.raw", "raw"), "escapes"},
		{backed("in/absolute.qcow2", at("secret.raw"), "raw"), "has an absolute path"},
		{backed("in/nbd.qcow2", "nbd:unix:/tmp/socket", "raw"), "named through a protocol"},
		{backed("in/json.qcow2", `json:{"driver":"file","filename":"/etc/passwd"}`, "raw"), "named through a protocol"},
		{backed("in/a.qcow2", "b.qcow2", "qcow2"), "leads back to an image"},
		{backed("in/self.qcow2", "self.qcow2", "qcow2"), "leads back to an image"},
		{backed("in/pipe.qcow2", "pipe", "raw"), "is not a file"},
		{backed("in/none.qcow2", "none", "raw"), "no such file"},
		{backed("in/other.qcow2", "sub/base.raw", "qcow2"), "is of the format raw, not qcow2"},
	} {
		if _, err := Open(c.path); err == nil || !strings.Contains(err.Error(), "--allow-backing") {
			t.Errorf("%s: %v", c.path, err)
		}
		img, err := OpenWith(t.Context(), c.path, OpenOptions{AllowBacking: true})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.path, err)
				continue
			}
			if !bytes.Equal(readAll(t, img), secret) {
				t.Errorf("%s: differs", c.path)
			}
			img.Close()
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", c.path, err, c.want)
		}
	}
	data := at("in/data.qcow2")
	judge.Must(t, "qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file="+at("in/sub/data.raw"), data, "64M")
	if _, err := OpenWith(t.Context(), data, OpenOptions{AllowBacking: true}); err == nil || !strings.Contains(err.Error(), "has an absolute path") {
		t.Error(err)
	}
	judge.Must(t, "qemu-img", "amend", "-o", "data_file=sub/data.raw", data)
	if _, err := Open(data); err == nil || !strings.Contains(err.Error(), "--allow-backing") {
		t.Error(err)
	}
	img, err := OpenWith(t.Context(), data, OpenOptions{AllowBacking: true})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if img.Size() != 64*mib {
		t.Errorf("%d bytes", img.Size())
	}
}
