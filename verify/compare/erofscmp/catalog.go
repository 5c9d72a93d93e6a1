package erofscmp

import (
	"errors"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const (
	pinTime  = "mkfs.erofs -T SECONDS, or SOURCE_DATE_EPOCH"
	sameTool = "use the same mkfs.erofs, in the same version, with the same options"
	zeroed   = "zero reserved fields"
)

var superFields = map[string]treecmp.About{
	"magic":            {Cause: report.Unknown},
	"checksum":         {Cause: report.Unknown, Remedy: "write the superblock again: its checksum is not that of its block"},
	"feature_compat":   {Cause: report.Environment, Remedy: sameTool},
	"feature_incompat": {Cause: report.Environment, Remedy: sameTool},
	"blkszbits":        {Cause: report.Environment, Remedy: "mkfs.erofs -b SIZE, which 1.8 has and 1.5 has not"},
	"sb_extslots":      {Cause: report.Environment, Remedy: sameTool},
	"build_time":       {Cause: report.Time, Remedy: pinTime},
	"build_time_nsec":  {Cause: report.Time, Remedy: pinTime},
	"uuid":             {Cause: report.Random, Remedy: "mkfs.erofs -U UUID"},
	"volume_name":      {Cause: report.Content, Remedy: "mkfs.erofs -L LABEL, which 1.8 has and 1.5 has not"},

	"available_compr_algs": {Cause: report.Environment, Remedy: "mkfs.erofs -z with the same algorithm"},
	"extra_devices":        {Cause: report.Environment, Remedy: sameTool},
	"dirblkbits":           {Cause: report.Environment, Remedy: sameTool},
	"xattr_prefix_count":   {Cause: report.Environment, Remedy: "mkfs.erofs --xattr-prefix with the same prefixes"},

	"xattr_filter_reserved": {Cause: report.Residue, Remedy: zeroed},
	"reserved2":             {Cause: report.Residue, Remedy: zeroed},
}

// options are the fields of the superblock that are chosen, and from which it
// follows how everything else is laid out.
var options = []string{"blkszbits", "feature_compat", "feature_incompat", "sb_extslots", "available_compr_algs", "extra_devices", "dirblkbits", "xattr_prefix_count"}

// aboutSuper is what is known of a field of the superblock. Those that are
// counts and places have no cause of their own.
func aboutSuper(name string) (what treecmp.About, own bool) {
	what, own = superFields[name]
	if !own {
		what = treecmp.About{Cause: report.Placement, Remedy: sameTool}
	}
	return what, own
}

// damaged tells whether an error is about the filesystem's bytes.
func damaged(err error) bool {
	var e *erofs.Error
	return errors.As(err, &e)
}

// explains lists what a field of a file follows from: a directory's time
// changes with its entries, and a file's with its content.
func (c *comparison) explains(p *treecmp.Pair, field string) []*ledger.Finding {
	switch field {
	case "i_mtime":
		a, b := p.A.Ref.(*erofs.Inode), p.B.Ref.(*erofs.Inode)
		if f := c.super["build_time"]; f != nil && a.Mtime == c.a.sb.Time() && b.Mtime == c.b.sb.Time() {
			return []*ledger.Finding{f} // mkfs.erofs -T gives all of them one time
		}
		return p.Changes()
	case "i_nlink":
		return c.names(p)
	}
	return nil
}

// aboutField is what is known of a file's field.
func aboutField(name string) treecmp.About {
	switch {
	case name == "i_mtime":
		return treecmp.About{Cause: report.Time, Remedy: treecmp.TouchFiles + "; " + pinTime}
	case name == "i_mode":
		return treecmp.About{Cause: report.Environment, Remedy: treecmp.PinUmask}
	case name == "i_uid", name == "i_gid":
		return treecmp.About{Cause: report.Environment, Remedy: "mkfs.erofs --all-root, or --force-uid=UID and --force-gid=GID, or the same owners in both sources"}
	case name == "i_nlink":
		return treecmp.About{Cause: report.Content, Remedy: "make the same hard links in both builds"}
	case name == "i_format":
		return treecmp.About{Cause: report.Environment, Remedy: sameTool}
	case name == "i_ino":
		return treecmp.About{Cause: report.Order, Remedy: sameTool}
	case name == "target":
		return treecmp.About{Cause: report.Content, Remedy: treecmp.SameTarget}
	case strings.HasPrefix(name, "xattr:"):
		return treecmp.About{Cause: report.Content, Remedy: "set the same attributes in both builds, or mkfs.erofs -x-1"}
	case strings.Contains(name, "reserved"):
		return treecmp.About{Cause: report.Residue, Remedy: zeroed}
	}
	return treecmp.About{Cause: report.Content, Remedy: treecmp.RemedyContent}
}

// aboutConfig is what is known of a field of an algorithm's configuration.
func aboutConfig(name string) treecmp.About {
	switch name {
	case "reserved":
		return treecmp.About{Cause: report.Residue, Remedy: zeroed}
	case "max_pclusterblks":
		return treecmp.About{Cause: report.Environment, Remedy: "mkfs.erofs -C SIZE"}
	case "dict_size", "windowbits", "windowlog":
		return treecmp.About{Cause: report.Environment, Remedy: "mkfs.erofs -z with the same level and dictsize, and -C SIZE"}
	}
	return treecmp.About{Cause: report.Environment, Remedy: sameTool}
}
