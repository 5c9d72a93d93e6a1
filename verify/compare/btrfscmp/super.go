package btrfscmp

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// mirrors names the copies of the superblock.
var mirrors = [3]string{"superblock", "superblock mirror 1", "superblock mirror 2"}

// unusedArray is the rest of the array of chunks: the entries have indexes.
const unusedArray = "sys_chunk_array"

// readSuper reads a copy of the superblock; nil where the volume ends before.
func (s *side) readSuper(i int) ([]byte, error) {
	if s.Size < btrfs.SuperOffsets[i]+btrfs.SuperSize {
		return nil, nil
	}
	raw := make([]byte, btrfs.SuperSize)
	if n, err := s.R.ReadAt(raw, btrfs.SuperOffsets[i]); n < len(raw) {
		return nil, fmt.Errorf("btrfs: byte %d: %w", btrfs.SuperOffsets[i], err)
	}
	return raw, nil
}

// compareSuper enters what differs in the superblock and its mirrors.
func (c *comparison) compareSuper() error {
	for i := range mirrors {
		a, err := c.a.readSuper(i)
		if err != nil {
			return fmt.Errorf("first image: %w", err)
		}
		b, err := c.b.readSuper(i)
		if err != nil {
			return fmt.Errorf("second image: %w", err)
		}
		if a == nil || b == nil {
			continue
		}
		for _, p := range btrfs.SuperFields(a) {
			if bytes.Equal(a[p.Start:p.End], b[p.Start:p.End]) || p.Name == unusedArray {
				continue
			}
			f, fresh := c.superFinding(i, p.Name)
			if fresh {
				f.A, f.B = showSuper(p, a), showSuper(p, b)
				c.super[i] = append(c.super[i], f)
			}
			f.At(c.Sides.A.Base+btrfs.SuperOffsets[i]+int64(p.Start), int64(p.End-p.Start))
		}
	}
	return nil
}

// valueShown is how many bytes of a field are shown.
const valueShown = 64

func showSuper(p btrfs.ItemField, raw []byte) string {
	b := raw[p.Start:p.End]
	switch {
	case p.Name == "csum_type":
		return btrfs.CsumName(btrfs.SuperblockLayout.Decode(raw).CsumType)
	case p.Name == "csum":
		b = b[:btrfs.CsumLength(btrfs.SuperblockLayout.Decode(raw).CsumType)]
		return fmt.Sprintf("%x", b)
	case p.Name == "label":
		return p.Show(b)
	case len(b) > valueShown:
		return fmt.Sprintf("%x…", b[:valueShown])
	}
	return p.Show(b)
}

var index = regexp.MustCompile(`\[\d+\]`)

// superName is the name of a field's finding: that of several entries is one.
func superName(name string) string {
	switch {
	case len(name) > 11 && name[:11] == "super_roots":
		return "super_roots"
	case name == "dev_item.bytes_used":
		return name
	}
	return index.ReplaceAllString(name, "")
}

// superFinding is the finding of a field of a copy of the superblock.
func (c *comparison) superFinding(i int, field string) (f *ledger.Finding, fresh bool) {
	field = superName(field)
	if f = c.Has(mirrors[i], field, ""); f != nil {
		return f, false
	}
	what, _ := aboutSuper(field)
	f = c.Enter(mirrors[i], field, "", what)
	f.Whole = true
	return f, true
}

// superOf is the finding of a field of the first superblock, or nil.
func (c *comparison) superOf(field string) *ledger.Finding { return c.Has(mirrors[0], field, "") }

// alike are fields of the superblock that another one's value is also in.
var alike = map[string]string{
	"dev_item.fsid":                   "fsid",
	"metadata_uuid":                   "fsid",
	"leafsize":                        "nodesize",
	"log_root_level":                  "log_root",
	"log_root_transid":                "log_root",
	"stripesize":                      "sectorsize",
	"dev_item.total_bytes":            "total_bytes",
	"dev_item.sector_size":            "sectorsize",
	"sys_chunk_array.stripe.dev_uuid": "dev_item.uuid",
}

// settleSuper says what follows from what in the superblocks, once all else is
// known.
func (c *comparison) settleSuper() {
	for i, list := range c.super {
		for _, f := range list {
			if i > 0 {
				f.Follows(c.superOf(f.Field))
			}
			if of, ok := alike[f.Field]; ok {
				f.Follows(c.superOf(of))
				continue
			}
			switch _, own := aboutSuper(f.Field); {
			case own:
			case f.Field == "csum":
				for _, other := range list {
					f.Follows(other)
				}
			default:
				f.Follows(c.causes(f)...)
			}
		}
	}
}

// decides finds what decides where things lie: what differs in the files, apart
// from their times and owners, and the options of the filesystem.
func (c *comparison) decides() {
	for _, name := range deciding {
		if f := c.superOf(name); f != nil {
			c.decide = append(c.decide, f)
		}
	}
	c.decide = append(c.decide, c.Changes...)
	for _, f := range c.Roots {
		if f.Structure == inode && decidingField(f.Field) {
			c.decide = append(c.decide, f)
		}
	}
	if c.Reordered != nil {
		c.decide = append(c.decide, c.Reordered)
	}
}

func decidingField(name string) bool {
	return name == "target" || name == "size" || name == "nlink" || name == "flags" || name == "mode" || len(name) > 6 && name[:6] == "xattr:"
}

// causes lists what a finding follows from that has no cause of its own.
func (c *comparison) causes(f *ledger.Finding) []*ledger.Finding {
	g := c.superOf("generation")
	if g == nil || f == g || c.whole != nil || !generational(f.Field) && len(c.decide) > 0 {
		return c.decide
	}
	return []*ledger.Finding{g}
}
