package forensic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/newdir"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
)

// DefaultExtractLimit is how many bytes Extract writes where nothing else is
// said.
const DefaultExtractLimit = 1 << 30

const (
	maxRangeFiles  = 4096    // ranges that are written; nearer ones are joined until there are so few
	maxSparse      = 1 << 44 // bytes of the largest file that is made, holes and all
	maxOmittedSaid = 1000    // files that are named as left out
	maxFiles       = 200_000 // that are extracted
)

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
		return patherr.At(dir, err)
	}
	if !fi.IsDir() {
		return fmt.Errorf("%s: is no folder", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return patherr.At(dir, err)
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
		return nil, patherr.At(dir, err)
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
		return nil, patherr.At(filepath.Dir(dir), err)
	}
	root, err := os.OpenRoot(x.temp)
	if err != nil {
		return nil, patherr.At(dir, err)
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
		return patherr.At(x.dir, err)
	}
	// An empty folder gives way, which os.Rename does not allow; any other does
	// not.
	if err := unix.Rename(x.temp, x.dir); err != nil {
		return patherr.At(x.dir, err)
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
