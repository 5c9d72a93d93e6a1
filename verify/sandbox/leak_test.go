package sandbox

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// host is what of the machine a build must not change.
type host struct{ mounts, etc, hostname string }

func lookAtHost(t *testing.T) (h host) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		// Other tests mount images, below the folders for such things.
		at := strings.Fields(line)[4]
		if !slices.ContainsFunc([]string{"/tmp/", "/var/tmp/", "/mnt/", os.TempDir() + "/"}, func(dir string) bool { return strings.HasPrefix(at, dir) }) {
			h.mounts += line
		}
	}
	sum := sha256.New()
	filepath.WalkDir("/etc", func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			switch fi, err := d.Info(); {
			case err != nil || fi.IsDir():
			case path == "/etc/resolv.conf": // which a machine writes anew whenever its lease is renewed
				b, _ := os.ReadFile(path)
				fmt.Fprintf(sum, "%s %q %v\n", path, b, fi.Mode())
			default:
				fmt.Fprintln(sum, path, fi.Size(), fi.ModTime().UnixNano(), fi.Mode())
			}
		}
		return nil
	})
	h.etc = fmt.Sprintf("%x", sum.Sum(nil))
	h.hostname, _ = os.Hostname()
	return h
}

// running lists the processes whose command line holds a text.
func running(text string) (pids []string) {
	text = strings.ReplaceAll(text, "7777", nap)
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range found {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), text) {
			pids = append(pids, f)
		}
	}
	return pids
}

// hostile are builds that try to leave something behind, or to get out. What
// they write to standard output must not hold "ESCAPED".
var hostile = map[string]string{
	"daemons":        `setsid sleep 7777.1 & (setsid sleep 7777.1 &) ; nohup setsid sh -c 'sleep 7777.1 & sleep 7777.1' >/dev/null 2>&1 & sleep 0.1; exit 0`,
	"traps":          `trap '' TERM INT HUP QUIT; (trap '' TERM INT HUP; exec sleep 7777.1) & exit 0`,
	"fills its disk": `head -c 100M /dev/zero >"$TMPDIR/full" && echo ESCAPED; head -c 100M /dev/zero >/tmp/full && echo ESCAPED; true`,
	"writes to the system": `for f in /etc/passwd /etc/ESC /usr/ESC /ESC /bin/sh /var/lib/ESC /root/ESC /sys/kernel/mm/ksm/run; do
		(echo x >>$f) 2>/dev/null && echo ESCAPED $f; done; true`,
	"steers the kernel": `for f in kernel/core_pattern vm/drop_caches kernel/modprobe kernel/hostname kernel/randomize_va_space; do
		(cat /proc/sys/$f >/proc/sys/$f) 2>/dev/null && [ $f != kernel/hostname ] && echo ESCAPED $f; done; (echo h >/proc/sysrq-trigger) 2>/dev/null && echo ESCAPED sysrq; true`,
	"opens sockets":    `test "$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')" = lo || echo ESCAPED; bash -c 'exec 3<>/dev/tcp/192.0.2.1/80' 2>/dev/null && echo ESCAPED; true`,
	"deletes its root": `timeout 0.5 rm -rf --no-preserve-root /etc "$out" "$TMPDIR" /tmp / 2>/dev/null; true`,
	"remounts": `for d in / /etc /usr /proc/sys; do mount -o remount,rw,bind $d 2>/dev/null && echo x 2>/dev/null >$d/ESC && echo ESCAPED $d; umount -l $d 2>/dev/null; done
		test -e /old -o -e /new && echo ESCAPED old; true`,
	"remounts from below": `unshare -Urm sh -c 'for d in / /etc /usr; do mount -o remount,rw,bind $d && echo x >$d/ESC && echo ESCAPED $d; umount -l $d; done' 2>/dev/null; true`,
	"mounts over":         `mount -t tmpfs none /etc 2>/dev/null; mount --bind /tmp /usr 2>/dev/null; true`,
	"a fresh /proc": `unshare -Urmpf --mount-proc sh -c '(cat /proc/sys/kernel/core_pattern >/proc/sys/kernel/core_pattern) 2>/dev/null && echo ESCAPED' 2>/dev/null
		unshare -mpf --mount-proc sh -c '(cat /proc/sys/kernel/core_pattern >/proc/sys/kernel/core_pattern) 2>/dev/null && echo ESCAPED' 2>/dev/null; true`,
	"leaves by /proc": `ls /proc/1/root/ >/dev/null 2>&1 && test -e /proc/1/root/old && echo ESCAPED
		for f in /proc/1/fd/* /proc/1/cwd; do test -e $f && echo ESCAPED $f; done
		(cat /proc/1/mem >/dev/null) 2>/dev/null && echo ESCAPED mem
		for p in /proc/[0-9]*; do test -e $p/root/ESC && echo ESCAPED; done; true`,
	"ends init":    `kill -9 1; kill -TERM 1; kill -SEGV 1; kill -STOP 1; kill -ABRT 1; kill -INT 1; sleep 0.1; echo alive`,
	"traces init":  `command -v strace >/dev/null && timeout 1 strace -p 1 -o /dev/null 2>/dev/null && echo ESCAPED; true`,
	"descriptors":  `ls -l /proc/self/fd/ | grep -v '^total' | sed 's/.* \([0-9]*\) -> .*/\1/' | sort -n | tr '\n' ' ' | grep -qE '^0 1 2 3 $' || { echo ESCAPED; ls -l /proc/self/fd; }`,
	"devices":      `mknod /tmp/d b 254 0 2>/dev/null && (head -c1 /tmp/d >/dev/null) 2>/dev/null && echo ESCAPED; mknod "$TMPDIR/d" c 1 1 2>/dev/null && (head -c1 "$TMPDIR/d" >/dev/null) 2>/dev/null && echo ESCAPED; ls /dev/vda /dev/sda /dev/mem /dev/kmsg 2>/dev/null && echo ESCAPED; true`,
	"sets a clock": `date -s '2001-01-01' >/dev/null 2>&1 && echo ESCAPED; true`,
	"host's name":  `hostname ESCAPED-host 2>/dev/null; true`,
	"odd names":    `cd "$TMPDIR"; n=$(head -c 250 /dev/zero | tr '\0' x); mkdir -p "$n/$n/$n/$n"; d=.; for i in 1 2 3 4 5 6 7 8 9; do mkdir -p "$n"; cd "$n"; done; touch "$(printf 'a\nb')" "$(printf '\377\033[31m')" -- -rf; true`,
}

func TestHostileBuildsLeaveTheMachineAsItWas(t *testing.T) {
	for name, script := range hostile {
		t.Run(name, func(t *testing.T) {
			before := lookAtHost(t)
			dir := t.TempDir()
			r := Request{OutDir: dir, Limits: Limits{Wall: 5 * time.Minute, Disk: 16 << 20}}
			for _, w := range []string{"", "disk"} {
				if w == "disk" && name != "odd names" && name != "remounts" {
					continue
				}
				r.World.Filesystem = "tmpfs"
				if w != "" {
					r.World.Filesystem = "disk"
				}
				res, said, err := shell(t, r, script)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(said, "ESCAPED") || res.Why != "" {
					t.Errorf("%+v\n%s", res, said)
				}
				if name == "ends init" && !strings.HasSuffix(said, "alive") {
					t.Errorf("init did not survive: %+v %s", res, said)
				}
			}
			if after := lookAtHost(t); after != before {
				t.Errorf("the machine is not as it was:\n%+v\n%+v", before, after)
			}
			if left := running("7777.1"); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("folders are left: %v", left)
			}
		})
	}
}

// What a build leaves at $out is taken for what it is, and refused by name
// where it is no plain file.
func TestOutputsThatAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("many sandboxes, one after the other, whose goroutines are those of one")
	}
	for script, want := range map[string]string{
		`ln -s /etc/passwd "$out"`:                                                    "is a symbolic link; copy the image there",
		`echo x >f; ln -sf f "$out"`:                                                  "is a symbolic link; copy the image there",
		`mkfifo "$out"`:                                                               "is a fifo",
		`mkdir "$out"; mkfifo "$out/p"`:                                               "p: is a fifo",
		`mkdir "$out"; echo x >"$out/a"; ln "$out/a" "$out/b"`:                        "is another name of",
		`mkdir "$out"; ln -s /etc/passwd "$out/l"`:                                    "l: is a symbolic link that leads out, to /etc/passwd; copy the file there",
		`mkdir "$out"; ln -s ../../etc/passwd "$out/l"`:                               "l: is a symbolic link that leads out",
		`mkdir -p "$out/a/b"; ln -s ../.. "$out/a/b/u"; ln -s a/b/u/../../x "$out/l"`: "l: is a symbolic link that leads out",
		`python3 -c 'import socket,os; s=socket.socket(socket.AF_UNIX); os.chdir(os.environ["out"][:-4]); s.bind("out")'`: "is a socket",
		`mkdir "$out"; mkfifo "$out/$(printf 'a\nb\033')"`:                                                                `"a\nb\x1b": is a fifo`,
		`d="$out"; for i in $(seq 200); do d="$d/d"; done; mkdir -p "$d"`:                                                 "is more than 128 folders deep",
	} {
		for _, filesystem := range []string{"tmpfs", "disk"} {
			dir := t.TempDir()
			r := Request{OutDir: dir}
			r.World.Filesystem = "tmpfs"
			if filesystem == "disk" {
				r.World.Filesystem = "disk"
			}
			res, said, err := shell(t, r, script)
			if err != nil || !res.Succeeded() {
				t.Fatalf("%s: %+v %s %v", script, res, said, err)
			}
			if !strings.Contains(res.Problem, want) || res.Out != "" || strings.Contains(res.Problem, "\n") {
				t.Errorf("%s on %s: %q, %q, want %q", script, filesystem, res.Problem, res.Out, want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%s on %s: left %v", script, filesystem, left)
			}
		}
	}
}

func TestOutputFolder(t *testing.T) {
	for _, filesystem := range []string{"tmpfs", "disk"} {
		var r Request
		r.World.Filesystem = "tmpfs"
		if filesystem == "disk" {
			r.World.Filesystem = "disk"
		}
		res, said, err := shell(t, r, `mkdir -p "$out/sub"; truncate -s 2G "$out/sub/disk"; printf x | dd of="$out/sub/disk" seek=1G oflag=seek_bytes conv=notrunc status=none
			ln -s sub/disk "$out/latest"; ln -s ../latest "$out/sub/l"; : >"$out/empty"; chmod 0 "$out/empty"; chmod 500 "$out/sub"`)
		if err != nil || res.Problem != "" || res.Out == "" {
			t.Fatalf("%+v %s %v", res, said, err)
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(res.Out, "latest"), &st); err != nil || st.Size != 2<<30 || st.Blocks*512 > 1<<20 {
			t.Errorf("on %s the image has %d bytes in %d blocks, %v", filesystem, st.Size, st.Blocks, err)
		}
		b := make([]byte, 1)
		f, err := os.Open(filepath.Join(res.Out, "sub/l"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadAt(b, 1<<30); err != nil || b[0] != 'x' {
			t.Errorf("on %s the byte at 1 GiB is %q, %v", filesystem, b, err)
		}
		f.Close()
		if _, err := os.ReadFile(filepath.Join(res.Out, "empty")); err != nil {
			t.Error(err)
		}
	}
}

func TestTimeoutEndsEverything(t *testing.T) {
	for _, l := range []Level{None, Supervised, Isolated} {
		r := Request{Level: l, Limits: Limits{Wall: 300 * time.Millisecond}}
		res, said, err := shell(t, r, `trap '' TERM INT; setsid sleep 7777.2 & (setsid sh -c 'trap "" TERM; sleep 7777.2; sleep 7777.2' &) ; sleep 7777.2`)
		if err != nil || res.Why != "timeout after 300ms" {
			t.Errorf("%s: %+v %s %v", l, res, said, err)
		}
		if left := running("7777.2"); len(left) > 0 {
			t.Errorf("%s: processes are left: %v", l, left)
		}
	}
}

// A caller that is killed takes its sandboxes with it.
func TestAKilledCallerLeavesNothing(t *testing.T) {
	if l := os.Getenv("SANDBOX_TEST_LEVEL"); l != "" {
		r := Request{Level: Level(l), OutDir: os.Getenv("SANDBOX_TEST_OUT"), Path: "/bin/sh"}
		r.Args = []string{"sh", "-c", strings.ReplaceAll("setsid sleep 7777.3 & exec setsid -w sleep 7777.3", "7777", nap)}
		Run(t.Context(), r)
		return
	}
	for _, l := range []Level{None, Supervised, Isolated} {
		before := lookAtHost(t)
		cmd := exec.Command("/proc/self/exe", "-test.run", "^TestAKilledCallerLeavesNothing$")
		cmd.Env = append(os.Environ(), "SANDBOX_TEST_NAP="+nap, "SANDBOX_TEST_LEVEL="+string(l), "SANDBOX_TEST_OUT="+t.TempDir())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "the build", func() bool { return len(running("sleep\x007777.3")) >= 2 })
		cmd.Process.Kill()
		cmd.Wait()
		await(t, string(l)+": the end of all processes", func() bool { return len(running("7777.3")) == 0 })
		if after := lookAtHost(t); after != before {
			t.Errorf("%s: the machine is not as it was:\n%+v\n%+v", l, before, after)
		}
	}
}

// await waits for something that will be.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("%s: did not come", what)
}

// Everything again as nobody, where this runs as root.
func TestAsAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this is run by an ordinary user")
	}
	if testing.Short() {
		t.Skip("all tests once more take two minutes under the race detector")
	}
	dir, err := os.MkdirTemp("/var/tmp", "sandbox-test-*") // whose parents everybody may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "sandbox.test")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(program, 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	for _, p := range []string{dir, tmp} {
		if err := os.Chown(p, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-test.short")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TMPDIR=" + tmp}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
