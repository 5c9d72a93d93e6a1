package initramfs

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// compiled is a C program or library.
func compiled(t *testing.T, path, source string, flags ...string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	c := filepath.Join(t.TempDir(), "source.c")
	must(t, os.WriteFile(c, []byte(source), 0o600))
	judge.Must(t, "gcc", append([]string{"-o", path, c}, flags...)...)
}

func names(entries []Entry) (names []string) {
	for _, e := range entries {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

// program needs the libraries outer, which alone knows where inner is, and libm.
const (
	inner   = `int inner(void) { return 42; }`
	outer   = `int inner(void); int outer(void) { return inner(); }`
	printer = `#include <stdio.h>
#include <math.h>
int outer(void);
int main(int n, char **v) { printf("%d %.0f\n", outer(), cbrt(26.0 + n)); return 0; }`
)

// TestAProgramRunsFromItsArchiveAlone unpacks archives and has the system run
// the programs there with nothing else around them.
func TestAProgramRunsFromItsArchiveAlone(t *testing.T) {
	judge.Root(t) // chroot
	for _, tags := range []string{"-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"} {
		t.Run(tags, func(t *testing.T) {
			dir := t.TempDir()
			compiled(t, dir+"/lib/private/libinner.so", inner, "-shared", "-fPIC")
			// One for another processor, which the loader passes over.
			wrong, err := os.ReadFile(dir + "/lib/private/libinner.so")
			must(t, err)
			wrong[18] = byte(elf.EM_AARCH64) // e_machine
			must(t, os.MkdirAll(dir+"/lib/wrong", 0o755))
			must(t, os.WriteFile(dir+"/lib/wrong/libinner.so", wrong, 0o600))
			compiled(t, dir+"/lib/libouter.so", outer, "-shared", "-fPIC", tags, "-L"+dir+"/lib/private", "-linner", "-Wl,-rpath,$ORIGIN/wrong:$ORIGIN/private")
			compiled(t, dir+"/bin/program", printer, tags, "-L"+dir+"/lib", "-L"+dir+"/lib/private", "-louter", "-lm", "-Wl,-rpath,$ORIGIN/../lib")
			must(t, os.Symlink("bin/program", dir+"/link"))
			entries, err := Program(dir+"/link", "/opt/app/bin/init")
			must(t, err)
			root := t.TempDir()
			if r := judge.RunInput(t, written(t, append(entries, Early()...)), "cpio", "-i", "--quiet", "-D", root); r.Status != 0 {
				t.Fatal(r.Stderr)
			}
			cmd := exec.Command("/opt/app/bin/init")
			cmd.Env, cmd.Dir, cmd.SysProcAttr = []string{}, "/", &syscall.SysProcAttr{Chroot: root}
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != "42 3\n" {
				t.Errorf("it says %q, %v", out, err)
			}
		})
	}
}

func TestAStaticProgramComesAlone(t *testing.T) {
	for _, flag := range []string{"-static", "-static-pie"} {
		path := filepath.Join(t.TempDir(), "program")
		compiled(t, path, `int main(void) { return 0; }`, flag)
		entries, err := Program(path, "init")
		must(t, err)
		if got := names(entries); !slices.Equal(got, []string{"/init"}) {
			t.Errorf("%s: %s", flag, got)
		}
	}
}

func TestProgramSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	compiled(t, dir+"/libinner.so", inner, "-shared", "-fPIC")
	compiled(t, dir+"/program", `int inner(void); int main(void) { return inner(); }`, "-L"+dir, "-linner")
	must(t, os.WriteFile(dir+"/script", []byte("#!/bin/sh\n"), 0o755))
	for path, want := range map[string]string{
		"program": "program needs the library libinner.so, which is in none of ",
		"script":  "script: is not an ELF program",
		"none":    "none: no such file or directory",
		".":       "is not a regular file",
	} {
		if _, err := Program(filepath.Join(dir, path), "/init"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}
