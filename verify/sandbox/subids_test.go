package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/world"
)

// TestOwners is run as a user with ranges of ids, by the test below.
func TestOwners(t *testing.T) {
	if os.Getenv("SANDBOX_TEST_OWNERS") == "" {
		t.Skip("is run by others")
	}
	for _, f := range []world.Filesystem{world.FilesystemTmpfs, world.FilesystemDisk} {
		dir := t.TempDir()
		r := Request{OutDir: dir}
		r.World.Filesystem = f
		if got := says(t, r, `id -u; touch f; stat -c %u f`); got != "65534\n65534" {
			t.Errorf("on %s the user is %q", f, got)
		}
		r.World.User = world.User{Set: true, Name: "root", Group: "root"}
		r.OutDir = t.TempDir()
		res, said, err := shell(t, r, `touch f; chown 1000:1000 f; stat -c %u:%g f; mkdir d; echo x >d/x; chown -R 7 d; chmod 0 d; echo x >"$out"; chown 33 "$out"`)
		if err != nil || said != "1000:1000" || res.Out == "" {
			t.Fatalf("on %s: %+v %s %v", f, res, said, err)
		}
		if fi, err := os.Stat(res.Out); err != nil || fi.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
			t.Errorf("on %s the output is not the caller's: %v %v", f, fi, err)
		}
		if left, _ := os.ReadDir(r.OutDir); len(left) != 1 {
			t.Errorf("on %s is left %v", f, left)
		}
		r.OutDir, r.Limits.Wall = t.TempDir(), 500e6
		if res, _, err = shell(t, r, `mkdir d; echo x >d/x; chown -R 7 d; chmod 0 d; sleep 7777.5`); err != nil || res.Why == "" {
			t.Fatalf("on %s: %+v %v", f, res, err)
		}
		if left, _ := os.ReadDir(r.OutDir); len(left) != 0 {
			t.Errorf("on %s is left after a timeout %v", f, left)
		}
	}
}

func TestRangesOfIDs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give ranges of ids to somebody")
	}
	judge.Tool(t, "newuidmap")
	dir, err := os.MkdirTemp("/var/tmp", "sandbox-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, sub, tmp := filepath.Join(dir, "sandbox.test"), filepath.Join(dir, "sub"), filepath.Join(dir, "tmp")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o755)
	for name, b := range map[string][]byte{program: self, sub: []byte("nobody:200000:65536\n")} {
		if err := os.WriteFile(name, b, 0o755); err != nil {
			t.Fatal(err)
		}
		os.Chmod(name, 0o755) // whatever the umask
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	os.Chown(tmp, 65534, 65534)
	cmd := exec.Command("unshare", "-m", "sh", "-c", `touch /etc/subuid /etc/subgid && mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`,
		sub, program, "-test.run", "^TestOwners$", "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=" + tmp, "SANDBOX_TEST_OWNERS=1"}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestOwners") {
		t.Errorf("%v\n%s", err, out)
	}
}

func FuzzParseSubIDs(f *testing.F) {
	f.Add("root:100000:65536\nnobody:4294967294:9\n1000:1:1\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, e := range parseSubIDs(s, "nobody", "1000") {
			if e.start <= 0 || e.size <= 0 || e.start+e.size-1 > maxIDs {
				t.Errorf("%+v", e)
			}
		}
	})
}

func FuzzParseIDMap(f *testing.F) {
	f.Add("         0          0 4294967295\n", 4242)
	f.Add("0 1000 1\n1 100000 65536\n", 0)
	f.Fuzz(func(t *testing.T, s string, id int) {
		es := parseIDMap(s)
		if id < 0 || id > maxIDs || len(es) == 0 {
			return
		}
		// Each id is in the map once at most, on either side.
		inside := map[int]bool{}
		for _, m := range swap(es, id, es[0].start) {
			if m.Size <= 0 || inside[m.ContainerID] {
				t.Errorf("%+v twice or empty, from %q", m, s)
			}
			inside[m.ContainerID] = true
		}
	})
}

func FuzzWithEntry(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\n::::\n\n+::::::\n", "alice")
	f.Fuzz(func(t *testing.T, file, name string) {
		nameOf(file, 7, "build")
		if strings.ContainsAny(name, ":\n") || name == "" {
			return
		}
		got := withEntry(file, name, 2, []string{name, "x", "7", "7", "", "/", "/bin/sh"})
		if !strings.HasPrefix(got, name+":x:7:7::/:/bin/sh\n") {
			t.Errorf("%q", got)
		}
	})
}

func FuzzFirstProcessors(f *testing.F) {
	f.Add("processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n\n", "cpu  1 2\ncpu0 1\ncpu1 1\nintr 5\n", 1)
	f.Fuzz(func(t *testing.T, info, stat string, n int) {
		if n < 1 || n > 1000 {
			return
		}
		if got := strings.Count("\n"+firstProcessors(info, n), "\nprocessor\t: "); got < n {
			t.Errorf("%d processors of %d", got, n)
		}
		firstStat(stat, n)
	})
}
