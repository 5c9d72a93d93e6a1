package isocmp

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// makeISO makes an image.
func makeISO(t testing.TB, dir string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.iso")
	base := []string{"-quiet", "-o", path}
	cmd := exec.Command(judge.Tool(t, "genisoimage"), append(append(base, args...), dir)...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("genisoimage %v: %v\n%s", args, err, out)
	}
	return path
}

func rock(t testing.TB, dir string) string { return makeISO(t, dir, "-R", "-J") }

// clock are fields that follow the clock of the machine whatever a test does:
// genisoimage has no option for them.
func clock(f report.Finding) bool {
	switch f.Field {
	case "creation_date", "modification_date", "effective_date", "TF.access", "TF.attributes":
		return f.Cause == report.Time
	}
	return f.Structure == "mkisofs version"
}

func withoutClock(fs []report.Finding) []report.Finding {
	var out []report.Finding
	for _, f := range fs {
		// genisoimage makes the boot catalog, at the time of the build.
		if catalog := f.Field == "date" && f.File == "/BOOT.CAT"; !clock(f) && !catalog {
			out = append(out, f)
		}
	}
	return out
}

func TestISOTwoBuildsWithDefaultsDifferInTheirTimesOnly(t *testing.T) {
	dir := comparetest.SampleTree(t)
	a := rock(t, dir)
	time.Sleep(1100 * time.Millisecond) // the format's times have seconds
	fs := comparetest.Files(t, Compare, a, rock(t, dir))
	if rest := withoutClock(fs); len(rest) > 0 {
		t.Errorf("findings:\n%s", comparetest.Show(rest))
	}
	for _, name := range []string{"creation_date", "modification_date", "effective_date"} {
		if f := comparetest.Find(t, fs, "p0/iso9660/primary-volume-descriptor/"+name); f.Derived || f.Bytes == 0 || f.Cause != report.Time {
			t.Errorf("%+v", f)
		}
		if f := comparetest.Find(t, fs, "p0/iso9660/supplementary-volume-descriptor/"+name); !f.Derived {
			t.Errorf("%+v", f)
		}
	}
}

func TestISOOneChangeIsOneRoot(t *testing.T) {
	changes := []struct {
		name string
		do   func(t *testing.T, dir string)
		want string // the id of the only root
	}{
		{"mtime", comparetest.Chtimes(1600000027), "p0/iso9660/directory-record/date:/etc/text.conf"},
		{"mode", func(t *testing.T, dir string) {
			comparetest.Edit(t, dir, "etc/text.conf", func(p string) error { return os.Chmod(p, 0o600) })
		}, "p0/iso9660/directory-record/PX.mode:/etc/text.conf"},
		{"owner", func(t *testing.T, dir string) {
			judge.Root(t)
			comparetest.Edit(t, dir, "etc/text.conf", func(p string) error { return os.Chown(p, 1000, -1) })
		}, "p0/iso9660/directory-record/PX.uid:/etc/text.conf"},
		{"text", comparetest.Write("etc/text.conf", strings.Repeat("a line of text\n", 99)+"another line\n"), "p0/iso9660/data/content:/etc/text.conf"},
		{"longer text", comparetest.Write("etc/text.conf", strings.Repeat("a line of text\n", 1000)), "p0/iso9660/data/content:/etc/text.conf"},
		{"hard link", comparetest.Write("etc/small", "other\n"), "p0/iso9660/data/content:/etc/hard"},
		{"binary", comparetest.Noisy, "p0/iso9660/data/content:/usr/lib/binary.so"},
		{"added", comparetest.Write("etc/added", "new\n"), "p0/iso9660/directory/entry:/etc/added"},
		{"added folder", func(t *testing.T, dir string) {
			comparetest.Must(t, os.MkdirAll(filepath.Join(dir, "var/log"), 0o755))
			comparetest.Write("var/log/x", "y\n")(t, dir)
		}, "p0/iso9660/directory/entry:/var"},
		{"target", func(t *testing.T, dir string) {
			comparetest.Edit(t, dir, "etc/link", func(p string) error {
				comparetest.Must(t, os.Remove(p))
				return os.Symlink("../usr/bin", p)
			})
		}, "p0/iso9660/directory-record/target:/etc/link"},
		{"longer target", func(t *testing.T, dir string) {
			comparetest.Edit(t, dir, "etc/link", func(p string) error {
				comparetest.Must(t, os.Remove(p))
				return os.Symlink("../usr/share/lib", p)
			})
		}, "p0/iso9660/directory-record/target:/etc/link"},
	}
	for _, ch := range changes {
		t.Run(ch.name, func(t *testing.T) {
			dir := comparetest.SampleTree(t)
			a := rock(t, dir)
			ch.do(t, dir)
			fs := comparetest.Files(t, Compare, a, rock(t, dir))
			comparetest.WantRoots(t, withoutClock(fs), ch.want)
		})
	}
}

func TestISOLabelIsOneRoot(t *testing.T) {
	dir := comparetest.SampleTree(t)
	fs := comparetest.Files(t, Compare, makeISO(t, dir, "-J", "-V", "ONE"), makeISO(t, dir, "-J", "-V", "TWO"))
	comparetest.WantRoots(t, withoutClock(fs), "p0/iso9660/primary-volume-descriptor/volume_id")
	if f := comparetest.Find(t, fs, "p0/iso9660/supplementary-volume-descriptor/volume_id"); f.A != "ONE" || f.B != "TWO" {
		t.Errorf("%+v", f)
	}
}

func TestISOAnotherOrderIsPlacement(t *testing.T) {
	dir := comparetest.SampleTree(t)
	a := rock(t, dir)
	sorted := filepath.Join(t.TempDir(), "sort")
	comparetest.Must(t, os.WriteFile(sorted, []byte(dir+"/usr/lib/other.so 100\n"), 0o644))
	fs := comparetest.Files(t, Compare, a, makeISO(t, dir, "-R", "-J", "-sort", sorted))
	comparetest.WantRoots(t, withoutClock(fs), "p0/iso9660/data/placement")
}

func TestISOPlainNamesAndBootCatalog(t *testing.T) {
	dir := comparetest.SampleTree(t)
	comparetest.Must(t, os.WriteFile(filepath.Join(dir, "boot.img"), comparetest.Noise(3, 4096), 0o644))
	comparetest.SetTimes(t, dir, "1600000000")
	a := makeISO(t, dir, "-b", "boot.img", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4")
	fs := comparetest.Files(t, Compare, a, makeISO(t, dir, "-b", "boot.img", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "8"))
	comparetest.WantRoots(t, withoutClock(fs), "p0/iso9660/boot-catalog/initial.sector_count")
	comparetest.Write("etc/text.conf", "other\n")(t, dir)
	fs = comparetest.Files(t, Compare, a, makeISO(t, dir, "-b", "boot.img", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4"))
	comparetest.WantRoots(t, withoutClock(fs), "p0/iso9660/data/content:/ETC/TEXT.CON")
}
