package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/verify/sandbox/vm"
	"github.com/reprodisk/reprodisk/verify/world"
)

// Machine is the virtual machine of the level vm. The zero value is the host's
// kernel with modules, QEMU as it is found, as many processors as the world or
// else the host has, and half of the host's memory, at most 4 GiB.
type Machine struct {
	Kernel  string // path
	Modules string // the folder of its modules
	MemMiB  int
}

// Ran is the virtual machine that a build ran in.
type Ran struct {
	Kernel world.Kernel `json:"kernel"`
	CPUs   int          `json:"cpus"`
	Memory int64        `json:"memory"` // bytes that its kernel has
	Accel  string       `json:"accel"`  // "kvm"; "tcg", QEMU's emulation
	Share  string       `json:"share"`  // how it saw this machine's files: "virtiofs", "9p"
}

// MaxCPUs is how many processors a virtual machine has at most: what the usual
// interrupt controller of x86 can address.
const MaxCPUs = 255

// slack is how long a virtual machine may take beyond the limit of a run, which
// holds in the guest: to begin, to end what is left over, and to write.
const slack = time.Minute

// caller are the numbers of this process; a variable for the tests.
var caller = func() (uid, gid int, groups []int) {
	groups, _ = os.Getgroups()
	return os.Geteuid(), os.Getegid(), groups
}

// runMachine is Run for the level vm.
func runMachine(ctx context.Context, r *Request) (*Result, error) {
	inner := *r
	inner.Level, inner.Stdout, inner.Stderr = Isolated, nil, nil
	inner.OutDir = vm.Folder
	notApplied := Can(VM, &r.World)
	for n := range notApplied {
		inner.World = world.Mix(inner.World, world.World{}, n)
	}
	run := machineRun{Request: inner, Merged: r.Stdout == r.Stderr}
	run.UID, run.GID, run.Groups = caller()
	o := vm.Options{
		Kernel: r.Machine.Kernel, Modules: r.Machine.Modules, MemMiB: r.Machine.MemMiB, CPUs: r.World.CPUs,
		Dir: r.OutDir, What: run,
		Output: func(stream int, b []byte) {
			w := r.Stdout
			if stream == vm.Stderr {
				w = r.Stderr
			}
			if w != nil {
				_, _ = w.Write(b) // where the reader is gone, the run goes on
			}
		},
	}
	if r.Limits.Wall > 0 {
		o.Limit = r.Limits.Wall + slack
	}
	var warnings []string
	o.Warn = func(line string) { warnings = append(warnings, line) }
	m, err := vm.Run(ctx, o)
	if e := ctx.Err(); e != nil {
		if err == nil {
			m.Close()
		}
		return nil, e
	}
	var memory *vm.MemoryError
	switch {
	case errors.Is(err, vm.ErrOver):
		return &Result{ExitCode: -1, Why: fmt.Sprintf("timeout after %v", r.Limits.Wall)}, nil
	case errors.As(err, &memory):
		return &Result{ExitCode: -1, Why: outOfMachine(memory.MemMiB)}, nil
	case err != nil:
		return nil, fmt.Errorf("sandbox vm: %w", err)
	}
	defer m.Close()
	res, err := answer(m)
	if err != nil {
		return nil, err
	}
	for n, why := range notApplied {
		if res.NotApplied == nil {
			res.NotApplied = map[world.Name]string{}
		}
		res.NotApplied[n] = why
	}
	res.Notes = append(res.Notes, warnings...)
	if res.Out == "" {
		return res, nil
	}
	res.Out = ""
	out, problem, err := takeFromMachine(ctx, m, r.OutDir)
	if err != nil {
		return nil, err
	}
	res.Out, res.Problem = out, problem
	return res, nil
}

func outOfMachine(mib int) string {
	return fmt.Sprintf("out of memory: the virtual machine has %d MiB; give it more with --vm-memory", mib)
}

// answer is the result that a guest gives.
func answer(m *vm.Result) (*Result, error) {
	var reply machineReply
	if err := json.Unmarshal(m.Reply, &reply); err != nil {
		return nil, fmt.Errorf("sandbox vm: the guest's reply: %w", err)
	}
	res := reply.Result
	switch {
	case res == nil && reply.OOM:
		return &Result{ExitCode: -1, Why: outOfMachine(m.MemMiB)}, nil
	case res == nil:
		return nil, errors.New("sandbox vm: " + strings.TrimPrefix(oneLine(reply.Error), "sandbox isolated: "))
	}
	if reply.OOM && res.Why == "" && !res.Succeeded() {
		res.Why = outOfMachine(m.MemMiB)
	}
	ran := reply.Ran
	ran.Accel, ran.Share = m.Accel, m.Share
	res.Machine = &ran
	res.clean()
	return res, nil
}

// clean makes of a guest's result one that can be shown, and names no part of a
// world that there is not.
func (res *Result) clean() {
	known := func(names []world.Name) []world.Name {
		return slices.DeleteFunc(names, func(n world.Name) bool { return !slices.Contains(world.Names(), n) })
	}
	res.Asked, res.Applied = known(res.Asked), known(res.Applied)
	for _, m := range []map[world.Name]string{res.NotApplied, res.Partly} {
		for n, why := range m {
			if m[n] = oneLine(why); !slices.Contains(world.Names(), n) {
				delete(m, n)
			}
		}
	}
	for _, list := range [][]string{res.Notes, res.Limits} {
		for i := range list {
			list[i] = oneLine(list[i])
		}
	}
	for _, s := range []*string{&res.Why, &res.Problem, &res.Signal, &res.Machine.Kernel.Release, &res.Machine.Kernel.Version} {
		*s = oneLine(*s)
	}
}

// oneLine is a text from a guest as one line.
func oneLine(s string) string { return strings.Join(strings.FieldsFunc(s, isControl), " ") }

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
