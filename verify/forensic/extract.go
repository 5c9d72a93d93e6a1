package forensic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/newdir"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

// ManifestName is the file of an extraction that says what is what.
const ManifestName = "manifest.json"

// ManifestSchema names the form of a manifest.
const ManifestSchema = "reprodisk-extract/1"

// DefaultExtractLimit is how many bytes Extract writes where nothing else is
// said.
const DefaultExtractLimit = 1 << 30

const (
	maxRangeFiles  = 4096    // ranges that are written; nearer ones are joined until there are so few
	maxSparse      = 1 << 44 // bytes of the largest file that is made, holes and all
	maxOmittedSaid = 1000    // files that are named as left out
	maxFiles       = 200_000 // that are extracted
)

// Manifest maps the names of an extraction to what they are.
type Manifest struct {
	Schema  string             `json:"schema"`
	Program string             `json:"program"`
	Version string             `json:"version"`
	Images  []ManifestImage    `json:"images"`
	Files   []Extracted        `json:"files"`  // in the order of images, partitions and paths
	Ranges  []ExtractedRange   `json:"ranges"` // of the disks, where they differ but not within an extracted file
	Limit   int64              `json:"limit"`  // bytes that were allowed
	Written int64              `json:"written"`
	Omitted []ManifestOmission `json:"omitted,omitempty"`
	// OmittedMore is how many more were left out than Omitted names.
	OmittedMore int `json:"omitted_more,omitempty"`
}

// ManifestImage is one of the images.
type ManifestImage struct {
	Side   string `json:"side"`           // a or b
	Name   string `json:"name,omitempty"` // the relative name, where folders were compared
	Path   string `json:"path"`
	Format string `json:"format"`
	Size   int64  `json:"size"`             // bytes of the virtual disk
	SHA256 string `json:"sha256,omitempty"` // of the virtual disk, where it was computed
}

// Extracted is a file of the folder, and what it is in the image.
type Extracted struct {
	Name      string `json:"name"` // in the folder
	Side      string `json:"side"`
	Image     string `json:"image,omitempty"`
	Partition int    `json:"partition"`
	Path      string `json:"path"`               // in the image, as reports show it: \xNN for what is no UTF-8
	PathHex   string `json:"path_hex,omitempty"` // the bytes, where they are no plain text
	Type      string `json:"type"`               // file, or symbolic link: its target
	Change    string `json:"change"`             // new, deleted, renamed, modified or changed
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
}

// ExtractedRange is a range of a disk.
type ExtractedRange struct {
	Name   string `json:"name"`
	Side   string `json:"side"`
	Image  string `json:"image,omitempty"`
	Offset int64  `json:"offset"` // bytes
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
}

// ManifestOmission is what was left out.
type ManifestOmission struct {
	Side      string `json:"side"`
	Image     string `json:"image,omitempty"`
	Partition int    `json:"partition"`
	Path      string `json:"path"`
	Size      int64  `json:"size"`
	Why       string `json:"why"`
}

// Extraction is a folder that is ready, and not in its place yet.
type Extraction struct {
	Manifest Manifest
	dir      string // where it goes
	temp     string // where it is
	made     newdir.Made
	done     bool
}

// CheckExtractDir refuses a folder that Extract would not fill: one that is
// there and not empty.
func CheckExtractDir(dir string) error {
	if dir == "" {
		return errors.New("the name of the folder to extract to is empty")
	}
	fi, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return plain(dir, err)
	}
	if !fi.IsDir() {
		return fmt.Errorf("%s: is no folder", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return plain(dir, err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s: is not empty; give a folder that is, or that does not exist yet", dir)
	}
	return nil
}

// Extract writes the differing files of both sides, and the ranges of the
// disks that differ elsewhere, at most limit bytes, below a hidden folder
// beside dir: Commit puts it into its place, Discard removes it. What exceeds
// the limit is left out whole, and the manifest says so. The images of the
// pairs have to be open still.
//
// Nothing in an image decides where anything is written: names are made
// harmless, no link is made or followed, and holes stay holes.
func Extract(ctx context.Context, c *Case, dir string, limit int64) (_ *Extraction, err error) {
	if err := CheckExtractDir(dir); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, plain(dir, err)
	}
	x := &Extraction{dir: abs}
	if x.made, err = newdir.Make(filepath.Dir(abs)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			x.Discard()
		}
	}()
	for n := 0; ; n++ {
		x.temp = filepath.Join(filepath.Dir(abs), fmt.Sprintf(".%s.extract.%d-%d.tmp", filepath.Base(abs), os.Getpid(), n))
		if err = os.Mkdir(x.temp, 0o777); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		x.temp = "" // not ours to remove
		return nil, plain(filepath.Dir(dir), err)
	}
	root, err := os.OpenRoot(x.temp)
	if err != nil {
		return nil, plain(dir, err)
	}
	defer root.Close()
	e := &extraction{ctx: ctx, root: root, dir: dir, names: newNames(), m: &x.Manifest, left: limit}
	x.Manifest = Manifest{Schema: ManifestSchema, Program: c.Program, Version: c.Version, Limit: limit, Images: []ManifestImage{}, Files: []Extracted{}, Ranges: []ExtractedRange{}}
	for _, p := range c.Pairs {
		if err := e.pair(p); err != nil {
			return nil, err
		}
	}
	x.Manifest.Written = limit - e.left
	return x, nil
}

// Commit writes the manifest and puts the folder into its place. A case may
// have been given other names for its images since Extract.
func (x *Extraction) Commit(c *Case) error {
	x.Manifest.Images = x.Manifest.Images[:0]
	for _, p := range c.Pairs {
		for _, s := range []struct {
			side string
			img  *Image
		}{{"a", &p.A}, {"b", &p.B}} {
			x.Manifest.Images = append(x.Manifest.Images, ManifestImage{Side: s.side, Name: p.Name, Path: report.Printable(s.img.Path), Format: s.img.Format, Size: s.img.Size, SHA256: s.img.SHA256})
		}
	}
	b, err := json.MarshalIndent(&x.Manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(x.temp, ManifestName), append(b, '\n'), 0o666); err != nil {
		return plain(x.dir, err)
	}
	// An empty folder gives way, which os.Rename does not allow; any other does
	// not.
	if err := unix.Rename(x.temp, x.dir); err != nil {
		return plain(x.dir, err)
	}
	x.done = true
	return nil
}

// Discard removes what was not put into its place.
func (x *Extraction) Discard() {
	if x == nil || x.done {
		return
	}
	if x.temp != "" {
		os.RemoveAll(x.temp)
	}
	x.made.Undo()
	x.done = true
}

// extraction is one under way.
type extraction struct {
	ctx   context.Context
	root  *os.Root
	dir   string // for messages
	names *names
	m     *Manifest
	left  int64 // bytes that may still be written
	buf   []byte
}

func (e *extraction) pair(p *Pair) error {
	var taken [2][]scan.Span // of the disks, what is in extracted files
	for _, v := range p.Volumes {
		for i := range v.Changes {
			c := &v.Changes[i]
			for side, f := range []*File{c.A, c.B} {
				if f == nil || !c.wanted() {
					continue
				}
				done, err := e.file(p, v, side, f, c)
				if err != nil {
					return err
				}
				if done {
					taken[side] = append(taken[side], f.data(sideOf(v, side))...)
				}
			}
		}
	}
	for side := range taken {
		if err := e.ranges(p, side, taken[side]); err != nil {
			return err
		}
	}
	return nil
}

// data is where the content of a file lies on the disk, as far as the blocks
// are its own and plain.
func (f *File) data(s *Side) []scan.Span {
	var out []scan.Span
	for _, r := range f.Runs {
		if r.Physical >= 0 && !r.Zeros && r.Unpacked == 0 {
			out = append(out, scan.Span{Start: s.Offset + r.Physical, End: s.Offset + r.Physical + r.Length})
		}
	}
	return out
}

// wanted tells whether a change is about what a file holds.
func (c *Change) wanted() bool {
	return c.A == nil || c.B == nil || c.Diffs.Has(DiffContent|DiffTarget|DiffType|DiffName) || c.A.Digests == nil
}

var sides = [2]string{"a", "b"}

// file extracts one side of a change. done tells that all of it is written.
func (e *extraction) file(p *Pair, v *Volume, side int, f *File, c *Change) (done bool, err error) {
	x := Extracted{Side: sides[side], Image: p.Name, Partition: v.Number, Path: report.Printable(f.Path), Change: c.Kind()}
	if Escape(f.Path, "") != f.Path {
		x.PathHex = hex.EncodeToString([]byte(f.Path))
	}
	omit := func(why string) (bool, error) {
		e.omit(ManifestOmission{Side: x.Side, Image: x.Image, Partition: x.Partition, Path: x.Path, Size: f.Size, Why: why})
		return false, nil
	}
	var content volume.Content
	switch f.Type() {
	case tree.Regular:
		if f.Digests == nil {
			return omit(f.Error)
		}
		if content, err = sideOf(v, side).volume.Content(f.Object); err != nil {
			return omit(err.Error())
		}
		x.Type = "file"
	case tree.Symlink:
		content = text{bytes.NewReader([]byte(f.Target))}
		x.Type = "symbolic link"
	default:
		return false, nil // a directory, or something that holds nothing
	}
	switch {
	case content.Size() > maxSparse:
		return omit(tooLarge)
	case len(e.m.Files) == maxFiles:
		return omit(fmt.Sprintf("more than %d files are not extracted", maxFiles))
	}
	x.Name = e.names.of(e.folder(side, p, v.Number), f.Path)
	sum, err := e.write(x.Name, content)
	switch {
	case errors.Is(err, errLimit):
		return omit(err.Error())
	case err == nil:
	case e.ctx.Err() != nil:
		return false, e.ctx.Err()
	default:
		var unread *readError
		if errors.As(err, &unread) {
			return omit("not read: " + unread.err.Error())
		}
		return false, err
	}
	x.Size, x.SHA256 = content.Size(), sum
	e.m.Files = append(e.m.Files, x)
	return true, nil
}

func sideOf(v *Volume, side int) *Side {
	if side == 0 {
		return v.A
	}
	return v.B
}

// folder is where the files of a volume go.
func (e *extraction) folder(side int, p *Pair, number int) string {
	return path.Join(e.base(side, p), fmt.Sprintf("p%d", number))
}

// base is where what is from an image goes: a, or a/IMAGE for one of several.
func (e *extraction) base(side int, p *Pair) string {
	if p.Name == "" {
		return sides[side]
	}
	key := "\x00image\x00" + sides[side] + p.Name
	if e.names.folders[key] == "" {
		e.names.folders[key] = e.names.free(sides[side], component(p.Name))
	}
	return e.names.folders[key]
}

// text is a content in memory.
type text struct{ *bytes.Reader }

func (t text) Size() int64 { return t.Reader.Size() }

func (t text) NextData(off int64) (start, end int64) { return min(off, t.Size()), t.Size() }

const tooLarge = "is too large to be made here"

var errLimit = errors.New("would exceed the limit of the extraction (--extract-limit)")

// readError is an error of an image, not of the folder.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

// write makes a file of a content, with holes for blocks of zeros, and gives
// its SHA-256. Where the content does not fit into the limit, or cannot be
// read, nothing stays.
func (e *extraction) write(name string, content volume.Content) (sum string, err error) {
	if err := e.root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o777); err != nil {
		return "", plain(e.dir, err)
	}
	f, err := e.root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", plain(e.dir, err)
	}
	before := e.left
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = plain(e.dir, cerr)
		}
		if err != nil {
			e.left = before
			e.root.Remove(filepath.FromSlash(name))
		}
	}()
	size := content.Size()
	if err := f.Truncate(size); err != nil {
		return "", plain(e.dir, err)
	}
	if e.buf == nil {
		e.buf = make([]byte, piece)
	}
	h := sha256.New()
	for off := int64(0); off < size; {
		if err := e.ctx.Err(); err != nil {
			return "", err
		}
		start, _ := content.NextData(off)
		b := e.buf[:min(int64(len(e.buf)), size-off)]
		if start = min(start, size); start > off { // zeros
			b = b[:min(int64(len(b)), start-off)]
			clear(b)
		} else if err := readFull(content, b, off); err != nil {
			return "", &readError{err}
		}
		h.Write(b)
		if err := e.put(f, b, off); err != nil {
			return "", err
		}
		off += int64(len(b))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

const block = 4096 // bytes of the smallest hole

var zeros [block]byte

// put writes what is no block of zeros.
func (e *extraction) put(f *os.File, b []byte, off int64) error {
	for at := 0; at < len(b); at += block {
		part := b[at:min(at+block, len(b))]
		if bytes.Equal(part, zeros[:len(part)]) {
			continue
		}
		if e.left -= int64(len(part)); e.left < 0 {
			return errLimit
		}
		if _, err := f.WriteAt(part, off+int64(at)); err != nil {
			return plain(e.dir, err)
		}
	}
	return nil
}

// ranges extracts where a disk differs from the other, but for what lies in
// extracted files, and what only the longer one has.
func (e *extraction) ranges(p *Pair, side int, taken []scan.Span) error {
	spans, err := differing(e.ctx, p, without(p.Spans, taken))
	if err != nil {
		return err
	}
	img := []*Image{&p.A, &p.B}[side]
	list := joined(spans, maxRangeFiles)
	if both := min(p.A.Size, p.B.Size); img.Size > both {
		list = append(list, scan.Span{Start: both, End: img.Size})
	}
	for _, s := range list {
		r := ExtractedRange{Side: sides[side], Image: p.Name, Offset: s.Start, Length: s.End - s.Start}
		omit := func(why string) {
			e.omit(ManifestOmission{Side: r.Side, Image: r.Image, Path: fmt.Sprintf("%d+%d", r.Offset, r.Length), Size: r.Length, Why: why})
		}
		if r.Length > maxSparse {
			omit(tooLarge)
			continue
		}
		r.Name = e.names.free(path.Join(e.base(side, p), "ranges"), fmt.Sprintf("%d+%d.bin", r.Offset, r.Length))
		sum, err := e.write(r.Name, diskRange{img, s})
		var unread *readError
		switch {
		case errors.Is(err, errLimit):
			omit(err.Error())
			continue
		case errors.As(err, &unread):
			return fmt.Errorf("%s: %w", img.Path, unread.err)
		case err != nil:
			return err
		}
		r.SHA256 = sum
		e.m.Ranges = append(e.m.Ranges, r)
	}
	return nil
}

func (e *extraction) omit(o ManifestOmission) {
	if len(e.m.Omitted) == maxOmittedSaid {
		e.m.OmittedMore++
		return
	}
	e.m.Omitted = append(e.m.Omitted, o)
}

const sector = 512 // bytes

// differing narrows spans down to the sectors in which the disks differ.
func differing(ctx context.Context, p *Pair, spans []scan.Span) ([]scan.Span, error) {
	var out []scan.Span
	x, y := make([]byte, piece), make([]byte, piece)
	for _, s := range spans {
		for at := s.Start; at < s.End; {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			n := min(piece-at%sector, s.End-at)
			for _, r := range []struct {
				img *Image
				b   []byte
			}{{&p.A, x[:n]}, {&p.B, y[:n]}} {
				if err := readFull(r.img.disk, r.b, at); err != nil {
					return nil, fmt.Errorf("%s: at byte %d: %w", r.img.Path, at, err)
				}
			}
			for i := int64(0); i < n; {
				end := min(n, i+sector-(at+i)%sector)
				if !bytes.Equal(x[i:end], y[i:end]) {
					if k := len(out) - 1; k >= 0 && out[k].End == at+i {
						out[k].End = at + end
					} else {
						out = append(out, scan.Span{Start: at + i, End: at + end})
					}
				}
				i = end
			}
			at += n
		}
	}
	return out, nil
}

// diskRange is a range of a disk as a content.
type diskRange struct {
	img *Image
	s   scan.Span
}

func (d diskRange) Size() int64 { return d.s.End - d.s.Start }

func (d diskRange) ReadAt(b []byte, off int64) (int, error) {
	return d.img.disk.ReadAt(b[:min(int64(len(b)), d.Size()-off)], d.s.Start+off)
}

func (d diskRange) NextData(off int64) (start, end int64) {
	start, end, err := d.img.disk.NextData(d.s.Start + off)
	if err != nil {
		return off, d.Size()
	}
	return min(start-d.s.Start, d.Size()), min(end-d.s.Start, d.Size())
}

// without is the part of sorted spans that is in none of the others.
func without(spans, taken []scan.Span) []scan.Span {
	slices.SortFunc(taken, func(x, y scan.Span) int { return compareInt(x.Start, y.Start) })
	var out []scan.Span
	i := 0
	for _, s := range spans {
		for i < len(taken) && taken[i].End <= s.Start {
			i++
		}
		at := s.Start
		for k := i; k < len(taken) && taken[k].Start < s.End; k++ {
			if taken[k].Start > at {
				out = append(out, scan.Span{Start: at, End: taken[k].Start})
			}
			at = max(at, taken[k].End)
		}
		if at < s.End {
			out = append(out, scan.Span{Start: at, End: s.End})
		}
	}
	return out
}

// joined joins spans that are near each other until there are at most n.
func joined(spans []scan.Span, n int) []scan.Span {
	for gap := int64(scan.Grain); ; gap *= 2 {
		var out []scan.Span
		for _, s := range spans {
			if k := len(out) - 1; k >= 0 && s.Start-out[k].End <= gap {
				out[k].End = max(out[k].End, s.End)
			} else {
				out = append(out, s)
			}
		}
		if len(out) <= n || gap > 1<<60 {
			return out
		}
	}
}

func compareInt(x, y int64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// plain is an error of the system as "path: what is wrong".
func plain(name string, err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		err = pe.Err
	case errors.As(err, &le):
		err = le.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

var _ io.ReaderAt = diskRange{}
