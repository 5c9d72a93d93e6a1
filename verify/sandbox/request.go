package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/verify/world"
)

// SystemInput is the input that stands for the machine's system: its programs,
// libraries and settings, without anybody's home.
const SystemInput = "system"

// DefaultBuildPath is the build folder where the world names none.
const DefaultBuildPath = "/build"

// Between the numbers that the sandbox's own processes have, and the least
// pid_max that a kernel has by itself, proc_sys_kernel(5).
const (
	minPID = 64
	maxPID = 32000
)

// Request is one run.
type Request struct {
	Level   Level // empty: Isolated
	World   world.World
	Args    []string // as the command sees them, its name first
	Path    string   // the executable, an absolute path on the machine
	Dir     string   // the working folder, visible read-only at its own path; empty: the build folder
	Overlay bool     // a private writable layer over Dir, thrown away in the end
	// Inputs are the only paths that are visible, beside Dir and Extra. Empty:
	// the whole machine. SystemInput stands for the system.
	Inputs  []string
	Extra   []string // more paths to make visible read-only, also below /tmp
	Env     []string // the environment below the world's variables; nil: the caller's
	OutDir  string   // a folder that exists and is empty; what the build leaves at $out becomes its "out"
	Stdout  io.Writer
	Stderr  io.Writer
	Network bool // the machine's network; without it there is a loopback interface of the sandbox's own
	Limits  Limits
	Watch   bool    // fill Result.Asked
	Machine Machine // of level vm
}

// Limits end a run that goes too far. Zero is no limit.
type Limits struct {
	Wall      time.Duration
	CPU       time.Duration // of one process
	Memory    int64         // bytes; of the whole run where control groups can be made, else of one process's addresses
	Disk      int64         // bytes of the build folder where it is on tmpfs, and of the other temporary folders together
	File      int64         // bytes of one file
	Processes int           // of the whole run where control groups can be made, else of the user
}

// Result is what came of a run.
type Result struct {
	ExitCode int    // of the command, -1 where a signal ended it
	Signal   string // "SIGKILL" where one did
	// Why says what the sandbox, not the command, ended the run for: "timeout
	// after 5s", "out of memory"; empty where it did not.
	Why string
	Out string // OutDir/out, empty where the command left nothing there or did not succeed
	// Problem is what was wrong with the output of a command that succeeded,
	// without where it lies: "disk.img: is a fifo".
	Problem    string
	Asked      []world.Name          // what some process asked the system about; nil where nobody watched
	Applied    []world.Name          // the parts of the world that were made
	NotApplied map[world.Name]string // those that were not, with why
	Partly     map[world.Name]string // of those in Applied, what they leave out
	Notes      []string              // what did not go as the build wanted, a line each: that a debugger was denied its work
	Limits     []string              // limits that were asked for and could not be kept, or only in part, with why
	Duration   time.Duration         // of the command, without the sandbox's start
	Machine    *Ran                  // of level vm
}

// Succeeded tells whether the command ended by itself with status 0.
func (r *Result) Succeeded() bool { return r.ExitCode == 0 && r.Signal == "" && r.Why == "" }

// check refuses what cannot be run, and makes paths absolute and real.
func (r *Request) check() error {
	level, err := ParseLevel(string(r.Level))
	if err != nil {
		return err
	}
	r.Level = level
	if level == VM && r.Network {
		return errors.New("sandbox vm: has no network; use isolated")
	}
	if len(r.Args) == 0 {
		return errors.New("sandbox: no command")
	}
	if !filepath.IsAbs(r.Path) {
		return fmt.Errorf("sandbox: %s: is not the absolute path of a command", r.Path)
	}
	if err := checkOutDir(&r.OutDir); err != nil {
		return err
	}
	if r.Dir != "" {
		if r.Dir, err = realFolder(r.Dir); err != nil {
			return err
		}
	}
	if r.Overlay && (r.Dir == "" || !r.Level.Hides()) {
		return errors.New("sandbox: a writable layer needs a working folder and level isolated or vm")
	}
	if !level.Hides() && len(r.Inputs) > 0 {
		return fmt.Errorf("sandbox %s: cannot hide what is no input; use isolated", level)
	}
	r.Inputs, r.Extra = slices.Clone(r.Inputs), slices.Clone(r.Extra) // the caller's stay as they are
	for _, list := range [][]string{r.Inputs, r.Extra} {
		for i, p := range list {
			if p == SystemInput {
				continue
			}
			if list[i], err = filepath.Abs(p); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			if _, err := os.Stat(p); err != nil {
				return patherr.At(p, err)
			}
		}
	}
	if r.Env == nil {
		r.Env = os.Environ()
	}
	return checkWorld(&r.World)
}

func checkOutDir(dir *string) (err error) {
	given := *dir
	if *dir, err = realFolder(*dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(*dir)
	if err != nil {
		return patherr.At(given, err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s: is not empty, and would be the output's folder", given)
	}
	return nil
}

// realFolder is the path of an existing folder, absolute and without symbolic
// links.
func realFolder(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	dir, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", patherr.At(path, err)
	}
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return "", fmt.Errorf("%s: is not a folder", path)
	}
	return dir, nil
}

// checkWorld refuses paths and variables that can be no such thing.
func checkWorld(w *world.World) error {
	for name, p := range map[world.Name]string{world.BuildPath: w.BuildPath, world.Home: w.Home} {
		if p == "" {
			continue
		}
		if !filepath.IsAbs(p) || filepath.Clean(p) != p || strings.ContainsRune(p, 0) {
			return fmt.Errorf("%s %s: is not a clean absolute path", name, p)
		}
		for _, taken := range []string{"/", "/proc", "/sys", "/dev", "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/nix", "/nix/store"} {
			below := taken == "/proc" || taken == "/sys" || taken == "/dev"
			if p == taken || below && strings.HasPrefix(p, taken+"/") {
				return fmt.Errorf("%s %s: is a folder of the system", name, p)
			}
		}
	}
	if w.Load < 0 || w.Load > maxLoad {
		return fmt.Errorf("%s %d: is not between 0 and %d processes", world.Load, w.Load, maxLoad)
	}
	if w.PID != 0 && (w.PID < minPID || w.PID > maxPID) {
		return fmt.Errorf("%s %d: is not between %d and %d", world.PID, w.PID, minPID, maxPID)
	}
	for _, v := range w.Environment {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" || strings.ContainsRune(v, 0) {
			return fmt.Errorf("%s %q: is not NAME=VALUE", world.Environment, v)
		}
	}
	return nil
}
