package squashcmp

import (
	"errors"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/squashfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const (
	pinTime  = "mksquashfs -mkfs-time SECONDS -all-time SECONDS, or SOURCE_DATE_EPOCH"
	sameTool = "use the same mksquashfs, in the same version, with the same options"
)

var superFields = map[string]treecmp.About{
	"mkfs_time":   {Cause: report.Time, Remedy: pinTime},
	"compression": {Cause: report.Environment, Remedy: "mksquashfs -comp NAME"},
	"block_size":  {Cause: report.Environment, Remedy: "mksquashfs -b SIZE"},
	"block_log":   {Cause: report.Environment, Remedy: "mksquashfs -b SIZE"},
	"flags":       {Cause: report.Environment, Remedy: sameTool},
	"s_major":     {Cause: report.Environment, Remedy: sameTool},
	"s_minor":     {Cause: report.Environment, Remedy: sameTool},
	"s_magic":     {Cause: report.Unknown, Remedy: ""},
}

// aboutSuper is what is known of a field of squashfs's superblock. Those that
// are counts and places have no cause of their own.
func aboutSuper(name string) (what treecmp.About, own bool) {
	what, own = superFields[name]
	if !own {
		what = treecmp.About{Cause: report.Unknown, Remedy: sameTool}
	}
	return what, own
}

// damaged tells whether an error is about the filesystem's bytes.
func damaged(err error) bool {
	var s *squashfs.Error
	return errors.As(err, &s)
}

// explains lists what a field of a file follows from: a directory's time
// changes with its entries, and a file's with its content.
func explains(p *treecmp.Pair, field string) []*ledger.Finding {
	if field == "mtime" {
		return p.Changes()
	}
	return nil
}

// aboutField is what is known of a file's field.
func aboutField(name string) treecmp.About {
	switch {
	case name == "mtime":
		return treecmp.About{Cause: report.Time, Remedy: treecmp.TouchFiles + "; " + pinTime}
	case name == "mode":
		return treecmp.About{Cause: report.Environment, Remedy: treecmp.PinUmask}
	case name == "uid", name == "guid":
		return treecmp.About{Cause: report.Environment, Remedy: "mksquashfs -all-root, or the same owners in both sources"}
	case name == "target":
		return treecmp.About{Cause: report.Content, Remedy: treecmp.SameTarget}
	case strings.HasPrefix(name, "xattr:"):
		return treecmp.About{Cause: report.Content, Remedy: "set the same attributes in both builds, or mksquashfs -no-xattrs"}
	}
	return treecmp.About{Cause: report.Content, Remedy: treecmp.RemedyContent}
}
