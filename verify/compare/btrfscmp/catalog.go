package btrfscmp

import (
	"strings"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const (
	sameTool = "use the same mkfs.btrfs, in the same version, with the same options, and the same kernel where it is mounted"
	// mkfs.btrfs up to 6.17 reads clock and random numbers for these, whatever
	// its options.
	ownWriter  = "reprodisk build with fsType: btrfs, or run mkfs.btrfs in reprodisk verify --pin -- COMMAND"
	notByMkfs  = "no option of mkfs.btrfs sets it: " + ownWriter
	deviceUUID = "mkfs.btrfs --device-uuid UUID, since btrfs-progs 6.5.3; before, " + ownWriter
)

var superFields = map[string]treecmp.About{
	"fsid":            {Cause: report.Random, Remedy: "mkfs.btrfs -U UUID"},
	"metadata_uuid":   {Cause: report.Random, Remedy: "mkfs.btrfs -U UUID, and no btrfstune -m"},
	"label":           {Cause: report.Content, Remedy: "mkfs.btrfs -L LABEL"},
	"dev_item.uuid":   {Cause: report.Random, Remedy: deviceUUID},
	"total_bytes":     {Cause: report.Environment, Remedy: "make both images of the same size, or mkfs.btrfs -b SIZE"},
	"sectorsize":      {Cause: report.Environment, Remedy: "mkfs.btrfs -s SIZE"},
	"nodesize":        {Cause: report.Environment, Remedy: "mkfs.btrfs -n SIZE"},
	"csum_type":       {Cause: report.Environment, Remedy: "mkfs.btrfs --csum TYPE"},
	"incompat_flags":  {Cause: report.Environment, Remedy: "mkfs.btrfs -O FEATURES, in the same version and on the same kernel"},
	"compat_ro_flags": {Cause: report.Environment, Remedy: "mkfs.btrfs -O FEATURES (-R before 6.2), in the same version"},
	"compat_flags":    {Cause: report.Environment, Remedy: sameTool},
	"nr_global_roots": {Cause: report.Environment, Remedy: "build with the same number of processors"},
	"log_root":        {Cause: report.Environment, Remedy: "unmount the filesystem before its image is taken, so that it has no log"},
	"flags":           {Cause: report.Environment, Remedy: sameTool},
	"reserved":        {Cause: report.Residue, Remedy: treecmp.FreshBlocks},
	"padding":         {Cause: report.Residue, Remedy: treecmp.FreshBlocks},
}

// aboutSuper is what is known of a field of the superblock. Those that are
// counts, places and generations have no cause of their own.
func aboutSuper(name string) (what treecmp.About, own bool) {
	if what, own = superFields[name]; own {
		return what, true
	}
	return aboutRest(name), false
}

// aboutRest is what is known of what has no cause of its own.
func aboutRest(name string) treecmp.About {
	switch {
	case strings.HasSuffix(name, "csum") || strings.HasSuffix(name, "sums"):
		return treecmp.About{Cause: report.Unknown, Remedy: "it covers the same bytes on both sides, so one of them is wrong: btrfs check, or btrfs scrub"}
	case generational(name):
		return treecmp.About{Cause: report.Environment, Remedy: "have the same number of transactions: " + sameTool}
	case strings.Contains(name, "reserved") || strings.Contains(name, "unused"):
		return treecmp.About{Cause: report.Residue, Remedy: treecmp.FreshBlocks}
	}
	for _, part := range []string{"bytenr", "items", "placement", "blockptr", "root", "offset", "used", "level"} {
		if strings.Contains(name, part) {
			return treecmp.About{Cause: report.Placement, Remedy: sameTool}
		}
	}
	return treecmp.About{Cause: report.Unknown, Remedy: sameTool}
}

// generational tells whether a field counts transactions.
func generational(name string) bool {
	return strings.Contains(name, "gen") || strings.Contains(name, "transid")
}

// deciding are the fields of the superblock that all else lies by.
var deciding = []string{"total_bytes", "sectorsize", "nodesize", "csum_type", "incompat_flags", "compat_ro_flags", "log_root"}

// treeFields are those of items of other trees than files'.
var treeFields = map[string]treecmp.About{
	"root_item.uuid":          {Cause: report.Random, Remedy: notByMkfs},
	"root_item.parent_uuid":   {Cause: report.Random, Remedy: notByMkfs},
	"root_item.received_uuid": {Cause: report.Random, Remedy: notByMkfs},
	"root_item.flags":         {Cause: report.Content, Remedy: "btrfs property set PATH ro true|false, the same in both builds"},
	"dev_extent.chunk_tree_uuid": {
		Cause: report.Random, Remedy: notByMkfs,
	},
}

// aboutTree is what is known of an item's field, with its item's name in front.
func aboutTree(name string) (what treecmp.About, own bool) {
	if what, own = treeFields[name]; own {
		return what, true
	}
	if strings.HasSuffix(name, "time") {
		return treecmp.About{Cause: report.Time, Remedy: "no option of mkfs.btrfs sets it, nor does SOURCE_DATE_EPOCH: " + ownWriter}, true
	}
	return aboutRest(name), false
}

// aboutField is what is known of an inode's field.
func aboutField(name string) treecmp.About {
	switch {
	case name == "mtime":
		return treecmp.About{Cause: report.Time, Remedy: treecmp.TouchFiles}
	case name == "ctime":
		return treecmp.About{Cause: report.Time, Remedy: "mkfs.btrfs --rootdir takes the source's time of change, which cannot be set: " + ownWriter}
	case name == "atime":
		return treecmp.About{Cause: report.Time, Remedy: "reading the source changes it: mount that with noatime, or touch -a before the image is made"}
	case name == "otime":
		return treecmp.About{Cause: report.Time, Remedy: notByMkfs}
	case name == "mode":
		return treecmp.About{Cause: report.Environment, Remedy: treecmp.PinUmask}
	case name == "uid", name == "gid":
		return treecmp.About{Cause: report.Environment, Remedy: "the same owners in both sources"}
	case name == "target":
		return treecmp.About{Cause: report.Content, Remedy: treecmp.SameTarget}
	case name == "rdev", name == "nlink", name == "size":
		return treecmp.About{Cause: report.Content, Remedy: treecmp.SameFiles}
	case name == "flags":
		return treecmp.About{Cause: report.Content, Remedy: "chattr and btrfs property, the same in both builds"}
	case strings.HasPrefix(name, "xattr:"):
		return treecmp.About{Cause: report.Content, Remedy: "set the same attributes in both builds"}
	}
	return aboutRest(name)
}
