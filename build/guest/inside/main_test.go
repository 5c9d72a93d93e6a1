package inside

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// TestMain is a guest's init in the machines that the tests boot.
func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// alone runs a test as the first process of a pid namespace, in a mount
// namespace of its own: where it is, alone returns true.
func alone(t *testing.T) bool {
	t.Helper()
	const variable = "REPRODISK_TEST_ALONE"
	if os.Getenv(variable) == t.Name() {
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		must(t, unix.Mount("proc", "/proc", "proc", 0, ""))
		unix.Umask(0o022) // as the kernel starts init
		return true
	}
	judge.Root(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// imageRoot is a folder as an image's root, with busybox in it, and its
// descriptor.
func imageRoot(t testing.TB) (string, int) {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"bin", "etc", "dev", "tmp"} {
		must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	b, err := os.ReadFile(judge.Tool(t, "busybox"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "bin/busybox"), b, 0o755))
	must(t, os.Symlink("/bin/busybox", filepath.Join(root, "bin/sh")))
	return root, folder(t, root)
}

// folder is a descriptor of a folder, for the time of the test.
func folder(t testing.TB, path string) int {
	t.Helper()
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func shell(script string) *job.Run {
	return &job.Run{Argv: []string{"sh", "-c", script}, Env: []string{"PATH=/nowhere:/bin"}}
}
