package machine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// board is what differs between the machines of two architectures.
type board struct {
	machine string
	tty     string // of the first serial port
	panic   string // the device that a panic is told to
	tcg     string // more of the kernel's command line where it is emulated
}

// boards by QEMU's name of the architecture. On a busy host an emulated timer
// may be late, which Linux for x86 takes for broken hardware and panics at, and
// the processor's own clock for one that cannot be trusted: no_timer_check and
// tsc=reliable, Documentation/admin-guide/kernel-parameters.txt.
var boards = map[string]board{
	"x86_64":  {machine: "q35", tty: "ttyS0", panic: "pvpanic", tcg: "no_timer_check tsc=reliable"},
	"aarch64": {machine: "virt,gic-version=max", tty: "ttyAMA0", panic: "pvpanic-pci"},
}

// hardware are a machine's files and wires, which last for one start.
type hardware struct {
	console, events, monitor wire
	screen                   *os.File // what a picture of the screen is written to; nil: there is none
	opened                   []*os.File
}

func (h *hardware) close() {
	for _, w := range []wire{h.console, h.events, h.monitor} {
		w.close()
	}
	for _, f := range h.opened {
		f.Close()
	}
	h.screen.Close()
}

// wires makes the connections of a machine.
func (h *hardware) wires() (err error) {
	for name, w := range map[string]*wire{"console": &h.console, "events": &h.events, "monitor": &h.monitor} {
		if *w, err = newWire(name); err != nil {
			return err
		}
	}
	return nil
}

// given closes what only the program needs, which has it by now.
func (h *hardware) given() {
	for _, w := range []wire{h.console, h.events, h.monitor} {
		w.theirs.Close()
	}
	for _, f := range h.opened {
		f.Close()
	}
	h.opened = nil
}

// open opens a file for the program alone.
func (h *hardware) open(f *os.File, flag int) (*os.File, error) {
	g, err := reopen(f, flag)
	if err == nil {
		h.opened = append(h.opened, g)
	}
	return g, err
}

// openKernel opens the kernel by its path, for the program alone.
func (h *hardware) openKernel(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("guest: kernel: %w", patherr.At(path, err))
	}
	h.opened = append(h.opened, f)
	return f, nil
}

// fdset is the number of an inherited file's set in QEMU, which gives it a name
// there: /dev/fdset/N.
type fdset int

const (
	diskSet fdset = iota + 1
	firmwareSet
	variablesSet
	screenSet
)

func (s fdset) String() string { return fmt.Sprintf("/dev/fdset/%d", int(s)) }

// inherit gives QEMU a file as a set.
func (c *command) inherit(f *os.File, as fdset) {
	c.add("-add-fd", fmt.Sprintf("fd=%d,set=%d", c.give(f), as))
}

// block adds a raw image that is an inherited file. Nobody else knows of it, so
// it needs no lock; it is thrown away when the host goes down, so nothing waits
// for the host's disk.
func (c *command) block(node string, set fdset, readOnly bool) {
	b, _ := json.Marshal(map[string]any{
		"driver": "raw", "node-name": node, "read-only": readOnly, "discard": "unmap",
		"detect-zeroes": map[bool]string{true: "off", false: "unmap"}[readOnly],
		"cache":         map[string]bool{"direct": false, "no-flush": true},
		"file": map[string]any{
			"driver": "file", "filename": set.String(), "read-only": readOnly, "locking": "off", "discard": "unmap",
			"cache": map[string]bool{"direct": false, "no-flush": true},
		},
	})
	c.add("-blockdev", string(b))
}

// socket adds one of a wire's ends as a character device.
func (c *command) socket(id string, w wire) {
	c.add("-chardev", fmt.Sprintf("socket,id=%s,fd=%d", id, c.give(w.theirs)))
}

// qemu is the command that starts a machine.
func (c *Config) qemu(program string, accel Accel, h *hardware) (*command, error) {
	if err := h.wires(); err != nil {
		return nil, err
	}
	b := boards[c.Arch]
	cmd := &command{path: program}
	machine := b.machine
	if c.Firmware != nil {
		machine += ",pflash0=firmware,pflash1=variables"
	}
	if c.sharesMemory() {
		machine += ",memory-backend=" + memoryBackend
	}
	cmd.add("-machine", machine, "-accel", string(accel), "-cpu", "max",
		"-m", fmt.Sprintf("%dM", c.MemMiB), "-smp", fmt.Sprint(c.CPUs),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-rtc", c.clock())
	if !c.unconfined {
		cmd.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
	}
	cmd.socket("monitor", h.monitor)
	cmd.add("-mon", "chardev=monitor,mode=control")
	cmd.socket("console", h.console)
	cmd.add("-serial", "chardev:console")
	cmd.socket("events", h.events)
	cmd.add("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=events,name="+job.Port)
	cmd.add("-object", "rng-builtin,id=random", "-device", "virtio-rng-pci,rng=random")
	if len(c.Seed) > 0 {
		sum := sha256.Sum256(c.Seed)
		cmd.add("-seed", fmt.Sprint(binary.LittleEndian.Uint64(sum[:])))
	}
	cmd.add("-device", b.panic)
	if err := c.files(cmd, h); err != nil {
		return nil, err
	}
	if err := c.shares(cmd, h); err != nil {
		return nil, err
	}
	kernel, err := h.openKernel(c.Kernel)
	if err != nil {
		return nil, err
	}
	// Both are read by path.
	cmd.add("-kernel", fmt.Sprintf("/proc/self/fd/%d", cmd.give(kernel)))
	if c.Initrd != nil {
		initrd, err := h.open(c.Initrd, os.O_RDONLY)
		if err != nil {
			return nil, fmt.Errorf("guest: initrd: %w", patherr.Bare(err))
		}
		cmd.add("-initrd", fmt.Sprintf("/proc/self/fd/%d", cmd.give(initrd)))
	}
	cmd.add("-append", c.commandLine(accel))
	return cmd, nil
}

// files adds the disk, the flash memories and the screen.
func (c *Config) files(cmd *command, h *hardware) error {
	if c.Disk != nil {
		cmd.inherit(c.Disk, diskSet)
		cmd.block("disk", diskSet, false)
		// An error of the host's disk is ours to tell, not the guest's to cope with.
		cmd.add("-device", "virtio-blk-pci,drive=disk,werror=stop,rerror=stop")
	}
	if c.Firmware != nil {
		code, err := h.open(c.Firmware, os.O_RDONLY)
		if err != nil {
			return fmt.Errorf("guest: firmware: %w", patherr.Bare(err))
		}
		cmd.inherit(code, firmwareSet)
		cmd.block("firmware", firmwareSet, true)
		cmd.inherit(c.Variables, variablesSet)
		cmd.block("variables", variablesSet, false)
	}
	if c.Screendump == "" {
		return nil
	}
	var err error
	if h.screen, err = memory("screen"); err != nil {
		return err
	}
	w, err := h.open(h.screen, os.O_WRONLY)
	if err != nil {
		return fmt.Errorf("guest: screendump: %w", patherr.Bare(err))
	}
	cmd.inherit(w, screenSet)
	// QEMU stays when the machine goes down, so that the screen can be seen.
	cmd.add("-device", "VGA", "-no-shutdown")
	return nil
}

// clock is what the machine's clock starts at, and that it runs with the guest.
func (c *Config) clock() string {
	if c.Epoch == nil {
		return "base=utc"
	}
	return "base=" + time.Unix(*c.Epoch, 0).UTC().Format("2006-01-02T15:04:05") + ",clock=vm"
}

// spared is what a guest does without that runs no code but its image's, and
// only once: defences, and tests of the kernel's ciphers. An emulated start takes
// an eighth less time so.
const spared = "mitigations=off nokaslr cryptomgr.notests"

// commandLine is the kernel's. Only errors are said on the console; a panic
// restarts the machine at once, which ends it.
func (c *Config) commandLine(accel Accel) string {
	b := boards[c.Arch]
	var words []string
	if c.Screendump != "" {
		words = append(words, "console=tty0")
	}
	words = append(words, "console="+b.tty, "panic=-1", "loglevel=4", "random.trust_cpu=on", "random.trust_bootloader=on", spared)
	if accel == TCG && b.tcg != "" {
		words = append(words, b.tcg)
	}
	if c.Append != "" {
		words = append(words, c.Append)
	}
	return strings.Join(words, " ")
}

// pictureFormat is how QEMU writes a picture of the screen.
func (c *Config) pictureFormat() string {
	if strings.EqualFold(filepath.Ext(c.Screendump), ".ppm") {
		return "ppm"
	}
	return "png"
}
