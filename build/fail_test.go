package build

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// attempt builds, and calls at where a phase begins or goes on.
func attempt(t *testing.T, ctx context.Context, dir, text, out string, at func(phase string, done int64)) error {
	t.Helper()
	s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte(text))
	must(t, err)
	_, err = Build(ctx, s, Options{OutDir: out, Progress: func(phase string, done, _ int64) {
		if at != nil {
			at(phase, done)
		}
	}})
	return err
}

// oneLine holds an error to what it must say, in one line.
func oneLine(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("the build succeeds")
	}
	for _, w := range append(want, "") {
		if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), ".tmp-") {
			t.Errorf("the error is %q, without %q", err, w)
		}
	}
}

// nothing holds a folder to what should be in it.
func nothing(t *testing.T, dir string, but ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) && len(but) == 0 {
		return
	}
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != strings.Join(but, " ") {
		t.Errorf("%s holds %q, want %q", dir, names, but)
	}
}

func TestCancelledInAnyPhase(t *testing.T) {
	dir := sources(t)
	text := specText("efixbootldr")
	seen := map[string]bool{}
	must(t, attempt(t, context.Background(), dir, text, filepath.Join(t.TempDir(), "out"), func(phase string, _ int64) { seen[phase] = true }))
	if len(seen) != 6 {
		t.Errorf("the phases are %v", seen)
	}
	for phase := range seen {
		ctx, cancel := context.WithCancel(context.Background())
		out := filepath.Join(t.TempDir(), "new", "out")
		err := attempt(t, ctx, dir, text, out, func(p string, _ int64) {
			if p == phase {
				cancel()
			}
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while %s, the build ends in %v", phase, err)
		}
		nothing(t, filepath.Dir(filepath.Dir(out)))
	}
}

func TestSourcesThatChange(t *testing.T) {
	for _, c := range []struct {
		name, phase string
		after       int64
		change      func(path string) error
		want        string
	}{
		{"vanishes before it is read", "root filesystem", 0, os.Remove, "vanished"},
		{"grows before it is read", "root filesystem", 0, grow, "changed"},
		{"shrinks before it is read", "root filesystem", 0, func(p string) error { return os.Truncate(p, 100) }, "changed"},
		{"becomes a link", "root filesystem", 0, func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/etc/passwd", p)) }, "changed"},
		{"becomes a fifo", "root filesystem", 0, func(p string) error { return errors.Join(os.Remove(p), unix.Mkfifo(p, 0o644)) }, "changed"},
		{"becomes a folder", "root filesystem", 0, func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) }, "changed"},
		{"is written anew", "planning", 0, func(p string) error { return os.WriteFile(p, make([]byte, 64<<20), 0o644) }, "changed"},
		{"grows while it is read", "root filesystem", 1, grow, "changed"},
		{"shrinks while it is read", "root filesystem", 1, func(p string) error { return os.Truncate(p, 100) }, "changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := sources(t)
			big := filepath.Join(dir, "big")
			must(t, os.WriteFile(big, []byte(strings.Repeat("0123456789abcdef", 1<<22)), 0o644))
			out, done := filepath.Join(t.TempDir(), "out"), false
			err := attempt(t, context.Background(), dir, specText("legacy"), out, func(phase string, n int64) {
				if !done && phase == c.phase && n >= c.after {
					done = true
					must(t, c.change(big))
				}
			})
			oneLine(t, err, big, c.want)
			nothing(t, filepath.Dir(out))
		})
	}
}

func grow(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("more")
	return errors.Join(err, f.Close())
}

func TestASourceFolderThatVanishes(t *testing.T) {
	dir := sources(t)
	out := filepath.Join(t.TempDir(), "out")
	err := attempt(t, context.Background(), dir, specText("efi"), out, func(phase string, _ int64) {
		if phase == "root filesystem" {
			must(t, os.RemoveAll(filepath.Join(dir, "root/many")))
		}
	})
	oneLine(t, err, "root/many", "vanished")
	nothing(t, filepath.Dir(out))
}

func TestADiskThatIsFull(t *testing.T) {
	judge.Root(t)
	dir := sources(t)
	disk := t.TempDir()
	judge.Must(t, "mount", "-t", "tmpfs", "-o", "size=1m", "none", disk)
	t.Cleanup(func() { judge.Must(t, "umount", disk) })
	for _, layout := range layouts {
		out := filepath.Join(disk, "a", "out")
		err := attempt(t, context.Background(), dir, specText(layout), out, nil)
		oneLine(t, err, filepath.Join(out, "nixos.img")+": no space left on device")
		nothing(t, disk)
	}
	// Without room for anything, the table's first sector included.
	must(t, os.WriteFile(filepath.Join(disk, "full"), make([]byte, 1<<20), 0o644))
	for _, layout := range layouts {
		err := attempt(t, context.Background(), dir, specText(layout), disk, nil)
		oneLine(t, err, filepath.Join(disk, "nixos.img"), "no space left on device")
		nothing(t, disk, "full")
	}
}

func TestOutputFolders(t *testing.T) {
	dir := sources(t)
	top := t.TempDir()
	must(t, os.WriteFile(filepath.Join(top, "file"), nil, 0o644))
	must(t, os.MkdirAll(filepath.Join(top, "taken/nixos.img/x"), 0o755))
	must(t, os.Symlink("nowhere", filepath.Join(top, "dangling")))
	for out, want := range map[string]string{
		"file":     "file: is a file, not a folder",
		"file/out": "file/out: not a directory",
		"taken":    "nixos.img: is a folder",
		"dangling": "dangling: ",
	} {
		err := attempt(t, context.Background(), dir, specText("legacy"), filepath.Join(top, out), nil)
		oneLine(t, err, want)
	}
	nothing(t, top, "dangling", "file", "taken")
	nothing(t, filepath.Join(top, "taken"), "nixos.img")
}

func TestAFolderThatMayNotBeWritten(t *testing.T) {
	judge.Root(t)
	dir := public(t, "")
	must(t, os.WriteFile(filepath.Join(dir, "x.yaml"), []byte("additionalSpace: 1M\n"), 0o644))
	for out, want := range map[string]string{dir: dir + ": permission denied", dir + "/new/out": dir + "/new: permission denied"} {
		d := task{Spec: filepath.Join(dir, "x.yaml"), Out: out, uid: 65534, dir: "/"}.run(t, itself(t))
		if d.Err != want {
			t.Errorf("the error is %q, want %q", d.Err, want)
		}
	}
	nothing(t, dir, "x.yaml")
}

// TestAnOldImageStaysUntilTheNewOneIsWhole also for whoever has it open.
func TestAnOldImageStaysUntilTheNewOneIsWhole(t *testing.T) {
	dir, out := sources(t), t.TempDir()
	path := filepath.Join(out, ImageName)
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	old, err := os.Open(path)
	must(t, err)
	defer old.Close()
	ctx, cancel := context.WithCancel(context.Background())
	err = attempt(t, ctx, dir, specText("legacy"), out, func(phase string, _ int64) {
		if phase == "syncing" {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the build ends in %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "old" {
		t.Errorf("a cancelled build leaves %q, %v", b, err)
	}
	nothing(t, out, ImageName)

	r := build(t, dir, specText("legacy"), out)
	nothing(t, out, ImageName)
	if b, err := io.ReadAll(old); err != nil || string(b) != "old" {
		t.Errorf("who had the old image open reads %q, %v", b, err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Size() != r.Size || fi.Mode() != 0o644 {
		t.Errorf("the new image is %v, %v", fi, err)
	}
}

func TestBootPartitionsThatCannotBeMade(t *testing.T) {
	dir := sources(t)
	must(t, os.Symlink("x", filepath.Join(dir, "link")))
	f, err := os.Create(filepath.Join(dir, "large"))
	must(t, err)
	must(t, f.Truncate(300<<20))
	must(t, f.Close())
	for text, want := range map[string]string{
		"partitionTableType: efi\nbootSize: 20M\n":                                                    "test.yaml:2:1: bootSize: the ESP has 11534336 bytes, and FAT32 needs 34095104: raise bootSize, or choose espFat: 16 or auto",
		"partitionTableType: efixbootldr\nbootSize: 110M\n":                                           "test.yaml:2:1: bootSize: the XBOOTLDR has 5242880 bytes, and FAT32 needs 34095104: raise bootSize, or choose espFat: 16 or auto",
		"partitionTableType: efi\nbootSize: 12M\nespFat: 16\n":                                        "test.yaml:3:1: espFat: the ESP of 3145728 bytes",
		"partitionTableType: efi\nbootSize: 600M\nespFat: 12\n":                                       "test.yaml:3:1: espFat: the ESP of 591396864 bytes",
		"partitionTableType: efi\nespContents:\n- {source: link, target: /l}\n":                       "test.yaml:2:1: espContents: fat: \"/l\" is a symbolic link",
		"partitionTableType: efi\nespContents:\n- {source: large, target: /l}\n":                      "test.yaml:2:1: espContents: they do not fit into the ESP of 247463936 bytes: ",
		"partitionTableType: efixbootldr\nespContents:\n- {source: large, target: /l}\n":              "kernels belong into bootContents",
		"partitionTableType: efixbootldr\nbootContents:\n- {source: large, target: /l}\n":             "test.yaml:2:1: bootContents: they do not fit into the XBOOTLDR of 150994944 bytes",
		"partitionTableType: efi\nespFat: 16\nespContents:\n- {source: root/many, target: /}\n":       "test.yaml:3:1: espContents: fat: the root directory needs",
		"partitionTableType: none\nadditionalSpace: 20T\n":                                            "ext4 with blocks of 4 KiB ends below 16 TiB",
		"partitionTableType: none\ndiskSize: 2G\ncontents:\n- {source: large, target: /lost+found}\n": "test.yaml:3:1: contents: ext4: /lost+found: must be a directory",
		"partitionTableType: none\ndiskSize: 1\ncontents:\n- {source: big, target: /a}\n":             "test.yaml:2:1: diskSize: the contents do not fit",
		"partitionTableType: legacy\ndiskSize: 3T\n":                                                  "test.yaml:2:1: diskSize: disk size of 3298534883328 bytes is more than a boot record can hold",
	} {
		out := filepath.Join(t.TempDir(), "out")
		oneLine(t, attempt(t, context.Background(), dir, text, out, nil), want)
		nothing(t, filepath.Dir(out))
	}
}
