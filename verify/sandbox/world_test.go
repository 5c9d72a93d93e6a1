package sandbox

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

// whole is a world in which every part is chosen.
func whole() world.World {
	umask := uint32(0o027)
	return world.World{
		Clock:        world.Clock{Mode: world.ClockFrozen, Start: time.Unix(1_700_000_000, 0)},
		Timezone:     "Asia/Tokyo",
		Locale:       world.Locale{Lang: "C.UTF-8"},
		Environment:  []string{"ODD=a b"},
		ExecPath:     []string{"/no/such/bin"},
		Home:         "/nonexistent/home",
		BuildPath:    "/some/where/else",
		User:         world.User{Set: true, Name: "alice", Group: "staff2", UID: 4242, GID: 99},
		Umask:        &umask,
		Host:         world.Host{Name: "elsewhere", Domain: "example.org"},
		FileOrdering: world.Ordering{Mode: world.OrderReversed},
		CPUs:         1,
		ASLR:         world.ASLROff,
		Kernel:       world.Kernel{Release: "5.4.0-1-amd64", Version: "#7 SMP"},
		Random:       world.Random{Seed: "7"},
		PID:          5000,
		Memory:       512 << 20,
		Filesystem:   world.FilesystemTmpfs,
		Inodes:       world.Inodes{Skip: 1000},
		InputTimes:   world.InputTimes{Mode: world.InputTimesMtime},
		Load:         1,
	}
}

// asks are shell commands and what they say in that world, by its parts.
var asks = []struct {
	name      world.Name
	ask, want string
}{
	{world.Time, `date +%s`, "1700000000"},
	{world.Time, `touch f; stat -c %Y f`, "1700000000"},
	{world.Timezone, `date +%z`, "+0900"},
	{world.LocaleName, `locale charmap`, "UTF-8"},
	{world.Environment, `echo "$ODD"`, "a b"},
	{world.ExecPath, `echo "${PATH##*:}"`, "/no/such/bin"},
	{world.Home, `cd; pwd; ls -A`, "/nonexistent/home"},
	{world.BuildPath, `pwd; echo $out $TMPDIR`, "/some/where/else\n/some/where/else/out /some/where/else/tmp"},
	{world.UserGroup, `id -un; id -u; id -gn; id -g; echo $USER; stat -c %U:%u:%G .`, "alice\n4242\nstaff2\n99\nalice\nalice:4242:staff2"},
	{world.Umask, `umask`, "0027"},
	{world.DomainHost, `uname -n; cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname`, "elsewhere\nelsewhere\nexample.org"},
	{world.FileOrdering, `mkdir d; touch d/a d/b d/c; ls -U d`, "c\nb\na"},
	{world.NumCPUs, `nproc; getconf _NPROCESSORS_ONLN; grep -c ^processor /proc/cpuinfo; grep -c '^cpu[0-9]' /proc/stat`, "1\n1\n1\n1"},
	{world.ASLRName, `grep -h stack /proc/self/maps | cut -c1-12`, "7ffffffde000"},
	{world.KernelName, `uname -r; uname -v; cat /proc/sys/kernel/osrelease`, "5.4.0-1-amd64\n#7 SMP\n5.4.0-1-amd64"},
	{world.PID, `echo $$; sh -c 'echo $$'; sh -c 'echo $$'`, "5000\n5001\n5002"},
	{world.Memory, `awk '/MemTotal/{print $2}' /proc/meminfo; getconf _PHYS_PAGES`, "524288\n131072"},
	{world.FilesystemOf, `stat -f -c %T .`, "tmpfs"},
}

func TestEveryPartOfAWorldIsMade(t *testing.T) {
	if testing.Short() {
		t.Skip("many sandboxes, one after the other, whose goroutines are those of one")
	}
	w := whole()
	if why := Can(Isolated, &w); len(why) > 0 {
		t.Fatalf("isolated cannot make: %v", why)
	}
	r := Request{World: w}
	for _, a := range asks {
		if got := says(t, r, a.ask); got != a.want {
			t.Errorf("%s: %s says\n%s\nwant\n%s", a.name, a.ask, got, a.want)
		}
	}
	res, _, err := shell(t, r, "true")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(res.Applied, world.Names()) || len(res.NotApplied) > 0 {
		t.Errorf("applied %v, not applied %v", res.Applied, res.NotApplied)
	}
}

// Two runs in one pinned world are one, to the byte.
func TestAPinnedWorldIsTheSameTwice(t *testing.T) {
	script := `cat /dev/urandom | head -c8 | od -An -tx1; mktemp -u; cat /etc/machine-id /proc/sys/kernel/random/boot_id
stat -c '%i %y' "$TMPDIR" .; awk 'BEGIN{srand(); print rand()}'; cat /proc/self/stat | cut -d' ' -f1; env | grep -v "^_="; id; ls -laU . /tmp`
	r := Request{World: whole(), Env: []string{"PATH=/usr/bin:/bin"}}
	a, b := says(t, r, script), says(t, r, script)
	if a != b {
		t.Errorf("two runs of a pinned world say\n%s\nand\n%s", a, b)
	}
}

func TestSupervisedSaysWhatItLeavesOut(t *testing.T) {
	r := Request{Level: Supervised, World: whole()}
	res, said, err := shell(t, r, `date +%s; uname -nr; umask; echo hello >"$out"`)
	if err != nil {
		t.Fatal(err)
	}
	if said != "1700000000\nelsewhere 5.4.0-1-amd64\n0027" || res.Out == "" {
		t.Errorf("said %q, %+v", said, res)
	}
	for _, n := range []world.Name{world.BuildPath, world.Home, world.UserGroup, world.PID, world.FilesystemOf} {
		if res.NotApplied[n] == "" || slices.Contains(res.Applied, n) {
			t.Errorf("%s: is not said to be left out", n)
		}
	}
	if len(res.Applied)+len(res.NotApplied) != len(world.Names()) {
		t.Errorf("applied %v, not applied %v", res.Applied, res.NotApplied)
	}
}

// What cannot be made is not made by halves.
func TestWhatCannotBeMadeIsLeftAlone(t *testing.T) {
	var r Request
	r.World.CPUs, r.World.Locale.LCAll = 4000, "xx_XX.UTF-8"
	res, said, err := shell(t, r, `grep -c ^processor /proc/cpuinfo; echo "$LC_ALL"`)
	if err != nil || res.NotApplied[world.NumCPUs] == "" || res.NotApplied[world.LocaleName] == "" || len(res.Applied) > 0 {
		t.Fatalf("%+v %v", res, err)
	}
	if strings.HasPrefix(said, "4000") || strings.Contains(said, "xx_XX") {
		t.Errorf("said %q", said)
	}
}

func TestDiskHoldsTheBuildFolder(t *testing.T) {
	dir := t.TempDir()
	r := Request{OutDir: dir}
	r.World.Filesystem = world.FilesystemDisk
	res, said, err := shell(t, r, `stat -f -c %T . ; mkdir -p x/y; chmod 0 x; truncate -s 1T "$out"; printf x | dd of="$out" seek=500G oflag=seek_bytes conv=notrunc status=none`)
	if err != nil || !res.Succeeded() || said == "tmpfs" {
		t.Fatalf("%+v, said %q, %v", res, said, err)
	}
	if fi, err := os.Stat(res.Out); err != nil || fi.Size() != 1<<40 {
		t.Errorf("the output is %v, %v", fi, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

func TestWorkingFolder(t *testing.T) {
	dir := t.TempDir() // below /tmp
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("#!/bin/sh\necho ran in \"$PWD\"; cat script | wc -l; touch x\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Dir: dir}
	res, said, err := shell(t, r, "./script")
	if err != nil || res.ExitCode == 0 || !strings.HasPrefix(said, "ran in "+real+"\n2\n") || !strings.Contains(said, "Read-only file system") {
		t.Errorf("%+v said %q, %v", res, said, err)
	}
	r.Overlay = true
	if got := says(t, r, "./script && rm script && ls"); !strings.HasSuffix(got, "\nx") {
		t.Errorf("over a layer it said %q", got)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 || names[0].Name() != "script" {
		t.Errorf("the working folder holds %v", names)
	}
}

func TestOnlyInputsAreVisible(t *testing.T) {
	secret, given := t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(given, "f"), []byte("given\n"), 0o644)
	r := Request{Inputs: []string{SystemInput, given}}
	busybox, err := filepath.EvalSymlinks(judge.Tool(t, "busybox")) // static
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	only := Request{Inputs: []string{busybox}, Path: busybox, OutDir: t.TempDir(), Stdout: &said, Stderr: &said}
	only.Args = []string{"sh", "-c", busybox + " ls /; " + busybox + " ls " + filepath.Dir(busybox) + "; echo x >$out"}
	res, err := Run(t.Context(), only)
	if err != nil || res.Out == "" || strings.Contains(said.String(), "home\n") || strings.Contains(said.String(), "ls\n") {
		t.Errorf("with busybox alone: %+v %s %v", res, &said, err)
	}
	if got := says(t, r, "cat "+given+"/f; ls -d "+secret+" /home /root /srv /boot 2>/dev/null; true"); got != "given" {
		t.Errorf("visible: %q", got)
	}
}
