package build

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// TestEveryLayoutInEveryFormat builds each layout in each format twice: the
// files are equal, and the tools find in them the disk that the raw image is.
func TestEveryLayoutInEveryFormat(t *testing.T) {
	dir := sources(t)
	for _, layout := range layouts {
		raw := build(t, dir, specText(layout), t.TempDir())
		for _, kind := range format.Kinds[1:] {
			if kind == format.Xz && layout != "none" {
				continue // the slowest; what it holds is the same
			}
			t.Run(layout+"/"+string(kind), func(t *testing.T) {
				text := "format: " + string(kind) + "\n" + specText(layout)
				out := t.TempDir()
				first := build(t, dir, text, out)
				second := build(t, dir, text, t.TempDir())
				if !slices.Equal(listing(t, out), []string{format.FileName(kind)}) || first.Image != filepath.Join(out, format.FileName(kind)) {
					t.Errorf("%s, beside %q", first.Image, listing(t, out))
				}
				if !bytes.Equal(content(t, first.Image), content(t, second.Image)) {
					t.Error("two builds give different bytes")
				}
				alike(t, kind, first.Image, raw.Image)
			})
		}
	}
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// alike has the formats' own tools say that an image is sound and what the raw
// one is.
func alike(t *testing.T, kind format.Kind, image, raw string) {
	t.Helper()
	name := map[format.Kind]string{format.QCOW2: "qcow2", format.QCOW2Packed: "qcow2", format.VDI: "vdi", format.VHD: "vpc", format.VMDK: "vmdk"}[kind]
	if name == "" {
		tool := map[format.Kind]string{format.Zstd: "zstd", format.Xz: "xz"}[kind]
		if got := judge.Must(t, tool, "-d", "-c", image); got != string(content(t, raw)) {
			t.Errorf("%s unpacks another disk", tool)
		}
		return
	}
	if kind != format.VHD { // which qemu-img cannot check
		judge.Must(t, "qemu-img", "check", "-f", name, image)
	}
	judge.Must(t, "qemu-img", "compare", "-f", "raw", "-F", name, raw, image)
}

// TestWhatAFormatCannotHold is told before anything is written.
func TestWhatAFormatCannotHold(t *testing.T) {
	dir, out := sources(t), t.TempDir()
	text := "format: vpc\ndiskSize: 3T\npartitionTableType: legacy+gpt\n"
	s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte(text))
	must(t, err)
	_, err = Build(context.Background(), s, Options{OutDir: out})
	if want := filepath.Join(dir, "test.yaml") + ":1:1: format: a VHD holds whole sectors of 512 bytes, up to 2190433320960 bytes, not 3298534883328 bytes"; err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if l := listing(t, out); len(l) > 0 {
		t.Errorf("%q is left", l)
	}
}

// TestCancelledConversion leaves nothing behind.
func TestCancelledConversion(t *testing.T) {
	dir, out := sources(t), t.TempDir()
	s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte("format: qcow2-compressed\n"+specText("none")))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	_, err = Build(ctx, s, Options{OutDir: out, Progress: func(phase string, _, _ int64) {
		if phase == "writing qcow2-compressed" {
			cancel()
		}
	}})
	if err != context.Canceled {
		t.Errorf("%v", err)
	}
	if l := listing(t, out); len(l) > 0 {
		t.Errorf("%q is left", l)
	}
}
