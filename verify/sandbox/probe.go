package sandbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/program"
	"github.com/reprodisk/reprodisk/verify/sandbox/vm"
	"github.com/reprodisk/reprodisk/verify/world"
)

// State is what came of trying something.
type State string

// What can come of it.
const (
	Works    State = "works"
	Partial  State = "partial"   // it works, and leaves something out
	Missing  State = "missing"   // it does not work, or is not there
	NotTried State = "not tried" // it may work
)

// The groups of capabilities.
const (
	LevelGroup     = "level"
	VariationGroup = "variation"
	MachineGroup   = "machine"
	ToolGroup      = "tool"
)

// Capability is something that a machine can or cannot do.
type Capability struct {
	Group  string  `json:"group"`
	Name   string  `json:"name"`
	Level  Level   `json:"level,omitempty"` // of a variation
	State  State   `json:"state"`
	Detail string  `json:"detail,omitempty"`       // what was found, or why not
	Remedy string  `json:"remedy,omitempty"`       // what to do about it
	Millis float64 `json:"milliseconds,omitempty"` // what starting a command at a level costs, over running it without a sandbox
}

// Probe tries what this machine can do: each level for real, the variations at
// each, and what else builds and reports may use. It takes about a second, and where there
// is what a virtual machine needs, as long as one takes to start. The variations
// of level vm are those of isolated, in its guest.
func Probe(ctx context.Context) ([]Capability, error) {
	var all []Capability
	working := map[Level]bool{None: true}
	for _, l := range Levels() {
		c, err := probeLevel(ctx, l)
		if err != nil {
			return nil, err
		}
		working[l] = c.State == Works
		all = append(all, c)
	}
	for _, l := range []Level{None, Supervised, Isolated} {
		if !working[l] {
			for _, n := range world.Names() {
				all = append(all, Capability{Group: VariationGroup, Name: string(n), Level: l, State: Missing, Detail: fmt.Sprintf("the level %s does not work here", l)})
			}
			continue
		}
		cs, err := probeVariations(ctx, l)
		if err != nil {
			return nil, err
		}
		all = append(all, cs...)
	}
	all = append(all, probeMachine(ctx, working[Isolated])...)
	return append(all, probeTools()...), nil
}

// starts is how often a command is started to see what that costs.
const starts = 5

// machineStart is how long a virtual machine may take, which is started once.
const machineStart = time.Minute

// probeLevel runs a command at a level, and the same command without.
func probeLevel(ctx context.Context, l Level) (Capability, error) {
	c := Capability{Group: LevelGroup, Name: string(l), State: Missing}
	bare, sandboxed := time.Hour, time.Hour
	times := starts
	trial := ctx
	if l == VM {
		times = 1
		var cancel context.CancelFunc
		trial, cancel = context.WithTimeout(ctx, machineStart)
		defer cancel()
	}
	for range times {
		begin := time.Now()
		path, err := exec.LookPath("true")
		if err == nil {
			err = exec.CommandContext(ctx, path).Run()
		}
		if err != nil {
			return c, fmt.Errorf("true: %w", bareExec(err))
		}
		bare = min(bare, time.Since(begin))
		begin = time.Now()
		if why := try(trial, l, world.World{}, false); why != "" {
			if ctx.Err() != nil {
				return c, ctx.Err()
			}
			if trial.Err() != nil {
				why = fmt.Sprintf("a virtual machine did not come up within %v", machineStart)
			}
			c.Detail = why
			return c, nil
		}
		sandboxed = min(sandboxed, time.Since(begin))
	}
	c.State, c.Millis = Works, float64((sandboxed-bare).Microseconds())/1000
	return c, nil
}

func bareExec(err error) error {
	if e, ok := err.(*exec.Error); ok {
		return e.Err
	}
	return err
}

// try runs a command that does nothing, and says why it cannot.
func try(ctx context.Context, l Level, w world.World, overlay bool) string {
	dir, err := os.MkdirTemp("", "reprodisk-doctor-*")
	if err != nil {
		return patherr.Bare(err).Error()
	}
	defer os.RemoveAll(dir)
	path, err := exec.LookPath("true")
	if err != nil {
		return bareExec(err).Error()
	}
	if path, err = filepath.Abs(path); err != nil {
		return err.Error()
	}
	r := Request{Level: l, World: w, Path: path, Args: []string{"true"}, OutDir: filepath.Join(dir, "out"), Limits: Limits{Wall: time.Minute}}
	if overlay {
		r.Dir, r.Overlay = filepath.Join(dir, "work"), true
		if err := os.Mkdir(r.Dir, 0o755); err != nil {
			return patherr.Bare(err).Error()
		}
	}
	if err := os.Mkdir(r.OutDir, 0o755); err != nil {
		return patherr.Bare(err).Error()
	}
	res, err := Run(ctx, r)
	switch {
	case err != nil:
		return strings.TrimPrefix(err.Error(), "sandbox "+string(l)+": ")
	case res.Why != "":
		return res.Why
	case !res.Succeeded():
		return fmt.Sprintf("a command that does nothing failed (exit status %d %s)", res.ExitCode, res.Signal)
	}
	return ""
}

// probeVariations runs a command in a world in which everything is varied that
// a level can vary, and where that fails, each variation alone.
func probeVariations(ctx context.Context, l Level) (all []Capability, err error) {
	m := world.ReadMachine()
	var together world.World
	at := map[world.Name]int{}
	for _, n := range world.Names() {
		c := Capability{Group: VariationGroup, Name: string(n), Level: l, State: Works}
		w, err := world.Vary(world.World{}, n, m)
		if err != nil {
			c.State, c.Detail = Missing, err.Error()
		} else if why := Can(l, &w)[n]; why != "" {
			c.State, c.Detail = Missing, why
		} else {
			if why := partly(l, &w)[n]; why != "" {
				c.State, c.Detail = Partial, why
			}
			if mixed, err := world.Vary(together, n, m); err == nil {
				together = mixed
				at[n] = len(all)
			}
		}
		all = append(all, c)
	}
	if try(ctx, l, together, false) == "" {
		return all, ctx.Err()
	}
	for n, i := range at {
		w, err := world.Vary(world.World{}, n, m)
		if err != nil {
			continue
		}
		if why := try(ctx, l, w, false); why != "" {
			all[i].State, all[i].Detail = Missing, why
		}
	}
	return all, ctx.Err()
}

// probeMachine looks at what of the kernel and the machine's settings matters.
func probeMachine(ctx context.Context, isolated bool) []Capability {
	return []Capability{probeUserns(), probeGroups(), probeOverlay(ctx, isolated), probeIDs(), probeLocales()}
}

func probeUserns() Capability {
	c := Capability{Group: MachineGroup, Name: "user namespaces", State: Works}
	if err := tryUserns(); err != nil {
		c.State, c.Detail = Missing, strings.TrimPrefix(explainUserns(err), "sandbox isolated: no user namespace: ")
	}
	return c
}

func probeGroups() Capability {
	c := Capability{Group: MachineGroup, Name: "control groups", State: Works}
	g, why := newGroup(Limits{Memory: 1 << 30, Processes: 1000})
	if g == nil {
		c.State, c.Detail = Missing, why
		c.Remedy = "limits on memory and processes then bind single processes; run as root, or below systemd-run --user --scope -p Delegate=yes"
		return c
	}
	g.remove()
	c.Detail = fmt.Sprintf("version %d: memory and processes of a build can be limited", g.version)
	return c
}

func probeOverlay(ctx context.Context, isolated bool) Capability {
	c := Capability{Group: MachineGroup, Name: "overlayfs", State: Works}
	if !isolated {
		c.State, c.Detail = NotTried, "needs the level isolated"
	} else if why := try(ctx, Isolated, world.World{}, true); why != "" {
		c.State, c.Detail = Missing, why
	}
	return c
}

func probeIDs() Capability {
	c := Capability{Group: MachineGroup, Name: "other users' numbers", State: Works}
	p := planIDs(world.User{}, os.Geteuid(), os.Getegid(), ownIDs, subIDs)
	n := 0
	for _, m := range p.OuterUID {
		n += m.Size
	}
	switch {
	case n > 1 && p.Ranges:
		c.Detail = fmt.Sprintf("%d, from /etc/subuid", n)
	case n > 1:
		c.Detail = fmt.Sprintf("%d", n)
	default:
		c.State, c.Detail = Missing, "a build can give files to nobody else (chown)"
		c.Remedy = "apt-get install uidmap, and a line for you in /etc/subuid and /etc/subgid"
	}
	return c
}

func probeLocales() Capability {
	c := Capability{Group: MachineGroup, Name: "locales", State: Works}
	have := world.ReadMachine().Locales
	c.Detail = strings.Join(append([]string{"C", "POSIX"}, have...), " ")
	foreign := false
	for _, l := range have {
		foreign = foreign || !strings.HasPrefix(l, "C.") && !strings.HasPrefix(l, "en_")
	}
	if !foreign {
		c.State, c.Remedy = Partial, "for one that sorts and prints otherwise: apt-get install locales-all"
	}
	return c
}

// tool is a program or file of others that some feature calls.
type tool struct {
	name, why, debian, nix string
	places                 []string // beside the usual ones
	data                   bool     // it is no program, and only in those places
}

func (t *tool) there() bool {
	if !t.data {
		_, ok := program.Find(t.name, t.places...)
		return ok
	}
	return slices.ContainsFunc(t.places, func(p string) bool {
		fi, err := os.Stat(p)
		return err == nil && !fi.IsDir()
	})
}

var tools = []tool{
	{name: "sqfstar", why: "fsType squashfs", debian: "squashfs-tools", nix: "squashfsTools"},
	{name: "mkfs.xfs", why: "fsType xfs", debian: "xfsprogs", nix: "xfsprogs"},
	{name: "grub-mkimage", why: "bootLoader grub", debian: "grub-common", nix: "grub2"},
	{name: "grub-pc modules", why: "GRUB for BIOS", debian: "grub-pc-bin", nix: "grub2", data: true, places: []string{"/usr/lib/grub/i386-pc/moddep.lst"}},
	{name: "grub-efi modules", why: "GRUB for EFI", debian: "grub-efi-amd64-bin", nix: "grub2_efi", data: true, places: []string{"/usr/lib/grub/x86_64-efi/moddep.lst"}},
	{name: "nix-store", why: "closures of a Nix store", debian: "nix-bin", nix: "nix"},
	{name: "diffoscope", why: "what differs inside of files, --diffoscope", debian: "diffoscope-minimal", nix: "diffoscope"},
	{name: "qemu-system-x86_64", why: "booting what was built", debian: "qemu-system-x86", nix: "qemu"},
	{name: "virtiofsd", why: "--sandbox vm, as root", debian: "virtiofsd (Debian 12: qemu-system-common)", nix: "virtiofsd", places: vm.DaemonPlaces},
	{name: "OVMF firmware", why: "EFI variables, booting EFI images", debian: "ovmf", nix: "OVMF.fd", data: true, places: []string{"/usr/share/OVMF/OVMF_VARS_4M.fd", "/usr/share/OVMF/OVMF_VARS.fd"}},
}

func probeTools() (all []Capability) {
	for _, t := range tools {
		c := Capability{Group: ToolGroup, Name: t.name, State: Missing, Detail: t.why}
		if t.there() {
			c.State = Works
		}
		if c.State == Missing {
			c.Remedy = fmt.Sprintf("apt-get install %s, or nixpkgs#%s", t.debian, t.nix)
		}
		all = append(all, c)
	}
	return all
}
