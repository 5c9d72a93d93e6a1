package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/sandbox/vm"
	"github.com/reprodisk/reprodisk/verify/world"
)

// inMachine is a request of level vm, where there is what it needs.
func inMachine(t *testing.T) Request {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a virtual machine")
	}
	judge.Tool(t, "qemu-system-x86_64")
	judge.File(t, "/usr/lib/qemu/virtiofsd")
	return Request{Level: VM, Machine: Machine{Kernel: judge.Given(t, judge.KernelVariable), Modules: judge.Given(t, judge.ModulesVariable), MemMiB: 768}}
}

// TestMachine: a build in a virtual machine is in the world that it was to be
// in, on a kernel of its own, sees the host's files and writes none.
func TestMachine(t *testing.T) {
	before := lookAtHost(t)
	r := inMachine(t)
	dir := t.TempDir() // below /tmp, which every sandbox has of its own
	if err := os.WriteFile(filepath.Join(dir, "source"), []byte("of the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Dir, r.OutDir = dir, t.TempDir()
	r.World.CPUs = 3
	r.World.Host.Name = "elsewhere"
	r.World.Clock = world.Clock{Mode: world.ClockFrozen, Start: time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)}
	r.World.FileOrdering.Mode = world.OrderReversed
	var stdout, stderr bytes.Buffer
	r.Stdout, r.Stderr = &stdout, &stderr
	r.Path, r.Args = "/bin/sh", []string{"sh", "-c", `set -e
		for f in /proc/sys/kernel/osrelease /proc/sys/kernel/hostname source; do read -r line <$f; echo "$line"; done
		nproc; date -u +%F
		mkdir "$out" "$out/folder"; cd "$out"
		for n in 1 2 3; do echo $n >folder/$n; done; ls -U folder
		ln -s folder/1 link; chmod +x folder/2; truncate -s 3M folder/holes; printf x >>folder/holes
		for f in /etc/passwd /usr/x "$OLDPWD/source" /x; do (echo x >>$f) 2>/dev/null && echo ESCAPED; done
		printf 'to the\000error' >&2`} // few programs: each takes an emulated machine long
	res, err := Run(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if !res.Succeeded() || res.Problem != "" || len(res.NotApplied) > 0 {
		t.Fatalf("%+v\n%s%s", res, &stdout, &stderr)
	}
	release, want, _ := strings.Cut(stdout.String(), "\n")
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil || release == unix.ByteSliceToString(uts.Release[:]) || release != res.Machine.Kernel.Release {
		t.Errorf("the build's kernel is %s, by the result %s, %v", release, res.Machine.Kernel.Release, err)
	}
	if want != "elsewhere\nof the host\n3\n2001-02-03\n3\n2\n1\n" {
		t.Errorf("it says %q", want)
	}
	if got := stderr.String(); got != "to the\x00error" {
		t.Errorf("to its error it writes %q", got)
	}
	for _, n := range []world.Name{world.NumCPUs, world.Time, world.FileOrdering, world.DomainHost} {
		if !slices.Contains(res.Applied, n) {
			t.Errorf("%s is not applied", n)
		}
	}
	if res.Machine.CPUs != 3 || res.Machine.Memory > 768<<20 {
		t.Errorf("the machine is %+v", res.Machine)
	}
	got, err := exec.Command("sh", "-c", `cd "$1" && find . -printf '%P %m %s %l\n' | sort && cat folder/1 && head -c 1 folder/holes | od -An -tx1`, "sh", res.Out).Output()
	if err != nil {
		t.Fatal(err)
	}
	// A folder's size is the host's filesystem's.
	lines := slices.DeleteFunc(strings.Split(string(got), "\n"), func(l string) bool { return strings.Contains(l, " 755 ") && !strings.HasPrefix(l, "folder/") })
	if s := strings.Join(lines, "\n"); s != "folder/1 644 2 \nfolder/2 755 2 \nfolder/3 644 2 \nfolder/holes 644 3145729 \nlink 777 8 folder/1\n1\n 00\n" {
		t.Errorf("the output is %q", s)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(res.Out, "folder/holes"), &st); err != nil || st.Blocks*512 > 1<<20 {
		t.Errorf("3 MiB of holes take %d bytes, %v", st.Blocks*512, err)
	}
	if left, _ := os.ReadDir(r.OutDir); len(left) != 1 {
		t.Errorf("in the output folder lies more than the output: %v", left)
	}
	if after := lookAtHost(t); after != before {
		t.Errorf("the host is another:\n%+v\n%+v", before, after)
	}
}

// TestMachineOfAUser: the caller has its own number in the guest, and no rights
// of root's; limits hold; and what the level isolated refuses of an output is
// refused.
func TestMachineOfAUser(t *testing.T) {
	r := inMachine(t)
	defer func(f func() (int, int, []int)) { caller = f }(caller)
	caller = func() (int, int, []int) { return 4321, 4322, []int{4323} }
	r.Limits.Processes, r.Limits.Memory = 200, 300<<20
	res, said, err := shell(t, r, `id -G; stat -c %u:%g "$TMPDIR" /etc; read x </etc/shadow && echo ESCAPED
		mkdir "$out"; mkfifo "$out/pipe"`)
	if err != nil || !res.Succeeded() || res.Out != "" || res.Problem != "pipe: is a fifo" || len(res.Limits) > 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if !strings.HasPrefix(said, "4322 ") || !strings.Contains(said, "\n4321:4322\n") || strings.Contains(said, "ESCAPED") {
		t.Errorf("it says %q", said)
	}
}

// TestCancelledMachine leaves nothing.
func TestCancelledMachine(t *testing.T) {
	before := lookAtHost(t)
	r := inMachine(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.Path, r.Args, r.OutDir = "/bin/sh", []string{"sh", "-c", "echo begun; exec sleep 1000"}, t.TempDir()
	r.Stdout = &onFirst{do: cancel}
	res, err := Run(ctx, r)
	if !errors.Is(err, context.Canceled) || res != nil {
		t.Errorf("%+v, %v", res, err)
	}
	if left, _ := os.ReadDir(r.OutDir); len(left) != 0 {
		t.Errorf("left in the output folder: %v", left)
	}
	// Children are waited for: a name that is there is one that still runs.
	children, err := os.ReadFile("/proc/thread-self/children")
	if pids := strings.Fields(string(children)); err != nil || len(pids) > 0 {
		t.Errorf("processes are left: %v, %v", pids, err)
	}
	if after := lookAtHost(t); after != before {
		t.Errorf("the host is another:\n%+v\n%+v", before, after)
	}
}

// onFirst does something when it is first written to.
type onFirst struct {
	once sync.Once
	do   func()
}

func (w *onFirst) Write(b []byte) (int, error) {
	w.once.Do(w.do)
	return len(b), nil
}

// TestMissingForMachine is one line that says what is missing.
func TestMissingForMachine(t *testing.T) {
	r := Request{Level: VM, Path: "/bin/true", Args: []string{"true"}, OutDir: t.TempDir(), Machine: Machine{Kernel: "/nowhere/vmlinuz"}}
	_, err := Run(t.Context(), r)
	if err == nil || !strings.HasPrefix(err.Error(), "sandbox vm: /nowhere/vmlinuz: ") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	r.Network = true
	if _, err := Run(t.Context(), r); err == nil || err.Error() != "sandbox vm: has no network; use isolated" {
		t.Error(err)
	}
}

// TestMachineProcessors: a virtual machine has more than the host.
func TestMachineProcessors(t *testing.T) {
	if no := Can(VM, &world.World{CPUs: 200}); len(no) > 0 {
		t.Error(no)
	}
	if no := Can(VM, &world.World{CPUs: MaxCPUs + 1}); no[world.NumCPUs] == "" {
		t.Error(no)
	}
}

// TestAnswers of a guest, which may say anything.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		reply string
		want  string // of the result's Why or the error
	}{
		"garbage":              {`{"result":`, "sandbox vm: the guest's reply: unexpected end of JSON input"},
		"an error":             {`{"error":"sandbox isolated: no\nway"}`, "sandbox vm: no way"},
		"nothing":              {`{}`, "sandbox vm: "},
		"no memory":            {`{"oom":true,"error":"ended"}`, outOfMachine(99)},
		"no memory for it":     {`{"oom":true,"result":{"Signal":"SIGKILL"}}`, outOfMachine(99)},
		"memory for the other": {`{"oom":true,"result":{"ExitCode":0}}`, ""},
		"a limit":              {`{"oom":true,"result":{"ExitCode":-1,"Why":"out of memory: more\u001b than 5 bytes"}}`, "out of memory: more  than 5 bytes"},
	} {
		res, err := answer(&vm.Result{Reply: []byte(c.reply), MemMiB: 99})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = res.Why
		}
		if got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
	whole, err := json.Marshal(machineReply{Result: &Result{Applied: []world.Name{world.Time}, NotApplied: map[world.Name]string{world.PID: "no"}, Duration: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := answer(&vm.Result{Reply: whole, Share: "9p"})
	if err != nil || res.NotApplied[world.PID] != "no" || res.Duration != time.Second || res.Applied[0] != world.Time || res.Machine.Share != "9p" {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestTakenTrees: whatever lies on a guest's disk, nothing comes out of it but
// what an output may be.
func TestTakenTrees(t *testing.T) {
	file := &tree.Inode{Mode: tree.Regular | 0o644, Content: text("")}
	folder := func(name string, children ...*tree.Node) *tree.Node {
		return &tree.Node{Name: name, Inode: &tree.Inode{Mode: tree.Directory}, Children: children}
	}
	deep := folder("deep")
	for range maxDepth + 1 {
		deep = folder("deep", deep)
	}
	content := func(s string) *tree.Inode {
		return &tree.Inode{Mode: tree.Regular | 0o644, Size: int64(len(s)), Content: text(s)}
	}
	link := func(target string) *tree.Inode { return &tree.Inode{Mode: tree.Symlink | 0o777, Target: target} }
	for want, n := range map[string]*tree.Node{
		"is a symbolic link; copy the image there":                             {Inode: link("a")},
		"l: is a symbolic link that leads out, to ../x; copy the file there":   folder("", &tree.Node{Name: "l", Inode: link("../x")}),
		"f/l: is a symbolic link that leads out, to /etc; copy the file there": folder("", folder("f", &tree.Node{Name: "l", Inode: link("/etc")})),
		"p: is a fifo":                         folder("", &tree.Node{Name: "p", Inode: &tree.Inode{Mode: tree.FIFO}}),
		"s: is a socket":                       folder("", &tree.Node{Name: "s", Inode: &tree.Inode{Mode: tree.Socket}}),
		"d: is a device":                       folder("", &tree.Node{Name: "d", Inode: &tree.Inode{Mode: tree.Block}}),
		"b: is another name of a; copy it":     folder("", &tree.Node{Name: "a", Inode: file}, &tree.Node{Name: "b", Inode: file}),
		`f: holds "../../x", which is no name`: folder("", folder("f", &tree.Node{Name: "../../x", Inode: file})),
		`holds "..", which is no name`:         folder("", folder("..")),
		strings.Repeat("deep/", maxDepth-1) + "deep: is more than 128 folders deep": deep,
		"b: has more in it than the disk that it lies on":                           folder("", &tree.Node{Name: "a", Inode: content("0123456")}, &tree.Node{Name: "b", Inode: content("789a")}),
		"": folder("", &tree.Node{Name: "a", Inode: file}, &tree.Node{Name: "l", Inode: link("a")}, folder("f", &tree.Node{Name: "l", Inode: link("../a")})),
	} {
		above := t.TempDir()
		dir := filepath.Join(above, "dir")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		out, problem, err := takeTree(t.Context(), n, dir, 10)
		if err != nil || problem != want || (out == "") != (want != "") {
			t.Errorf("%q, not %q, %v", problem, want, err)
		}
		if names, _ := filepath.Glob(above + "/*"); len(names) != 1 {
			t.Errorf("%q: above the output lies %v", want, names)
		}
		if names, _ := filepath.Glob(dir + "/*"); len(names) != map[bool]int{true: 1}[want == ""] {
			t.Errorf("%q: left is %v", want, names)
		}
	}
}

// text is the content of a file.
type text string

func (s text) Open() (tree.Reader, error) { return textReader{strings.NewReader(string(s))}, nil }

type textReader struct{ *strings.Reader }

func (textReader) Close() error { return nil }

// FuzzAnswer: whatever a guest answers, it is a result or an error, of lines
// that can be shown.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"result":{"ExitCode":0,"Applied":["time","no"],"NotApplied":{"pid":"no\nway","x":"y"},"Notes":["a\u001b"]},"ran":{"kernel":{"release":"6.1\n"}}}`,
		`{"error":"a\nb"}`, `{"result":null,"oom":true}`, `[]`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		res, err := answer(&vm.Result{Reply: reply})
		switch {
		case err != nil:
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
		case res == nil:
			t.Error("neither a result nor an error")
		case res.Machine != nil:
			for _, s := range append(append([]string{res.Why, res.Problem, res.Signal, res.Machine.Kernel.Release}, res.Notes...), res.Limits...) {
				if strings.ContainsFunc(s, isControl) {
					t.Errorf("%q", s)
				}
			}
			for n := range res.NotApplied {
				if !slices.Contains(world.Names(), n) {
					t.Errorf("there is no %q", n)
				}
			}
		}
	})
}
