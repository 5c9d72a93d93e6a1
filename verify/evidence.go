package verify

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/program"
	"github.com/reprodisk/reprodisk/verify/buildinfo"
	"github.com/reprodisk/reprodisk/verify/sandbox"
	"github.com/reprodisk/reprodisk/verify/world"
)

const (
	evidenceFile  = "buildinfo.json" // its name among the builds, before it is kept
	maxInputBytes = 4 << 30          // of an input that is read for its digest
	toolPatience  = 2 * time.Second  // for a tool to say its version
)

// evidencePlace is where the evidence of a kept output lies: beside it, for an
// output may be a file, or a folder that is compared as a whole.
func evidencePlace(out string) string { return filepath.Clean(out) + ".buildinfo.json" }

// evidence writes what is known of two builds into the work folder.
func (l *lab) evidence(ctx context.Context, a, b *made) error {
	info, err := l.info(ctx, a, b)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := buildinfo.Write(&buf, info); err != nil {
		return err
	}
	path := filepath.Join(l.work.dir, evidenceFile)
	if err := os.WriteFile(path, buf.Bytes(), 0o666); err != nil {
		return patherr.At(path, err)
	}
	return nil
}

func (l *lab) info(ctx context.Context, a, b *made) (*buildinfo.Info, error) {
	j, opt, m := l.job, l.opt, l.machine
	info := &buildinfo.Info{
		Tool:  buildinfo.Tool{Name: opt.Tool.Name, Version: opt.Tool.Version},
		Level: string(opt.Level), Pinned: opt.Pin, Overlay: opt.Overlay, Network: opt.Network, Program: j.program.Path, Dir: j.dir,
		Epoch: os.Getenv("SOURCE_DATE_EPOCH"),
		Machine: buildinfo.Machine{
			OS: systemName("/etc/os-release"), Kernel: m.Kernel.Release + " " + m.Kernel.Version,
			Architecture: runtime.GOARCH, CPUs: m.CPUs, Memory: m.Memory,
		},
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "" {
			info.Environment = append(info.Environment, strings.ToValidUTF8(name, "?"))
		}
	}
	slices.Sort(info.Environment)
	if j.own {
		abs, err := filepath.Abs(j.spec)
		if err != nil {
			return nil, patherr.At(j.spec, err)
		}
		info.Spec = abs
	} else {
		info.Command = j.program.Args
		info.Tools = toolVersions(ctx)
	}
	inputs := append([]string{j.program.Path}, j.sources...)
	for _, path := range opt.Inputs {
		if path != sandbox.SystemInput {
			abs, err := filepath.Abs(path)
			if err != nil {
				return nil, patherr.At(path, err)
			}
			path = abs
			inputs = append(inputs, path)
		}
		info.VisibleInputs = append(info.VisibleInputs, path)
	}
	slices.Sort(inputs)
	l.say("reading the inputs")
	for _, path := range slices.Compact(inputs) {
		in := buildinfo.Input{Path: path}
		var err error
		if in.Digest, in.Size, err = digestOf(ctx, path, maxInputBytes); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			in.Note = strings.TrimPrefix(err.Error(), path+": ")
		}
		info.Inputs = append(info.Inputs, in)
	}
	for _, x := range []*made{a, b} {
		if err := l.seal(ctx, x); err != nil {
			return nil, err
		}
		info.Builds = append(info.Builds, buildinfo.Build{
			Name: x.which, World: x.world, Begun: x.begun.UTC(), Seconds: x.result.Duration.Round(time.Millisecond).Seconds(), ExitCode: x.result.ExitCode,
			Applied: x.result.Applied, NotApplied: x.result.NotApplied, Partly: x.result.Partly,
			VM: vmOf(x.result.Machine), Digest: x.digest, Log: x.log.text(), LogOmitted: x.log.dropped,
		})
	}
	return info, nil
}

// vmOf is the virtual machine that a build ran in, if any.
func vmOf(r *sandbox.Ran) *buildinfo.VM {
	if r == nil {
		return nil
	}
	return &buildinfo.VM{Kernel: r.Kernel.Release + " " + r.Kernel.Version, CPUs: r.CPUs, Memory: r.Memory, Accel: r.Accel, Share: r.Share}
}

// systemName is PRETTY_NAME of os-release(5).
func systemName(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); ok {
			return strings.ToValidUTF8(strings.Trim(v, `"'`), "?")
		}
	}
	return ""
}

// imageTools are programs that disk images are made with, and how each is
// asked for its version.
var imageTools = [][]string{
	{"mke2fs", "-V"},
	{"sgdisk", "--version"},
	{"sfdisk", "--version"},
	{"parted", "--version"},
	{"mkfs.fat", "--help"},
	{"mcopy", "--version"},
	{"mksquashfs", "-version"},
	{"mkfs.erofs", "--version"},
	{"mkfs.btrfs", "--version"},
	{"mkfs.xfs", "-V"},
	{"xorriso", "-version"},
	{"qemu-img", "--version"},
	{"grub-mkimage", "--version"},
	{"cpio", "--version"},
	{"tar", "--version"},
	{"gzip", "--version"},
	{"xz", "--version"},
	{"zstd", "--version"},
	{"mkosi", "--version"},
	{"nix", "--version"},
}

// toolVersions asks the installed ones of imageTools, all at the same time.
func toolVersions(ctx context.Context) []buildinfo.Version {
	ctx, cancel := context.WithTimeout(ctx, toolPatience)
	defer cancel()
	found := make([]buildinfo.Version, len(imageTools))
	var all sync.WaitGroup
	for i, ask := range imageTools {
		path, ok := program.Find(ask[0])
		if !ok {
			continue
		}
		all.Go(func() {
			cmd := exec.CommandContext(ctx, path, ask[1:]...)
			cmd.WaitDelay = toolPatience
			out, _ := cmd.CombinedOutput() // some end with 1 when asked
			for line := range strings.Lines(string(out)) {
				if strings.ContainsAny(line, "0123456789") {
					found[i] = buildinfo.Version{Name: ask[0], Version: strings.ToValidUTF8(strings.TrimSpace(line), "?")}
					return
				}
			}
		})
	}
	all.Wait()
	return slices.DeleteFunc(found, func(v buildinfo.Version) bool { return v.Name == "" })
}

// readEvidence reads the evidence that lies beside an output; nil where there
// is none.
func readEvidence(path string) (*buildinfo.Info, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, patherr.At(path, err)
	}
	defer f.Close()
	info, err := buildinfo.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return info, nil
}

// replaces tells whether evidence may be put in the place of a file: only of
// older evidence.
func replaces(path string) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return patherr.At(path, err)
	}
	if fi.Mode().IsRegular() {
		if _, err := readEvidence(path); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: exists already and is not replaced: remove it, or choose another place with -o", path)
}

// earlierWorld is the world in which the output beside the evidence was built,
// and the machine then.
func earlierWorld(info *buildinfo.Info) (w world.World, begun time.Time, ok bool) {
	if info == nil || len(info.Builds) == 0 {
		return world.World{}, time.Time{}, false
	}
	return info.Builds[0].World, info.Builds[0].Begun, true
}
