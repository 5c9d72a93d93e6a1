package xfscmp

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// counts are fields of the superblock that count what the trees hold.
var counts = []string{"sb_icount", "sb_ifree", "sb_fdblocks", "sb_frextents"}

// named are fields of the superblock that have no say in where things lie.
var named = []string{
	"sb_uuid", "sb_meta_uuid", "sb_fname", "sb_crc", "sb_lsn", "sb_icount", "sb_ifree", "sb_fdblocks", "sb_frextents",
	"sb_qflags", "sb_uquotino", "sb_gquotino", "sb_pquotino", "sb_flags", "sb_imax_pct", "sb_unit", "sb_width", "sb_logsunit", "sb_pad", "sb_inprogress",
}

// compareSuper enters the fields that differ between the superblocks.
func (c *comparison) compareSuper() {
	for _, f := range xfs.SuperblockLayout.Fields() {
		a, b := f.Slice(c.a.raw), f.Slice(c.b.raw)
		if bytes.Equal(a, b) {
			continue
		}
		x := c.Enter("superblock", f.Name, "", aboutSuper(f.Name))
		x.Whole = true
		x.A, x.B = showField(f, a), showField(f, b)
		x.At(c.Sides.A.Base+int64(f.Offset), int64(f.Length))
		c.super[f.Name] = x
		if !slices.Contains(named, f.Name) && (f.Name != "sb_features_incompat" || !c.renamedLater()) {
			c.options = append(c.options, x)
		}
	}
	if c.renamedLater() {
		for _, name := range []string{"sb_features_incompat", "sb_meta_uuid"} {
			if x := c.super[name]; x != nil {
				x.Follows(c.super["sb_uuid"])
			}
		}
	}
	for name, from := range superFollows {
		if x := c.super[name]; x != nil {
			for _, other := range from {
				x.Follows(c.super[other])
			}
		}
	}
}

// renamedLater tells whether one of the filesystems was given another UUID after
// it was made: it keeps the first one for its copies.
func (c *comparison) renamedLater() bool {
	a, b := xfs.SuperblockLayout.Decode(c.a.raw), xfs.SuperblockLayout.Decode(c.b.raw)
	return a.Incompat^b.Incompat == xfs.MetaUUID
}

var be = binary.BigEndian

func showField(f field.Field, raw []byte) string {
	if f.Kind == field.Text {
		return field.ShowText(raw)
	}
	if strings.HasSuffix(f.Name, "quotino") && be.Uint64(raw) == noInode {
		return "none" // as 0 is, which mkfs.xfs writes: the kernel and xfs_db write this
	}
	v := f.Show(raw)
	if names := xfs.FeatureNames(f.Name, raw); names != "" {
		v += " (" + names + ")"
	}
	return v
}

// linkSuper says what the superblock's counts and checksum follow from, once
// the trees are compared.
func (c *comparison) linkSuper() {
	causes := c.because()
	for _, name := range counts {
		if x := c.super[name]; x != nil {
			x.Follows(causes...)
		}
	}
	if x := c.super["sb_lsn"]; x != nil {
		x.Follows(c.Roots...)
	}
	if x := c.super["sb_crc"]; x != nil {
		for _, f := range xfs.SuperblockLayout.Fields() {
			x.Follows(c.super[f.Name])
		}
	}
}

// everything lists what the log's content follows from.
func (c *comparison) everything() []*ledger.Finding {
	if c.whole != nil {
		return []*ledger.Finding{c.whole}
	}
	out := slices.Clone(c.Roots)
	for _, f := range xfs.SuperblockLayout.Fields() {
		if x := c.super[f.Name]; x != nil {
			out = append(out, x)
		}
	}
	return out
}
