package kernel

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// installedKernel is the kernel that the tests boot, and the folder that holds
// its modules in a folder of its version.
func installedKernel(t testing.TB) (kernel, modules string) {
	t.Helper()
	return judge.Given(t, judge.KernelVariable), judge.Given(t, judge.ModulesVariable)
}

func wants(names ...string) (want []Want) {
	for _, name := range names {
		optional := strings.HasSuffix(name, "?")
		want = append(want, Want{Name: strings.TrimSuffix(name, "?"), Optional: optional})
	}
	return want
}

// collected are the files of modules in the order of loading.
func collected(dir string, names ...string) (string, error) {
	found, err := Modules(context.Background(), dir, wants(names...))
	var files []string
	for _, m := range found {
		files = append(files, m.File)
	}
	return strings.Join(files, " "), err
}

// generic is a module tree like that of a kernel that has ext4 as a module.
func generic(t testing.TB, dir string) {
	t.Helper()
	for file, info := range map[string][]string{
		"kernel/fs/ext4/ext4.ko":               {"softdep=pre: crypto-crc32c", "depends=jbd2,mbcache,crc16", "alias=fs-ext4"},
		"kernel/fs/jbd2/jbd2.ko":               {"depends="},
		"kernel/fs/mbcache.ko":                 {"depends="},
		"kernel/lib/crc16.ko":                  {"depends="},
		"kernel/crypto/crc32c_generic.ko":      {"depends=", "alias=crypto-crc32c", "alias=crc32c"},
		"kernel/arch/x86/crypto/crc32c-int.ko": {"depends=", "alias=crypto-crc32c", "alias=crc32c", "alias=other-name"},
		"kernel/drivers/a/one-two.ko":          {"depends=three_four,other"},
		"kernel/drivers/a/three-four.ko":       {"depends=", "softdep=pre: nowhere broken post: one_two"},
		"kernel/drivers/a/other.ko":            {"depends=three-four"},
		"kernel/drivers/a/broken.ko":           {"depends=jbd2,gone"},
		"kernel/drivers/a/hard.ko":             {"depends=three-four,broken"},
		"kernel/drivers/a/round.ko":            {"depends=about"},
		"kernel/drivers/a/about.ko":            {"depends=round"},
		"kernel/drivers/a/replaced.ko":         {"depends=gone"},
		"updates/replaced.ko":                  {"depends="},
		"build/wrong.ko":                       {"depends="},
	} {
		put(t, filepath.Join(dir, file), madeModule(info...))
	}
	put(t, dir+"/modules.builtin", "kernel/drivers/virtio/virtio-pci.ko\n")
	put(t, dir+"/modules.builtin.modinfo", "unix.alias=net-pf-1\x00unix.file=net/unix/unix\x00")
}

func TestModulesComeBehindWhatTheyNeed(t *testing.T) {
	dir := t.TempDir()
	generic(t, dir)
	for _, c := range []struct{ want, files, err string }{
		{"ext4", "crc32c_generic.ko jbd2.ko mbcache.ko crc16.ko ext4.ko", ""},
		{"mbcache ext4 mbcache", "mbcache.ko crc32c_generic.ko jbd2.ko crc16.ko ext4.ko", ""},
		{"fs-ext4?", "", ""}, // an alias that is not looked for: it is no algorithm's
		{"crc32c", "crc32c_generic.ko", ""},
		{"other_name", "crc32c-int.ko", ""},
		{"one_two", "three-four.ko other.ko one-two.ko", ""},
		{"one-two", "three-four.ko other.ko one-two.ko", ""},
		{"virtio_pci unix net-pf-1", "", ""},
		{"wrong? gone? broken? jbd2", "jbd2.ko", ""},
		{"round", "about.ko round.ko", ""},
		{"replaced", "replaced.ko", ""},
		{"gone", "", "the kernel module gone is neither in " + dir + " nor built into that kernel: take a kernel that has it"},
		// What a soft dependency could not find is still missed where it has to be there.
		{"hard", "", "the kernel module gone, which broken needs, is neither in "},
	} {
		files, err := collected(dir, strings.Fields(c.want)...)
		if c.err != "" {
			var missing *MissingModuleError
			if err == nil || !errors.As(err, &missing) || missing.Module != "gone" || missing.Folder != dir || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s: got %v, want %s", c.want, err, c.err)
			}
		} else if err != nil || files != c.files {
			t.Errorf("%s: got %q, %v, want %q", c.want, files, err, c.files)
		}
	}
	must(t, os.Remove(dir+"/modules.builtin"))
	must(t, os.Remove(dir+"/modules.builtin.modinfo"))
	if _, err := collected(dir, "virtio_pci"); err == nil || !strings.Contains(err.Error(), "is not in "+dir+", where no modules.builtin says that") {
		t.Errorf("got %v", err)
	}
}

func TestDepmodsListsComeFirst(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/a.ko", madeModule("depends=wrong", "softdep=pre: wrong"))
	put(t, dir+"/sub/b-b.ko", madeModule("depends="))
	put(t, dir+"/elsewhere/c.ko", madeModule("depends="))
	for _, name := range []string{"soft", "other", "fast", "slow_generic"} {
		put(t, dir+"/"+name+".ko", madeModule("depends="))
	}
	put(t, dir+"/modules.dep", "a.ko: sub/b-b.ko "+dir+"/elsewhere/c.ko\nsub/b-b.ko: "+dir+"/elsewhere/c.ko\n"+dir+"/elsewhere/c.ko:\nsoft.ko:\nother.ko:\nfast.ko:\nslow_generic.ko:\nlost.ko:\n")
	put(t, dir+"/modules.softdep", "# a comment\nsoftdep b_b pre: by-alias\n")
	put(t, dir+"/modules.alias", "alias by_alias soft\nalias by_alias other\nalias algorithm fast\nalias algorithm slow_generic\nalias pci:v* soft\n")
	if files, err := collected(dir, "a", "lost?"); err != nil || files != "c.ko soft.ko other.ko b-b.ko a.ko" {
		t.Errorf("got %q, %v", files, err)
	}
	if files, err := collected(dir, "algorithm"); err != nil || files != "slow_generic.ko" {
		t.Errorf("got %q, %v", files, err)
	}
	var missing *MissingModuleError
	if _, err := collected(dir, "lost"); !errors.As(err, &missing) {
		t.Errorf("a file that is not there: got %v", err)
	}
}

func TestPackedModulesComeOutUnpacked(t *testing.T) {
	dir := t.TempDir()
	module := madeModule("depends=b", "filler="+strings.Repeat("x", 100_000))
	put(t, dir+"/kernel/a.ko.xz", packed(t, module, "xz", "--check=crc32"))
	put(t, dir+"/kernel/b.ko.zst", packed(t, madeModule("depends=c"), "zstd"))
	put(t, dir+"/kernel/c.ko.gz", packed(t, madeModule("depends="), "gzip"))
	put(t, dir+"/kernel/damaged.ko.xz", packed(t, module, "xz")[:200])
	if files, err := collected(dir, "a"); err != nil || files != "c.ko b.ko a.ko" {
		t.Fatalf("got %q, %v", files, err)
	}
	found, err := Modules(context.Background(), dir, wants("a"))
	must(t, err)
	a := found[2]
	r, err := a.Open()
	must(t, err)
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != module || a.Size != int64(len(module)) || a.Path != dir+"/kernel/a.ko.xz" || a.Name != "a" {
		t.Errorf("got %d bytes, %v; %+v", len(got), err, a)
	}
	if _, err := collected(dir, "damaged"); err == nil || !strings.HasPrefix(err.Error(), dir+"/kernel/damaged.ko.xz: ") {
		t.Errorf("got %v", err)
	}
}

func TestAModuleThatIsTooLargeIsRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/kernel/plain.ko", "")
	must(t, os.Truncate(dir+"/kernel/plain.ko", maxModule+1))
	put(t, dir+"/kernel/packed.ko.zst", judge.Must(t, "zstd", "-q", "-c", dir+"/kernel/plain.ko"))
	for _, name := range []string{"plain", "packed"} {
		if _, err := collected(dir, name); err == nil || !strings.Contains(err.Error(), dir+"/kernel/"+name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheFolderOfTheModulesIsFound(t *testing.T) {
	for in, want := range map[string]string{
		".": "a.ko", "lib/modules/6.1": "a.ko", "usr/lib/modules/6.1": "a.ko", "6.1": "a.ko",
		"several/6.1 several/6.2":                         "has the modules of several kernels, 6.1 6.2: name the folder of one",
		"lib/modules/6.1/sub/.. x/lib/modules/6.2/kernel": "a.ko", // what lies deeper is not looked at
		"elsewhere/deep/6.1":                              "holds no kernel modules",
	} {
		dir := t.TempDir()
		for i, p := range strings.Fields(in) {
			put(t, filepath.Join(dir, p, "kernel/"+string(rune('a'+i))+".ko"), madeModule("depends="))
		}
		at := dir
		if strings.HasPrefix(in, "several") {
			at = dir + "/several"
		}
		files, err := collected(at, "a")
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && files != want {
			t.Errorf("%s: got %q, %v", in, files, err)
		}
	}
}

// TestModulesAreThoseOfModprobe: with depmod's lists and without, the modules of
// a real kernel are those that modprobe loads, none before what it needs.
func TestModulesAreThoseOfModprobe(t *testing.T) {
	path, modules := installedKernel(t)
	k, err := Find(Where{Kernel: path, Modules: modules})
	must(t, err)
	base := t.TempDir()
	must(t, os.CopyFS(filepath.Join(base, "lib/modules", k.Version), os.DirFS(k.Folder)))
	judge.Must(t, "depmod", "-b", base, k.Version)
	without, err := k.Modules(context.Background(), k.Needed(true))
	must(t, err)
	with, err := Modules(context.Background(), base, k.Needed(true))
	must(t, err)
	for _, found := range [][]Module{without, with} {
		position := map[string]int{}
		for i, m := range found {
			position[m.Name] = i
		}
		if len(found) < 5 || len(position) != len(found) {
			t.Errorf("the modules are %v", position)
		}
		loaded := map[string]bool{}
		for _, want := range k.Needed(true) {
			// A line is "insmod FILE " or "builtin NAME"; what is wanted comes last.
			var names []string
			for line := range strings.Lines(judge.Must(t, "modprobe", "-d", base, "-S", k.Version, "--show-depends", want.Name)) {
				if file, ok := strings.CutPrefix(strings.TrimSpace(line), "insmod "); ok {
					name, _, _ := fileName(file)
					if i := strings.LastIndexByte(name, '_'); i > 0 && name[i:] != "_generic" && position[name[:i]+"_generic"] > 0 {
						continue // one of several that offer the same algorithm
					}
					names = append(names, name)
					loaded[name] = true
				}
			}
			for _, name := range names {
				at, ok := position[name]
				if !ok || at > position[names[len(names)-1]] {
					t.Errorf("modprobe loads %s for %s, and here it is at place %d of %v", name, want.Name, at, position)
				}
			}
		}
		if len(loaded) != len(found) {
			t.Errorf("modprobe loads %d modules, and here there are %v", len(loaded), position)
		}
	}
}

func TestTheEndOfTheContextEndsTheSearch(t *testing.T) {
	dir := t.TempDir()
	generic(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Modules(ctx, dir, wants("ext4")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
