package mkfat

import (
	"errors"
	"sort"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// MinSize is the least size in bytes, a multiple of the sector size, at which
// Write stores the tree with these options; their Size is not looked at. The
// error is the one that Write would give at any size.
func MinSize(root *tree.Node, opt Options) (int64, error) {
	if err := opt.setDefaults(); err != nil {
		return 0, err
	}
	p, err := newPlan(root, &opt)
	if err != nil {
		return 0, err
	}
	if opt.Type != 0 {
		size, err := p.minSize(opt, 1, maxSectors)
		return size, unwrapLayout(err)
	}
	wide := autoFAT32 / int64(opt.SectorSize)
	size, err := p.minSize(opt, 1, wide-1)
	if err != nil {
		opt.Type = fat.FAT32
		size, err = p.minSize(opt, wide, maxSectors)
	}
	return size, unwrapLayout(err)
}

// minSize searches the sizes from lo to hi sectors. The clusters grow with
// the size, and among sizes with equal clusters a larger one holds more, so
// each cluster size is searched by halving.
func (p *plan) minSize(opt Options, lo, hi int64) (int64, error) {
	var last error
	layoutOf := func(sectors int64) (*layout, error) {
		opt.Size = sectors * int64(opt.SectorSize)
		return chooseLayout(&opt)
	}
	for spc := int64(1); spc <= 128; spc *= 2 {
		n := int64(sort.Search(int(hi-lo+1), func(i int) bool {
			l, err := layoutOf(lo + int64(i))
			switch {
			case err != nil:
				return errors.Is(err, errTooLarge)
			case l.spc != spc:
				return l.spc > spc
			}
			return p.fits(l) == nil
		}))
		l, err := layoutOf(min(lo+n, hi))
		if err == nil {
			if err = p.fits(l); err == nil && l.spc == spc {
				return opt.Size, nil
			}
		}
		if err != nil {
			last = err
		}
	}
	if last == nil {
		last = errors.New("fat: no size holds the tree with these options")
	}
	return 0, last
}
