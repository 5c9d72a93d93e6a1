package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify"
	"github.com/reprodisk/reprodisk/verify/attribute"
	"github.com/reprodisk/reprodisk/verify/sandbox"
	"github.com/reprodisk/reprodisk/verify/world"
)

// worldFlags say in which worlds verify builds, and how often.
type worldFlags struct {
	vary         []string
	level        string
	on           string
	memory, disk string
	opt          verify.Options // the other flags, in their places
}

func (f *worldFlags) add(flags *pflag.FlagSet) {
	o := &f.opt
	flags.StringArrayVar(&f.vary, "vary", nil, "what differs between the two builds: a `LIST` of +NAME,-NAME,\nall, none, or =NAME,… for these alone; see docs/verify.md")
	flags.StringVar(&f.level, "sandbox", string(sandbox.Isolated), "how far the builds are kept from this machine: a `LEVEL`, none,\nsupervised, isolated or vm; reprodisk doctor says which work here")
	flags.BoolVar(&o.Attribute, "attribute", false, "find out what each difference follows, by building again with\none thing varied at a time")
	flags.IntVar(&o.MaxBuilds, "max-builds", attribute.DefaultMaxBuilds, "build at most `N` times for --attribute")
	flags.IntVar(&o.Repeat, "repeat", 0, "build `N` times in one world, and count the distinct results")
	flags.Float64Var(&o.MissRate, "miss-rate", 0, "end --repeat once a result that comes up at this `RATE` (0.1:\nonce in ten builds) was hardly missed: with a chance below 1 %")
	flags.BoolVar(&o.Pin, "pin", false, "build in a pinned world, which makes most builders reproducible")
	flags.StringArrayVar(&o.Inputs, "input", nil, "let the builds see this `PATH` and no other, beside the working\nfolder; \"system\" is the machine's system; repeatable")
	flags.BoolVar(&o.Overlay, "overlay", false, "let a command write to its working folder; what it writes is\nthrown away")
	flags.BoolVar(&o.Network, "network", false, "let the builds use the network")
	flags.DurationVar(&o.Limits.Wall, "timeout", 0, "end a build after this `TIME`: 90s, 10m, 2h")
	flags.StringVar(&f.memory, "memory", "", "end a build that takes more memory than `SIZE`: 512M, 4G")
	flags.StringVar(&f.disk, "disk", "", "let a build write at most `SIZE` where it builds in memory")
	flags.IntVar(&o.Limits.Processes, "processes", 0, "let a build have at most `N` processes")
	flags.StringVar(&o.Machine.Kernel, "vm-kernel", "", "with --sandbox vm, the machine's kernel is `FILE`; default this\nmachine's own")
	flags.StringVar(&o.Machine.Modules, "vm-modules", "", "its modules are in `DIR`; default beside the kernel")
	flags.IntVar(&o.Machine.MemMiB, "vm-memory", 0, "give the machine `N` MiB of memory; default half of what there\nis, at most 4096")
	flags.StringVar(&f.on, "build-on", "", "build on `WHAT`: disk, or tmpfs (memory); default disk, with\n--pin and --attribute tmpfs")
	flags.IntVar(&o.Parallel, "parallel", 0, "run `N` builds of --attribute and --repeat at the same time;\ndefault 2, or 1 where memory or processors are short")
}

// options checks the flags and gives what they say.
func (f *worldFlags) options(cmd *cobra.Command) (verify.Options, error) {
	o := f.opt
	o.Vary = f.vary
	var err error
	if o.Level, err = sandbox.ParseLevel(f.level); err != nil {
		return o, usageError(cmd, "--sandbox %s: there is none, supervised, isolated and vm", f.level)
	}
	for _, name := range []string{"vm-kernel", "vm-modules", "vm-memory"} {
		// An earlier verification had a level of its own.
		if o.Level != sandbox.VM && cmd.Flags().Changed(name) && !cmd.Flags().Changed("again") {
			return o, usageError(cmd, "--%s is of use with --sandbox vm alone", name)
		}
	}
	switch o.Filesystem = world.Filesystem(f.on); o.Filesystem {
	case world.FilesystemAny, world.FilesystemDisk, world.FilesystemTmpfs:
	default:
		return o, usageError(cmd, "--build-on %s: is not disk or tmpfs", f.on)
	}
	for _, size := range []struct {
		flag, text string
		to         *int64
	}{{"memory", f.memory, &o.Limits.Memory}, {"disk", f.disk, &o.Limits.Disk}} {
		if size.text == "" {
			continue
		}
		if *size.to, err = parseSize(size.text); err != nil {
			return o, usageError(cmd, "--%s %s: %v", size.flag, size.text, err)
		}
	}
	for _, c := range []struct {
		flag string
		n    int
		min  int
	}{
		{"max-builds", o.MaxBuilds, 1}, {"repeat", o.Repeat, 0}, {"processes", o.Limits.Processes, 0}, {"parallel", o.Parallel, 0}, {"vm-memory", o.Machine.MemMiB, 0},
	} {
		if c.n < c.min {
			return o, usageError(cmd, "--%s %d: is too few", c.flag, c.n)
		}
	}
	if o.Limits.Wall < 0 {
		return o, usageError(cmd, "--timeout %v: is below zero", o.Limits.Wall)
	}
	o.Tool = report.Tool{Name: "reprodisk", Version: version()}
	return o, nil
}

// parseSize reads a number of bytes: 1048576, 512M, 4G, 4GiB; the units are
// powers of 1024.
func parseSize(text string) (int64, error) {
	number, shift := text, 0
	for i, unit := range []string{"K", "M", "G", "T"} {
		for _, spelled := range []string{unit, unit + "iB", strings.ToLower(unit)} {
			if rest, ok := strings.CutSuffix(text, spelled); ok {
				number, shift = rest, 10*(i+1)
			}
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("is no size; 512M and 4G are")
	}
	return n << shift, nil
}
