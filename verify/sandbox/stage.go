package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/sandbox/vm"
	"github.com/reprodisk/reprodisk/verify/world"
)

// The names under which this program starts itself again.
const (
	initName = "reprodisk-sandbox-init"
	execName = "reprodisk-sandbox-exec"
	loadName = "reprodisk-sandbox-load"
	// guestName is a whole Run, in a guest.
	guestName = "reprodisk-sandbox-guest"
)

// Descriptors of init, in the order in which run passes them.
const (
	ordersFD = 3 + iota
	selfFD   // this program
	outFD    // Request.OutDir
	reportFD // where init reports to
	lifeFD   // closed by the caller's end: kill everything
	helloFD  // the supervisor's socket, where there is one
)

// Descriptors of exec.
const (
	execOrdersFD = 3
	gateFD       = 4 // to init: "about to be the build", or why not; back: "go on"
	execHelloFD  = 5
)

// stage is which stage of a sandbox this process is, if any.
func stage() string {
	if len(os.Args) == 1 {
		switch os.Args[0] {
		case initName, execName, loadName:
			return os.Args[0]
		}
	}
	return ""
}

func init() {
	if stage() != "" {
		// What a stage sets on its thread is for the process that this thread
		// starts or becomes.
		runtime.LockOSThread()
	}
}

// Main is the whole program where this process is a stage of a sandbox, and
// returns at once where it is not. It is the first call of main.
func Main() {
	vm.Main()
	if len(os.Args) == 1 && os.Args[0] == guestName {
		os.Exit(guestStage())
	}
	switch stage() {
	case initName:
		os.Exit(initStage())
	case execName:
		os.Exit(execStage())
	case loadName:
		loadStage()
	}
}

// orders are what init is told.
type orders struct {
	Level     Level             `json:"level"`
	World     world.World       `json:"world"`
	Build     string            `json:"build"` // the build folder's path, as the build sees it
	Disk      bool              `json:"disk"`  // it is "build" in the output folder, not on tmpfs
	Dir       string            `json:"dir"`   // empty: the build folder
	Overlay   bool              `json:"overlay"`
	Inputs    []string          `json:"inputs"`
	Extra     []string          `json:"extra"`
	Real      map[string]string `json:"real"` // of Inputs, Extra and the command: the path without links, where it is another
	OutDir    string            `json:"out_dir"`
	Network   bool              `json:"network"`
	DiskLimit int64             `json:"disk_limit"`
	Cgroup    bool              `json:"cgroup"` // init is in a control group of its own
	Userns    bool              `json:"userns"` // init is root of a user namespace
	IDs       ids               `json:"ids"`
	Exec      execOrders        `json:"exec"`
	TakeBack  string            `json:"take_back,omitempty"` // a folder whose files are to be the caller's again; nothing else is done

	lastPID int // descriptor of ns_last_pid, 0 where the numbers are left alone
}

// execOrders are what exec is told.
type execOrders struct {
	Path         string      `json:"path"`
	Args         []string    `json:"args"`
	Env          []string    `json:"env"`
	Dir          string      `json:"dir"`
	World        world.World `json:"world"`
	Limits       Limits      `json:"limits"`
	AddressLimit bool        `json:"address_limit"` // Limits.Memory is to be one of addresses
	UserLimit    bool        `json:"user_limit"`    // Limits.Processes is to be one of the user
	Traced       bool        `json:"traced"`
	Watch        bool        `json:"watch"`
	DropCaps     bool        `json:"drop_caps"`
	Keep         bool        `json:"keep"` // level none: what the caller's processes have is kept
}

// outcome is what init reports.
type outcome struct {
	Error    string `json:"error,omitempty"`  // why nothing was run
	Status   uint32 `json:"status"`           // of the build, as wait(2) has it
	Hidden   bool   `json:"hidden,omitempty"` // Error is one of a /proc that a user namespace may not have
	Ended    bool   `json:"ended"`            // the build ended, Status holds
	Found    bool   `json:"found"`            // it left something at $out
	Problem  string `json:"problem,omitempty"`
	Nanosecs int64  `json:"nanosecs"`
}

// tell sends orders to a stage; the pipe holds them, or its reader is there.
func tell(f *os.File, v any) error {
	err := json.NewEncoder(f).Encode(v)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// hear reads orders, and keeps every descriptor from the programs to come.
func hear(fd int, v any) error {
	f := os.NewFile(uintptr(fd), "orders")
	if f == nil {
		return fmt.Errorf("no orders")
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(v); err != nil {
		return fmt.Errorf("no orders: %w", err)
	}
	return unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
}
