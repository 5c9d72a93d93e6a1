package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// BenchmarkBoot starts a guest that turns itself off at once. ratio is how many
// times as long it takes as a shell's plain start of QEMU with the same kernel,
// initrd, memory and port.
func BenchmarkBoot(b *testing.B) {
	c, _ := guest(b, "ok")
	initrd := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), c.Initrd.Fd())
	var we, they time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := Run(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		we += time.Since(start)
		b.StopTimer()
		start = time.Now()
		judge.Must(b, "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", fmt.Sprint(c.MemMiB), "-nographic", "-no-reboot",
			"-kernel", c.Kernel, "-initrd", initrd, "-append", "console=ttyS0 panic=-1 wish=ok",
			"-device", "virtio-serial-pci", "-chardev", "file,id=events,path="+filepath.Join(b.TempDir(), "events"), "-device", "virtserialport,chardev=events,name="+job.Port)
		they += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(we)/float64(they), "ratio")
}

// BenchmarkUserModeLinux starts the same guest there.
func BenchmarkUserModeLinux(b *testing.B) {
	c, _ := uml(b, "ok")
	for b.Loop() {
		if _, err := Run(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}
