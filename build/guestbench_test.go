package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/installers"
)

// BenchmarkGuest is the guest phase of a build, from the start of the machine
// until it is off: of a guest that does nothing, and of one in which bootctl
// installs systemd-boot. ratio is how many times as long as QEMU takes to start
// the same kernel with an init that turns the machine off at once.
func BenchmarkGuest(b *testing.B) {
	dir := b.TempDir()
	installers.Root(b, filepath.Join(dir, "root"))
	first := filepath.Join(dir, "initrd")
	must(b, os.WriteFile(first, initrd(b), 0o644))
	head := "name: x\nadditionalSpace: 32M\nbootSize: 100M\ncontents:\n  - {source: root, target: /}\n" + machineText(b)
	for name, text := range map[string]string{
		"empty": "partitionTableType: none\n" + head + "  run: [[\"true\"]]\n",
		"efi":   "partitionTableType: efi\nbootLoaderInstall: [" + installers.SystemdBoot + "]\n" + head,
	} {
		b.Run(name, func(b *testing.B) {
			var we, they time.Duration
			for b.Loop() {
				var began, ended time.Time
				guestBuild(b, dir, text, filepath.Join(dir, "out"), func(o *Options) {
					o.Progress = func(phase string, _, _ int64) {
						switch phase {
						case "guest":
							began = time.Now()
						case "reading the guest's disk":
							ended = time.Now()
						}
					}
				})
				we += ended.Sub(began)
				start := time.Now()
				out, err := exec.Command(judge.Tool(b, "qemu-system-x86_64"), "-machine", "q35,accel=tcg", "-cpu", "max", "-m", "512", "-nodefaults", "-display", "none", "-no-reboot",
					"-kernel", judge.Given(b, judge.KernelVariable), "-initrd", first, "-append", "console=ttyS0 panic=-1 no_timer_check quiet", "-serial", "null").CombinedOutput()
				if err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				they += time.Since(start)
			}
			b.ReportMetric(we.Seconds()/float64(b.N), "guest-s")
			b.ReportMetric(we.Seconds()/they.Seconds(), "ratio")
		})
	}
}
