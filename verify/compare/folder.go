package compare

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// Bounds of a folder that is compared: a build's output, not a file server.
const (
	maxEntries = 100_000
	maxDepth   = 200
)

// Folders compares two folders: their entries by relative path, the disk
// images among them as disks, all other files byte by byte. A symbolic link is
// compared by its target and not followed. The report is finished.
//
// A file counts as a disk image where its name says so, or where it has a
// partition table or a filesystem that is recognised. Findings in an image
// carry its relative path as Image, and as a prefix of their ids.
func Folders(ctx context.Context, dirA, dirB string, opt Options) (*report.Report, error) {
	c := &folders{ctx: ctx, opt: opt, a: dirA, b: dirB}
	entriesA, sizeA, err := list(ctx, dirA)
	if err != nil {
		return nil, err
	}
	entriesB, sizeB, err := list(ctx, dirB)
	if err != nil {
		return nil, err
	}
	c.report = &report.Report{
		A: report.Input{Path: report.Printable(dirA), Size: sizeA, Format: "directory"},
		B: report.Input{Path: report.Printable(dirB), Size: sizeB, Format: "directory"},
	}
	if err := c.entries(entriesA, entriesB); err != nil {
		return nil, err
	}
	if err := c.report.Finish(); err != nil {
		return nil, fmt.Errorf("the account of %s and %s does not add up: %w", dirA, dirB, err)
	}
	return c.report, nil
}

// entry is what a folder has under a relative path.
type entry struct {
	rel    string
	key    string // orders a folder right before all that is in it
	mode   fs.FileMode
	size   int64
	target string // of a symbolic link
}

// kind is the entry's type for a person.
func (e *entry) kind() string {
	switch e.mode.Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "folder"
	case fs.ModeSymlink:
		return "symbolic link"
	case fs.ModeNamedPipe:
		return "named pipe"
	case fs.ModeSocket:
		return "socket"
	}
	return "device"
}

// describe is the entry's type with its size, for a person.
func (e *entry) describe() string {
	if e.mode.IsRegular() {
		return fmt.Sprintf("file of %d bytes", e.size)
	}
	return e.kind()
}

// list walks a folder, in order of the paths, and adds up its files' sizes.
func list(ctx context.Context, dir string) (entries []entry, size int64, err error) {
	fi, err := os.Stat(dir)
	if err != nil {
		return nil, 0, patherr.At(dir, err)
	}
	if !fi.IsDir() {
		return nil, 0, fmt.Errorf("%s: is not a folder", dir)
	}
	root := filepath.Clean(dir) + string(filepath.Separator) + "." // follows a link to the folder itself
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return patherr.At(name, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || rel == "." {
			return err
		}
		if len(entries) == maxEntries {
			return fmt.Errorf("%s: holds more than %d files and folders", dir, maxEntries)
		}
		if strings.Count(rel, "/") >= maxDepth {
			return fmt.Errorf("%s: is nested deeper than %d folders", name, maxDepth)
		}
		fi, err := d.Info()
		if err != nil {
			return patherr.At(name, err)
		}
		e := entry{rel: rel, key: strings.ReplaceAll(rel, "/", "\x00"), mode: fi.Mode()}
		switch fi.Mode().Type() {
		case 0:
			e.size = fi.Size()
			size += e.size
		case fs.ModeSymlink:
			if e.target, err = os.Readlink(name); err != nil {
				return patherr.At(name, err)
			}
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return entries, size, nil
}

// folders is a comparison of two folders under way.
type folders struct {
	ctx    context.Context
	opt    Options
	a, b   string
	report *report.Report

	samples int // how many the report has
}

// entries pairs the entries of two sorted lists by path.
func (c *folders) entries(a, b []entry) error {
	for len(a) > 0 || len(b) > 0 {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].key < b[0].key:
			f := onlyIn(c.a)
			f.A = a[0].describe()
			c.add(a[0].rel, f)
			rest := behind(a)
			if err := c.digestsOfAll(a[:len(a)-len(rest)], c.a, &c.report.A); err != nil {
				return err
			}
			a = rest
		case len(a) == 0 || b[0].key < a[0].key:
			f := onlyIn(c.b)
			f.B = b[0].describe()
			c.add(b[0].rel, f)
			rest := behind(b)
			if err := c.digestsOfAll(b[:len(b)-len(rest)], c.b, &c.report.B); err != nil {
				return err
			}
			b = rest
		default:
			if err := c.pair(a[0], b[0]); err != nil {
				return err
			}
			a, b = a[1:], b[1:]
		}
	}
	return nil
}

// behind is the list without its first entry, and without what lies in it:
// that a folder is missing says enough.
func behind(list []entry) []entry {
	first := list[0]
	list = list[1:]
	for len(list) > 0 && strings.HasPrefix(list[0].key, first.key+"\x00") {
		list = list[1:]
	}
	return list
}

// add enters a finding about the entry of that relative path.
func (c *folders) add(rel string, f report.Finding) {
	key := ledger.Key{Format: f.Format, Structure: f.Structure, Field: f.Field}
	f.ID = report.Printable(rel + ":" + strings.TrimPrefix(key.ID(), "p0/"))
	f.File = report.Printable("/" + rel)
	f.A, f.B = report.Printable(f.A), report.Printable(f.B)
	f.Cause = report.Content
	c.report.Findings = append(c.report.Findings, f)
}

func onlyIn(dir string) report.Finding {
	return report.Finding{Format: "folder", Structure: "folder", Field: "entry", Note: "only in " + report.Printable(dir)}
}

// pair compares what the two folders have under the same path.
func (c *folders) pair(a, b entry) error {
	if a.mode.Type() != b.mode.Type() {
		c.add(a.rel, report.Finding{Format: "folder", Structure: "folder", Field: "type", A: a.kind(), B: b.kind()})
		return c.digestsOfBoth(a, b)
	}
	const execute = 0o111
	if a.mode.Type() != fs.ModeSymlink && a.mode&execute != b.mode&execute {
		c.add(a.rel, report.Finding{
			Format: "folder", Structure: "folder", Field: "mode",
			A: fmt.Sprintf("%04o", a.mode.Perm()), B: fmt.Sprintf("%04o", b.mode.Perm()),
			Remedy: "set the mode, or the umask, in the build",
		})
	}
	switch a.mode.Type() {
	case 0:
		return c.files(a, b)
	case fs.ModeSymlink:
		if a.target != b.target {
			c.add(a.rel, report.Finding{Format: "folder", Structure: "symbolic link", Field: "target", A: a.target, B: b.target})
		}
	}
	return nil
}

// files compares two files of the same relative path.
func (c *folders) files(a, b entry) error {
	nameA, nameB := filepath.Join(c.a, a.rel), filepath.Join(c.b, b.rel)
	plainly := func() error {
		if err := c.bytes(a.rel, nameA, nameB); err != nil {
			return err
		}
		return c.digestsOfBoth(a, b)
	}
	if a.size == 0 || b.size == 0 || packed(a.rel) {
		return plainly()
	}
	imgA, err := split.OpenWith(c.ctx, nameA, c.opt.Open)
	if err != nil {
		return plainly() // a container that is not read: its bytes are
	}
	defer imgA.Close()
	imgB, err := split.OpenWith(c.ctx, nameB, c.opt.Open)
	if err != nil {
		return plainly()
	}
	defer imgB.Close()
	isDisk := named(a.rel)
	for _, img := range []*split.Image{imgA, imgB} {
		if isDisk {
			break
		}
		if isDisk, err = holdsDisk(img); err != nil {
			return err
		}
	}
	if !isDisk {
		return plainly()
	}
	return c.images(a.rel, imgA, imgB)
}

// named tells whether a file's name is that of a disk image.
func named(rel string) bool {
	switch strings.ToLower(path.Ext(rel)) {
	case ".img", ".raw", ".dd", ".qcow2", ".vdi", ".vhd", ".vhdx", ".vmdk":
		return true
	}
	return false
}

// packed tells whether a file's name is that of something compressed which is
// no disk image: a manual page is not worth unpacking.
func packed(rel string) bool {
	ext := path.Ext(rel)
	switch strings.ToLower(ext) {
	case ".gz", ".xz", ".zst", ".tgz", ".txz":
		return !named(strings.TrimSuffix(rel, ext))
	}
	return false
}

// holdsDisk tells whether an image has a partition table or a filesystem.
func holdsDisk(img *split.Image) (bool, error) {
	t, err := img.Table()
	if err != nil {
		return false, err
	}
	if t.Label != split.LabelNone {
		return true, nil
	}
	k, _ := identify(ledger.Side{R: img, Size: img.Size()})
	return k.Type != "", nil
}

// images compares two disks and takes the outcome into the folders' report.
func (c *folders) images(rel string, a, b *split.Image) error {
	one := &report.Report{A: input(a), B: input(b)}
	opt := c.opt
	if opt.Progress != nil {
		opt.Progress = func(stage string, done, total int64) { c.opt.Progress(rel+": "+stage, done, total) }
	}
	if err := images(c.ctx, one, a, b, opt); err != nil {
		return err
	}
	image := report.Printable(rel)
	digestsOf(image, one.A, &c.report.A)
	digestsOf(image, one.B, &c.report.B)
	for _, f := range one.Findings {
		f.Image, f.ID = image, image+":"+f.ID
		if f.Sample != nil {
			if c.samples++; c.samples > maxSamples {
				f.Sample = nil
			}
		}
		for i := range f.DerivedFrom {
			f.DerivedFrom[i] = image + ":" + f.DerivedFrom[i]
		}
		c.report.Findings = append(c.report.Findings, f)
	}
	for _, p := range one.Partitions {
		p.Image = image
		c.report.Partitions = append(c.report.Partitions, p)
	}
	for _, h := range one.Heat {
		if len(c.report.Heat) < report.MaxHeats && len(h.Buckets) > 0 {
			h.Image = image
			c.report.Heat = append(c.report.Heat, h)
		}
	}
	c.report.Warnings = append(c.report.Warnings, one.Warnings...)
	c.report.DifferingBytes += one.DifferingBytes
	return nil
}
