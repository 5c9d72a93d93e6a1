//go:build linux

// Command init is the first process of the guests of package machine's tests.
// It says what a guest says, and ends as wish= on the kernel's command line
// wants it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// modules is the folder of the kernel's modules, whose names begin with the
// number of their turn.
const modules = "/modules"

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "this is the first process of a virtual machine")
		os.Exit(2)
	}
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		must(os.MkdirAll(m[1], 0o755))
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != unix.EBUSY { // it is there already
			must(err)
		}
	}
	load()
	var g guest
	g.open()
	g.grant(wish())
	off()
}

// wish is what the kernel's command line wants.
func wish() string {
	line, err := os.ReadFile("/proc/cmdline")
	must(err)
	for word := range strings.FieldsSeq(string(line)) {
		if w, ok := strings.CutPrefix(word, "wish="); ok {
			return w
		}
	}
	return "ok"
}

// load loads the modules in the order of their names.
func load() {
	files, _ := filepath.Glob(modules + "/*")
	slices.Sort(files)
	for _, name := range files {
		f, err := os.Open(name)
		must(err)
		if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil {
			fmt.Println(name, err)
		}
		f.Close()
	}
}

// guest is the way to the host.
type guest struct {
	port *os.File
	work uint64
}

// open opens the port of the events. A port of virtio's has its name only some
// time after its module was loaded; where there is no such module, there is a
// serial line.
func (g *guest) open() {
	name := "/dev/ttyS0"
	if _, err := os.Stat("/sys/bus/virtio/drivers/virtio_console"); err == nil {
		for name = ""; name == ""; time.Sleep(time.Millisecond) {
			name = port()
		}
	}
	var err error
	g.port, err = os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	if t, err := unix.IoctlGetTermios(int(g.port.Fd()), unix.TCGETS); err == nil {
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		must(unix.IoctlSetTermios(int(g.port.Fd()), unix.TCSETS, t))
	}
}

func port() string {
	names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
	for _, n := range names {
		if b, _ := os.ReadFile(n); strings.TrimSpace(string(b)) == job.Port {
			return "/dev/" + filepath.Base(filepath.Dir(n))
		}
	}
	return ""
}

// tell tells events, with nothing between them.
func (g *guest) tell(events ...job.Event) {
	var all []byte
	for _, e := range events {
		b, err := json.Marshal(e)
		must(err)
		all = append(append(all, b...), '\n')
	}
	g.raw(all)
}

func (g *guest) raw(b []byte) {
	_, err := g.port.Write(b)
	must(err)
}

// alive tells a number of beats, 50 ms apart.
func (g *guest) alive(beats int, working bool) {
	for range beats {
		if working {
			g.work++
		}
		g.tell(job.Event{Kind: job.Alive, Work: g.work})
		time.Sleep(50 * time.Millisecond)
	}
}

const forever = 1 << 30

// grant ends the guest as it is wished.
func (g *guest) grant(wish string) {
	g.tell(job.Event{Kind: job.Ready}, job.Event{Kind: job.Began, Step: "the step"})
	switch wish {
	case "ok":
		g.tell(job.Event{Kind: job.Output, Step: "the step", Text: "said in the guest"})
		g.tell(job.Event{Kind: job.Done})
	case "off":
	case "panic":
		os.Exit(3)
	case "idle": // says that it is there, and does nothing
		g.alive(forever, false)
	case "endless":
		g.alive(forever, true)
	case "write": // fills its disk, after it has said much, and what time it is
		for range 1000 {
			g.tell(job.Event{Kind: job.Output, Text: strings.Repeat("x", 4000)})
		}
		g.tell(job.Event{Kind: job.Output, Text: time.Now().UTC().Format(time.DateOnly)})
		g.write()
		g.tell(job.Event{Kind: job.Done})
	}
}

// write writes all of the disk.
func (g *guest) write() {
	name := "/dev/" + job.Disk
	if _, err := os.Stat(name); err != nil {
		name = "/dev/ubda"
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	must(err)
	block := []byte(strings.Repeat("written by guest", 1<<16))
	for err == nil {
		_, err = f.Write(block)
	}
	if err := f.Sync(); err != nil {
		g.tell(job.Event{Kind: job.Failed, Step: "the step", Text: err.Error()})
		off()
	}
}

func off() {
	must(unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}

func must(err error) {
	if err != nil {
		fmt.Println("init:", err)
		os.Exit(1)
	}
}
