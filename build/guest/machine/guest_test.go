package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/build/guest/initramfs"
	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// modules are those that the test's guest needs, in the order in which they are
// loaded. What is built in is no file.
var modules = []string{
	"virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio", "virtio_pci", "virtio_blk", "virtio_console",
}

// initrd is an archive with the test's init and the modules, made once.
var initrd = sync.OnceValues(func() (*os.File, error) {
	dir, err := os.MkdirTemp("", "init")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "init")
	cmd := exec.Command("go", "build", "-o", program, "-trimpath", "-ldflags=-s -w", "./testdata/init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	entries := initramfs.Early()
	add := func(name, path string) {
		e, ferr := initramfs.File(name, 0o755, path)
		err = errors.Join(err, ferr)
		entries = append(entries, e)
	}
	add(job.Init, program)
	found := map[string]string{}
	err = errors.Join(err, filepath.WalkDir(os.Getenv(judge.ModulesVariable), func(path string, _ os.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok {
			found[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	}))
	for i, m := range modules {
		if p, ok := found[m]; ok {
			add(fmt.Sprintf("%s/%02d-%s.ko", job.Modules, i, m), p)
		}
	}
	f, merr := memory("initrd")
	if err = errors.Join(err, merr); err != nil {
		return nil, err
	}
	return f, initramfs.Write(f, entries)
})

// heard is what came of a machine.
type heard struct {
	mu      sync.Mutex
	console bytes.Buffer
	events  []job.Event
	warned  []string
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.console.Write(p)
}

// guest is a machine with the test's init, emulated, that has a wish.
func guest(t testing.TB, wish string) (Config, *heard) {
	t.Helper()
	judge.Tool(t, "qemu-system-x86_64")
	kernel := judge.Given(t, judge.KernelVariable)
	judge.Given(t, judge.ModulesVariable)
	archive, err := initrd()
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	return Config{
		Kernel: kernel, Initrd: archive, Append: "wish=" + wish, MemMiB: 256, Accel: TCG,
		Start: 10 * time.Minute, Idle: 5 * time.Minute, Console: h,
		Event: func(e job.Event) { h.events = append(h.events, e) },
		Warn:  func(s string) { h.warned = append(h.warned, s) },
	}, h
}
