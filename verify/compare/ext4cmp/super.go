package ext4cmp

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// readAt reads n bytes of a side's volume; nil where they are not there.
func (s *side) readAt(off int64, n int) ([]byte, error) {
	if off < 0 || off+int64(n) > s.Size {
		return nil, nil
	}
	b := make([]byte, n)
	if m, err := s.R.ReadAt(b, off); m != n {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%d bytes at %d of the volume: %w", n, off, err)
	}
	return b, nil
}

// superBase is the name of the field that a superblock field's difference is
// found under: the low half of a time for its high byte, where that differs
// too.
func superBase(name string, differs func(string) bool) string {
	if base, ok := superTimes[name]; ok && differs(base) {
		return base
	}
	return name
}

func superKey(c *comparison, structure, name string) ledger.Key {
	return c.key(structure, name, "")
}

func (c *comparison) compareSuper() error {
	rawA, err := c.a.readAt(ext4.SuperblockOffset, ext4.SuperblockSize)
	if err != nil {
		return err
	}
	rawB, err := c.b.readAt(ext4.SuperblockOffset, ext4.SuperblockSize)
	if err != nil {
		return err
	}
	c.a.rawSuper, c.b.rawSuper = rawA, rawB
	c.superFields("superblock", rawA, rawB, ext4.SuperblockOffset, nil)
	if f := c.l.Has(superKey(c, "superblock", "s_checksum_seed")); f != nil && c.a.sb.HasIncompat(ext4.IncompatCsumSeed) {
		c.seed = f
		f.Follows(c.l.Has(superKey(c, "superblock", "s_uuid")))
	} else if !c.a.sb.HasIncompat(ext4.IncompatCsumSeed) {
		c.seed = c.l.Has(superKey(c, "superblock", "s_uuid"))
	}
	c.hashSeed = c.l.Has(superKey(c, "superblock", "s_hash_seed"))
	return c.compareBackups()
}

// superFields enters the fields that differ between two superblocks.
// primary, where it is given, is the primary's finding for a backup's field.
func (c *comparison) superFields(structure string, rawA, rawB []byte, at int64, primary func(name string) *ledger.Finding) []*ledger.Finding {
	diff := ext4.SuperblockLayout.Diff(rawA, rawB)
	differs := func(name string) bool {
		for _, f := range diff {
			if f.Name == name {
				return true
			}
		}
		return false
	}
	var out []*ledger.Finding
	var sum *ledger.Finding
	for _, f := range diff {
		x, fresh := c.enter(superKey(c, structure, superBase(f.Name, differs)), aboutSuper(f.Name))
		if fresh {
			x.A, x.B = showSuper(f, rawA), showSuper(f, rawB)
			x.At(c.disk(at+int64(f.Offset)), int64(f.Length))
		}
		if structure != "superblock" {
			x.Member("")
		}
		if primary != nil {
			if p := primary(x.Field); p != nil && p.A == showSuper(f, rawA) && p.B == showSuper(f, rawB) {
				x.Follows(p)
				c.inBackups = append(c.inBackups, p)
			}
		}
		if f.Name == "s_wtime" && structure != "superblock" && primary != nil {
			// mke2fs writes the copies and nothing else does: their s_wtime is
			// the time when the filesystem was made.
			made, _ := ext4.SuperblockLayout.Named("s_mkfs_time")
			if m := primary("s_mkfs_time"); m != nil && m.A == showSuper(made, rawA) && m.B == showSuper(made, rawB) &&
				bytes.Equal(made.Slice(rawA), f.Slice(rawA)) && bytes.Equal(made.Slice(rawB), f.Slice(rawB)) {
				x.Follows(m)
			}
		}
		if f.Name == "s_checksum" {
			sum = x
			continue
		}
		out = append(out, x)
		if structure == "superblock" {
			c.super = append(c.super, x)
		}
	}
	if sum != nil {
		sum.Follows(out...)
	}
	return out
}

func showSuper(f field.Field, raw []byte) string {
	v := f.Show(f.Slice(raw))
	n := ext4.SuperblockLayout.Decode(raw)
	var names []string
	switch f.Name {
	case "s_feature_compat":
		names = ext4.CompatNames(n.FeatureCompat)
	case "s_feature_incompat":
		names = ext4.IncompatNames(n.FeatureIncompat)
	case "s_feature_ro_compat":
		names = ext4.RoCompatNames(n.FeatureRoCompat)
	}
	if len(names) > 0 {
		v += " (" + strings.Join(names, " ") + ")"
	}
	return v
}

// compareBackups compares the copies of the superblock in other groups. One
// finding stands for all copies of a field.
func (c *comparison) compareBackups() error {
	primary := func(name string) *ledger.Finding { return c.l.Has(superKey(c, "superblock", name)) }
	groups := min(c.a.fs.Groups(), c.b.fs.Groups())
	for g := uint32(1); g < groups; g++ {
		if !c.a.fs.HasSuper(g) || !c.b.fs.HasSuper(g) || c.a.fs.BlockSize() != c.b.fs.BlockSize() {
			continue
		}
		offA := int64(c.a.fs.GroupFirstBlock(g)) * c.a.fs.BlockSize()
		offB := int64(c.b.fs.GroupFirstBlock(g)) * c.b.fs.BlockSize()
		if offA == offB && c.p.Clean(offA, offA+ext4.SuperblockSize) {
			continue
		}
		rawA, err := c.a.readAt(offA, ext4.SuperblockSize)
		if err != nil {
			return err
		}
		rawB, err := c.b.readAt(offB, ext4.SuperblockSize)
		if err != nil {
			return err
		}
		if rawA != nil && rawB != nil && !bytes.Equal(rawA, rawB) {
			c.superFields("backup superblock", rawA, rawB, offA, primary)
			c.stale(rawA, rawB)
		}
	}
	return nil
}

// stale deals with the fields of a backup that the tool which copied another
// change into it brought up to date at the same time: on one side they are as
// the primary has them.
func (c *comparison) stale(rawA, rawB []byte) {
	if len(c.inBackups) == 0 {
		return
	}
	for _, f := range ext4.SuperblockLayout.Diff(rawA, rawB) {
		x := c.l.Has(superKey(c, "backup superblock", f.Name))
		if x == nil || c.l.Has(superKey(c, "superblock", f.Name)) != nil || f.Name == "s_checksum" {
			continue
		}
		if bytes.Equal(f.Slice(rawA), f.Slice(c.a.rawSuper)) || bytes.Equal(f.Slice(rawB), f.Slice(c.b.rawSuper)) {
			x.Follows(c.inBackups...)
		}
	}
}

// linkSuper says what the superblock's counts follow from, once the trees are
// known.
func (c *comparison) linkSuper() {
	for _, structure := range []string{"superblock", "backup superblock"} {
		for _, name := range []string{"s_free_blocks_count_lo", "s_free_blocks_count_hi", "s_free_inodes_count", "s_kbytes_written", "s_jnl_blocks", "s_overhead_clusters"} {
			f := c.l.Has(superKey(c, structure, name))
			if f == nil {
				continue
			}
			size := c.l.Has(superKey(c, "superblock", "s_blocks_count_lo"))
			switch name {
			case "s_kbytes_written":
				// How much was written follows from whatever was.
				f.Follows(c.changes...)
				for _, other := range c.super {
					if other.Field != name {
						f.Follows(other)
					}
				}
				for _, p := range c.pairs {
					f.Follows(p.causes...)
				}
			case "s_jnl_blocks":
				f.Follows(c.placed)
				f.Follows(c.changes...)
			case "s_overhead_clusters":
				f.Follows(size)
			default:
				f.Follows(size, c.l.Has(superKey(c, "superblock", "s_inodes_count")))
				f.Follows(c.changes...)
			}
		}
	}
	if size := c.l.Has(superKey(c, "superblock", "s_blocks_count_lo")); size != nil {
		size.Follows(c.p.Cause)
		for _, name := range []string{"s_r_blocks_count_lo", "s_inodes_count", "s_first_meta_bg", "s_reserved_gdt_blocks", "s_inodes_per_group", "s_backup_bgs"} {
			if f := c.l.Has(superKey(c, "superblock", name)); f != nil {
				f.Follows(size)
			}
		}
	}
}
