package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/forensic"
)

// forensicFlags are the outputs for a case file: what differs, as evidence.
type forensicFlags struct {
	dfxml, timeline, extract, log string
	limit                         byteSize

	set      *pflag.FlagSet
	outputs  []forensicOutput
	logFile  *output
	account  *forensic.Log
	start    time.Time
	found    *forensic.Case
	prepared *forensic.Extraction
}

type forensicOutput struct {
	*output
	render func(io.Writer, *forensic.Case) error
}

func (f *forensicFlags) add(flags *pflag.FlagSet) {
	f.set = flags
	f.limit = forensic.DefaultExtractLimit
	flags.StringVar(&f.dfxml, "dfxml", "", "write the files that differ to `FILE` as differential Digital\nForensics XML; implies --digests")
	flags.StringVar(&f.timeline, "timeline", "", "write the files that differ to `FILE` as a body file for mactime")
	flags.StringVar(&f.extract, "extract", "", "write what the differing files of both sides hold, and the ranges\nthat differ elsewhere, into `DIR`, with a manifest; implies --digests")
	flags.Var(&f.limit, "extract-limit", "write at most `SIZE` bytes into the folder of --extract")
	flags.StringVar(&f.log, "log", "", "write to `FILE` what was read, by which version, as JSON lines")
}

// asked tells whether one of the flags was given.
func (f *forensicFlags) asked() bool { return f.examines() || f.set.Changed("log") }

// examines tells whether the images are looked into.
func (f *forensicFlags) examines() bool {
	return f.set.Changed("dfxml") || f.set.Changed("timeline") || f.set.Changed("extract")
}

// digests tells whether the images' digests are needed.
func (f *forensicFlags) digests() bool { return f.set.Changed("dfxml") || f.set.Changed("extract") }

// open opens every output before the work begins. The caller discards them.
// What else goes to standard output must be open already.
func (f *forensicFlags) open(a *app, reports *reportFlags) (err error) {
	f.start = time.Now()
	if f.set.Changed("extract-limit") && !f.set.Changed("extract") {
		return errors.New("--extract-limit goes with --extract DIR")
	}
	defer func() {
		if err != nil {
			f.discard()
		}
	}()
	reports.judged = func(r *report.Report) error { return f.write(a, r) }
	taken := reports.onStandardOutput(a)
	for _, o := range []struct {
		flag, file string
		render     func(io.Writer, *forensic.Case) error
	}{{"dfxml", f.dfxml, forensic.WriteDFXML}, {"timeline", f.timeline, forensic.WriteBodyfile}, {"log", f.log, nil}} {
		if !f.set.Changed(o.flag) {
			continue
		}
		out, err := openOutput(o.file, a.stdout)
		if err != nil {
			return err
		}
		if out.direct == a.stdout {
			if taken != "" {
				return fmt.Errorf("--%s %s: standard output is taken by %s already; give one of them a file", o.flag, o.file, taken)
			}
			taken = "--" + o.flag
		}
		if o.render == nil {
			f.logFile = out
		} else {
			f.outputs = append(f.outputs, forensicOutput{out, o.render})
		}
	}
	if f.set.Changed("extract") {
		if err := forensic.CheckExtractDir(f.extract); err != nil {
			return err
		}
	}
	if f.logFile != nil {
		f.account = &forensic.Log{}
		folder, _ := os.Getwd() // gone, perhaps: no reason not to work
		f.account.Add(forensic.Event{Event: "start", Program: "reprodisk", Version: version(), Args: os.Args[1:], Folder: folder})
	}
	return nil
}

// onStandardOutput names the report that goes to standard output, if one does.
func (f *reportFlags) onStandardOutput(a *app) string {
	for _, o := range f.outputs {
		if o.direct == a.stdout {
			return "the report"
		}
	}
	return ""
}

// examine finds what differs between the images of the report, which lie at
// the paths pathA and pathB while this is called.
func (f *forensicFlags) examine(ctx context.Context, a *app, r *report.Report, pathA, pathB string, partition int, open split.OpenOptions, saved bool) (err error) {
	if !f.asked() {
		return nil
	}
	opt := forensic.ExamineOptions{
		Options: forensic.Options{Partition: partition, Progress: a.progress.show, Log: f.account},
		Open:    open, Saved: saved,
	}
	if !f.examines() {
		return forensic.LogInputs(ctx, r, pathA, pathB, opt)
	}
	if f.found, err = forensic.Examine(ctx, r, pathA, pathB, opt); err != nil {
		return err
	}
	defer f.found.Close()
	f.found.Program, f.found.Version, f.found.Args, f.found.Start = "reprodisk", version(), append([]string{"reprodisk"}, os.Args[1:]...), f.start
	if f.set.Changed("extract") {
		f.prepared, err = forensic.Extract(ctx, f.found, f.extract, int64(f.limit))
	}
	return err
}

// write writes the case file of a report that is finished.
func (f *forensicFlags) write(a *app, r *report.Report) error {
	if !f.asked() {
		return nil
	}
	a.progress.clear()
	if f.found != nil {
		f.found.Describe(r)
		for _, p := range f.found.Pairs {
			for _, w := range p.Warnings {
				if !said(r, w) {
					a.warn(w)
				}
			}
		}
	}
	for _, o := range f.outputs {
		err := o.stream(func(w io.Writer) error { return o.render(w, f.found) })
		switch {
		case errors.Is(err, syscall.EPIPE): // whoever read it has seen enough
		case err != nil:
			return o.broken(err)
		}
		f.account.Add(forensic.Event{Event: "output", Path: o.name})
	}
	if f.prepared != nil {
		if err := f.prepared.Commit(f.found); err != nil {
			return err
		}
		f.account.Add(forensic.Event{Event: "output", Path: f.extract, Length: f.prepared.Manifest.Written})
		if n := len(f.prepared.Manifest.Omitted) + f.prepared.Manifest.OmittedMore; n > 0 {
			first := f.prepared.Manifest.Omitted[0]
			a.warn(fmt.Sprintf("--extract: files or ranges left out: %d; the first, %s of %s, %s; see %s in %s", n, first.Path, first.Side, first.Why, forensic.ManifestName, f.extract))
		}
	}
	if f.logFile != nil {
		f.account.Add(forensic.Event{Event: "end", Verdict: string(r.Verdict), Differing: &r.DifferingBytes})
		if err := f.logFile.write(f.account.Write); err != nil && !errors.Is(err, syscall.EPIPE) {
			return err
		}
	}
	return nil
}

// said tells whether a warning is among the report's.
func said(r *report.Report, warning string) bool {
	for _, w := range r.Warnings {
		if w == report.Printable(warning) {
			return true
		}
	}
	return false
}

func (f *forensicFlags) discard() {
	for _, o := range f.outputs {
		o.discard()
	}
	if f.logFile != nil {
		f.logFile.discard()
	}
	f.prepared.Discard()
}

// byteSize is a number of bytes as a flag: 4096, 512K, 100M, 2G, powers of
// 1024.
type byteSize int64

func (s *byteSize) String() string {
	n := int64(*s)
	for _, unit := range []string{"", "K", "M", "G"} {
		if n%1024 != 0 || n == 0 || unit == "G" {
			return strconv.FormatInt(n, 10) + unit
		}
		n /= 1024
	}
	return ""
}

func (s *byteSize) Type() string { return "size" }

func (s *byteSize) Set(text string) error {
	number := strings.TrimSuffix(strings.TrimSuffix(text, "B"), "i")
	shift := 0
	if i := strings.IndexAny(number, "KMGT"); i >= 0 && i == len(number)-1 {
		shift = 10 * (1 + strings.IndexByte("KMGT", number[i]))
		number = number[:i]
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)>>shift {
		return fmt.Errorf("%q is no size: give bytes, as 4096, 512K, 100M or 2G", text)
	}
	*s = byteSize(n << shift)
	return nil
}
