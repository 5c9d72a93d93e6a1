package verify

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/sandbox"
	"github.com/reprodisk/reprodisk/verify/world"
)

// isolated skips a test where the machine allows no sandbox with everything in
// it; in CI that is a failure.
func isolated(t *testing.T) {
	t.Helper()
	w := world.Pinned(world.DefaultStart)
	cannot := sandbox.Can(sandbox.Isolated, &w)
	if len(cannot) == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("no sandbox here: %s", reasons(cannot))
	}
	t.Skipf("no sandbox here: %s", reasons(cannot))
}

// inFolder makes a working folder with files, by name.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// leaky writes one file for each thing that a build may take from its
// surroundings, named after the variation that has to be found for it. What
// follows a race could be the same twice by chance, were there not the
// nanoseconds that the kernel has counted, proc(5).
const leaky = `set -e
mkdir "$out"; cd "$out"
date -u +%s                          > time
date -d @1600000000 '+%Z %H:%M'      > timezone
locale charmap                       > locale
env | grep CAPTURE                   > environment || true
echo "$PATH"                         > exec_path
echo "$HOME"                         > home
echo "$out"                          > build_path
id -u                                > user_group
umask                                > umask
uname -n                             > domain_host
ls -U "$OLDPWD/many"                 > fileordering
nproc                                > num_cpus
sed -n 's/ .*stack.*//p' /proc/self/maps > aslr
uname -r                             > kernel
od -An -N8 -tx1 /dev/urandom         > random
echo $$                              > pid
grep MemTotal /proc/meminfo          > memory
stat -f -c %T "$TMPDIR"              > filesystem
stat -c %i "$TMPDIR"                 > inodes
stat -c '%Y %X' "$OLDPWD/many/1"     > input_times
i=0; sleep 0.02 & while kill -0 $! 2>/dev/null; do i=$((i+1)); done; echo $i $(cat /proc/self/schedstat) > race
echo always                          > nothing
"$OLDPWD/static" "$OLDPWD/many"
`

// static is a program that no preloaded library reaches. Its leaks bear the
// names of the variations, too.
const static = `package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	put := func(name string, v ...any) { os.WriteFile("static-"+name, []byte(fmt.Sprintln(v...)), 0o666) }
	put("time", time.Now().UTC())
	seed := make([]byte, 8)
	rand.Read(seed)
	put("random", seed)
	d, _ := os.Open(os.Args[1])
	names, _ := d.Readdirnames(-1)
	put("fileordering", strings.Join(names, " "))
	put("num_cpus", runtime.NumCPU())
	var u syscall.Utsname
	syscall.Uname(&u)
	put("kernel", u.Release)
	put("pid", os.Getpid())
	put("user_group", os.Getuid())
	put("home", os.Getenv("HOME"))
}
`

func many() map[string]string {
	files := map[string]string{}
	for _, name := range strings.Fields("1 2 3 4 5 6 7 8 9 zebra apple") {
		files["many/"+name] = name
	}
	return files
}

// TestEveryPlantedLeakIsCaughtAndAttributed in the real sandbox.
func TestEveryPlantedLeakIsCaughtAndAttributed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds several dozen times")
	}
	isolated(t)
	private(t)
	files := many()
	files["leaky.sh"], files["main.go"] = leaky, static
	inFolder(t, files)
	compile := exec.Command("go", "build", "-o", "static", "main.go")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0", "GO111MODULE=off", "GOFLAGS=")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	res, err := Command(context.Background(), []string{"sh", "leaky.sh"}, Options{Vary: []string{"all"}, Attribute: true, MaxBuilds: 120})
	if err != nil {
		t.Fatal(err)
	}
	found, notes := map[string]string{}, map[string]string{}
	for _, f := range res.Report.Findings {
		found[strings.TrimPrefix(f.File, "/")], notes[strings.TrimPrefix(f.File, "/")] = f.Variation, f.Note
	}
	made := map[string]bool{}
	for _, v := range res.Report.Verification.Variations {
		made[v.Name] = v.Varied
	}
	for line := range strings.Lines(leaky + "> static-time\n> static-random\n> static-fileordering\n> static-num_cpus\n> static-kernel\n> static-pid\n> static-user_group\n> static-home\n") {
		_, name, ok := strings.Cut(line, "> ")
		name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
		want := strings.TrimPrefix(name, "static-")
		if !ok || strings.Contains(want, "/") {
			continue
		}
		got, differs := found[name]
		switch {
		case want == "nothing":
			if differs {
				t.Errorf("what is always the same follows %q", got)
			}
		case want != "race" && !made[want]:
			t.Logf("%s is not varied here", want)
		case !differs:
			t.Errorf("%s is not caught", name)
		case want == "inodes" && got == "filesystem, inodes": // which numbers its files by itself
		case got != want:
			t.Errorf("%s follows %q; %s", name, got, notes[name])
		}
	}
	t.Logf("%d builds", res.Report.Verification.Builds)
}

// TestACleanBuilderPasses everything that can be varied.
func TestACleanBuilderPasses(t *testing.T) {
	isolated(t)
	private(t)
	inFolder(t, many())
	mke2fs := judge.Tool(t, "mkfs.ext4")
	script := `set -e; export LC_ALL=C.UTF-8 TZ=UTC E2FSPROGS_FAKE_TIME=1600000000; umask 022
cp -r many $TMPDIR/tree; find $TMPDIR/tree -exec touch -d @1600000000 {} +
truncate -s 8M $out
` + mke2fs + ` -q -U 12345678-1234-1234-1234-123456789abc -E hash_seed=12345678-1234-1234-1234-123456789abc,root_owner=0:0 $out
sha256sum many/*; tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1600000000 -cf - many | dd of=$out bs=1k seek=7000 conv=notrunc status=none`
	res, err := Command(context.Background(), []string{"sh", "-c", script}, Options{Vary: []string{"all"}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Report.Verdict != report.Reproducible {
		for _, f := range res.Report.Findings {
			t.Errorf("%s: %s → %s", f.ID, f.A, f.B)
		}
	}
}
