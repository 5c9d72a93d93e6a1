package split

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// The disks of virtual machines hold the same disk as the raw image, and are
// what qemu-img says they are.
func TestEveryKindOfVirtualDiskIsTheSameDisk(t *testing.T) {
	raw := filled(t, gptScript)
	want, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range []struct{ format, options string }{
		{"vdi", "static=off"},
		{"vdi", "static=on"},
		{"vpc", "subformat=dynamic,force_size=on"},
		{"vpc", "subformat=fixed,force_size=on"},
		{"vhdx", "subformat=dynamic"},
		{"vhdx", "subformat=fixed"},
		{"vmdk", "subformat=monolithicSparse"},
		{"vmdk", "subformat=streamOptimized"},
		{"vmdk", "subformat=monolithicFlat"},
		{"vmdk", "subformat=twoGbMaxExtentSparse"},
		{"vmdk", "subformat=twoGbMaxExtentFlat"},
	} {
		path := filepath.Join(t.TempDir(), "disk") // no suffix: the content tells
		judge.Must(t, "qemu-img", "convert", "-O", c.format, "-o", c.options, raw, path)
		img, tab := open1(t, path)
		var q struct {
			Size int64 `json:"virtual-size"`
		}
		info := judge.Must(t, "qemu-img", "info", "--output=json", "-f", c.format, path)
		if err := json.Unmarshal([]byte(info), &q); err != nil || q.Size != img.Size() {
			t.Errorf("%d: %d bytes, qemu-img says %d (%v)", n, img.Size(), q.Size, err)
		}
		if img.Format() != c.format || !bytes.Equal(readAll(t, img), want) || tab.Label != LabelGPT || len(tab.Partitions) != 4 {
			t.Errorf("%s %s: format %s, %+v", c.format, c.options, img.Format(), tab)
		}
		if len(img.Metadata()) == 0 || len(img.Warnings()) != 0 {
			t.Errorf("%s %s: %d fields, warnings %q", c.format, c.options, len(img.Metadata()), img.Warnings())
		}
	}
}

// A raw disk's last sector may begin as a VHD's footer does.
func TestAFootersCookieAloneTellsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(path, append(make([]byte, 4096), append([]byte("conectix"), make([]byte, 504)...)...), 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if img.Format() != "raw" || img.Size() != 4096+512 {
		t.Errorf("%s of %d bytes", img.Format(), img.Size())
	}
}

// A descriptor's extents are looked for in its folder, and nowhere else.
func TestExtentsLieBesideTheirDescriptor(t *testing.T) {
	raw := filled(t, gptScript)
	top := t.TempDir()
	dir := filepath.Join(top, "images")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "disk.vmdk")
	judge.Must(t, "qemu-img", "convert", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, path)
	extent := filepath.Join(dir, "disk-flat.vmdk")
	link := filepath.Join(top, "link.vmdk")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	img, err := Open(link)
	if err != nil {
		t.Fatal(err)
	}
	img.Close()
	if err := os.Rename(extent, filepath.Join(top, "disk-flat.vmdk")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../disk-flat.vmdk", extent); err != nil {
		t.Fatal(err)
	}
	if img, err := Open(path); err == nil {
		img.Close()
		t.Error("an extent out of the folder is opened")
	} else if s := err.Error(); !strings.HasPrefix(s, path+": extent 1 ") || strings.Contains(s, "\n") {
		t.Errorf("%q", s)
	}
}
