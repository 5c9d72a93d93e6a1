package sandbox

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// TestWithin is what the tests below run inside of something: with
// SANDBOX_TEST_WITHIN set, a build at level isolated that says who and where it
// is, or why there is none.
func TestWithin(t *testing.T) {
	out := os.Getenv("SANDBOX_TEST_WITHIN")
	if out == "" {
		t.Skip("is run by others")
	}
	r := Request{OutDir: out}
	r.World.CPUs, r.World.Host.Name = 1, "within"
	res, said, err := shell(t, r, os.Getenv("SANDBOX_TEST_SCRIPT"))
	switch {
	case err != nil:
		os.Stdout.WriteString("REFUSED " + err.Error() + "\n")
	default:
		os.Stdout.WriteString("SAID " + strings.ReplaceAll(said, "\n", " ") + " " + res.Why + "\n")
	}
}

const saysWho = `id -u; uname -n; nproc; echo 2>/dev/null >/etc/passwd || echo refused; echo ok >"$out"`

// runWithin runs TestWithin by a shell script that gets its command line as "$@".
func runWithin(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script, "sh", "/proc/self/exe", "-test.run", "^TestWithin$")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[4] = self
	cmd.Env = append(os.Environ(), "SANDBOX_TEST_WITHIN="+t.TempDir(), "SANDBOX_TEST_SCRIPT="+saysWho, "SANDBOX_TEST_ROOT="+t.TempDir())
	b, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "REFUSED ") || strings.HasPrefix(line, "SAID ") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("%s: %v\n%s", script, err, b)
	return ""
}

func TestRestrictedMachines(t *testing.T) {
	judge.Tool(t, "unshare")
	for script, want := range map[string]string{
		// Root of a namespace that may have no others: without one.
		`exec unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh "$@"`:                            "SAID 0 within 1 refused",
		`exec unshare -U --map-user=1000 --keep-caps sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh "$@"`: "REFUSED sandbox isolated: no user namespace: none are left to this user; raise the sysctl user.max_user_namespaces, or use the level supervised",
		// Hidden parts of /proc.
		`exec unshare -Um --map-user=1000 --map-group=1000 --keep-caps sh -c 'mount -t tmpfs none /proc/fs; exec "$@"' sh "$@"`: "REFUSED sandbox isolated: cannot mount /proc: a container hides parts of it",
		`exec unshare -Ur --map-user=1000 "$@"`: "SAID 1000 within 1 refused",
	} {
		if got := runWithin(t, script); !strings.HasPrefix(got, want) {
			t.Errorf("%s\nsays %q\nwant %q", script, got, want)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	for script, want := range map[string]string{
		`exec unshare -m sh -c 'mount -t tmpfs none /proc/fs; exec "$@"' sh "$@"`:                                                                                                                  "SAID 0 within 1 refused",
		`d="$SANDBOX_TEST_ROOT"; exec unshare -m sh -c 'mount --rbind / '$d'; exec chroot '$d' "$@"' sh "$@"`:                                                                                      "SAID 0 within 1 refused",
		`d="$SANDBOX_TEST_ROOT"; exec unshare -m sh -c 'for i in bin dev etc lib lib64 proc sys tmp usr var; do mkdir -p '$d'/$i; mount --rbind /$i '$d'/$i; done; exec chroot '$d' "$@"' sh "$@"`: "REFUSED sandbox isolated: cannot change the root: not possible in a chroot",
	} {
		if got := runWithin(t, script); !strings.HasPrefix(got, want) {
			t.Errorf("%s\nsays %q\nwant %q", script, got, want)
		}
	}
}

// An ordinary user's sandbox holds others: ours and bwrap, also where files are
// bound over /proc.
func TestSandboxesInside(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root gets no second /proc: see mountPristine; an ordinary user's run has this test")
	}
	bwrap := judge.Tool(t, "bwrap")
	var r Request
	r.World.CPUs, r.World.Memory, r.World.Kernel.Release = 1, 512<<20, "5.4.0"
	r.World.User.Set, r.World.User.UID = true, 77
	if got := says(t, r, bwrap+` --unshare-all --ro-bind / / --proc /proc --dev /dev sh -c 'id -u; test -d /proc/1 && echo proc'`); got != "77\nproc" {
		t.Errorf("bwrap inside says %q", got)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.Extra = []string{self}
	r.World.Memory = 0 // without supervision
	r.World.Kernel.Release = ""
	got := says(t, r, `mkdir "$TMPDIR/o"; SANDBOX_TEST_WITHIN="$TMPDIR/o" SANDBOX_TEST_SCRIPT='`+saysWho+`' `+self+` -test.run '^TestWithin$' | grep SAID; cat "$TMPDIR/o/out"`)
	if got != "SAID 77 within 1 refused \nok" {
		t.Errorf("a sandbox inside says %q", got)
	}
}
