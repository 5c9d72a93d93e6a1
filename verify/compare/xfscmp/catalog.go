package xfscmp

import (
	"strings"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const (
	sameTool   = "use the same mkfs.xfs, in the same version, with the same options; give those that follow from the device: -d noalign -s size=512"
	neverMount = "do not mount the image while it is built: fill it with mkfs.xfs -p, or build it with reprodisk and fsType: xfs"
	pinClock   = "build it with reprodisk and fsType: xfs, or in a pinned world: reprodisk verify --pin; mkfs.xfs 6.1 has no option for it"
	fixedSize  = "give the filesystem a fixed size: mkfs.xfs -d size=BYTES"
	repair     = "this does not follow from the tree: see xfs_repair -n"
	sorted     = "make the files in sorted order, or write the image with mkfs.xfs -p from a sorted prototype"
)

var superFields = map[string]treecmp.About{
	"sb_uuid":      {Cause: report.Random, Remedy: "mkfs.xfs -m uuid=UUID"},
	"sb_meta_uuid": {Cause: report.Random, Remedy: "mkfs.xfs -m uuid=UUID, and no xfs_admin -U afterwards"},
	"sb_fname":     {Cause: report.Content, Remedy: "mkfs.xfs -L LABEL"},

	"sb_blocksize":   {Cause: report.Environment, Remedy: "mkfs.xfs -b size=BYTES"},
	"sb_dblocks":     {Cause: report.Content, Remedy: fixedSize},
	"sb_agblocks":    {Cause: report.Environment, Remedy: "mkfs.xfs -d agcount=N: it follows from the size, and from the device that the image lies on"},
	"sb_logblocks":   {Cause: report.Environment, Remedy: "mkfs.xfs -l size=BLOCKSb"},
	"sb_sectsize":    {Cause: report.Environment, Remedy: "mkfs.xfs -s size=512: it follows from the device that the image lies on"},
	"sb_inodesize":   {Cause: report.Environment, Remedy: "mkfs.xfs -i size=BYTES"},
	"sb_imax_pct":    {Cause: report.Environment, Remedy: "mkfs.xfs -i maxpct=PERCENT"},
	"sb_rextsize":    {Cause: report.Environment, Remedy: "mkfs.xfs -r extsize=BYTES"},
	"sb_unit":        {Cause: report.Environment, Remedy: "mkfs.xfs -d noalign: it follows from the device that the image lies on"},
	"sb_width":       {Cause: report.Environment, Remedy: "mkfs.xfs -d noalign: it follows from the device that the image lies on"},
	"sb_dirblklog":   {Cause: report.Environment, Remedy: "mkfs.xfs -n size=BYTES"},
	"sb_logsunit":    {Cause: report.Environment, Remedy: "mkfs.xfs -l sunit=: it follows from the device that the image lies on"},
	"sb_logsectsize": {Cause: report.Environment, Remedy: "mkfs.xfs -l sectsize=512: it follows from the device that the image lies on"},
	"sb_qflags":      {Cause: report.Environment, Remedy: "mount with the same options for quotas; " + neverMount},
	"sb_uquotino":    {Cause: report.Environment, Remedy: "mount with the same options for quotas; " + neverMount},
	"sb_lsn":         {Cause: report.Environment, Remedy: neverMount},
	"sb_crc":         {Cause: report.Unknown, Remedy: repair},
}

// superFollows are the fields of the superblock that are computed from others
// of it.
var superFollows = map[string][]string{
	"sb_blocklog":      {"sb_blocksize"},
	"sb_agblocks":      {"sb_dblocks", "sb_blocksize"},
	"sb_agcount":       {"sb_agblocks", "sb_dblocks"},
	"sb_agblklog":      {"sb_agblocks"},
	"sb_dblocks":       {"sb_blocksize"},
	"sb_logblocks":     {"sb_dblocks", "sb_blocksize", "sb_sectsize", "sb_inodesize", "sb_dirblklog", "sb_features_ro_compat", "sb_features_incompat"},
	"sb_logstart":      {"sb_logblocks", "sb_agblocks", "sb_sectsize", "sb_blocksize"},
	"sb_imax_pct":      {"sb_dblocks"},
	"sb_sectlog":       {"sb_sectsize"},
	"sb_versionnum":    {"sb_sectsize", "sb_unit"},
	"sb_logsectsize":   {"sb_sectsize"},
	"sb_logsectlog":    {"sb_logsectsize", "sb_sectsize"},
	"sb_logsunit":      {"sb_logsectsize", "sb_sectsize"},
	"sb_inodelog":      {"sb_inodesize"},
	"sb_inopblock":     {"sb_inodesize", "sb_blocksize"},
	"sb_inopblog":      {"sb_inodesize", "sb_blocksize"},
	"sb_inoalignmt":    {"sb_inodesize", "sb_blocksize", "sb_unit"},
	"sb_spino_align":   {"sb_inodesize", "sb_blocksize"},
	"sb_rextsize":      {"sb_blocksize"},
	"sb_dirblklog":     {"sb_blocksize"},
	"sb_bad_features2": {"sb_features2"},
	"sb_rootino":       {"sb_blocksize", "sb_inodesize", "sb_sectsize", "sb_unit", "sb_features_ro_compat", "sb_features_incompat"},
	"sb_rbmino":        {"sb_rootino"},
	"sb_rsumino":       {"sb_rootino"},
	"sb_gquotino":      {"sb_uquotino"},
	"sb_pquotino":      {"sb_uquotino", "sb_gquotino"},
}

// aboutSuper is what is known of a field of the superblock.
func aboutSuper(name string) treecmp.About {
	if what, ok := superFields[name]; ok {
		return what
	}
	switch name {
	case "sb_icount", "sb_ifree", "sb_fdblocks", "sb_frextents":
		return treecmp.About{Cause: report.Unknown, Remedy: repair}
	case "sb_pad":
		return treecmp.About{Cause: report.Residue, Remedy: "zero reserved fields"}
	}
	return treecmp.About{Cause: report.Environment, Remedy: sameTool}
}

// aboutField is what is known of a file's field that differs.
func aboutField(name string) treecmp.About {
	switch name {
	case "di_mtime":
		return treecmp.About{Cause: report.Time, Remedy: "the time of the clock: " + pinClock + "; set those of files that are copied onto a mount: touch -h -d"}
	case "di_atime":
		return treecmp.About{Cause: report.Time, Remedy: "the time of the clock: " + pinClock + "; mount with noatime"}
	case "di_ctime", "di_crtime":
		return treecmp.About{Cause: report.Time, Remedy: "the time of the clock, which no program can set: " + pinClock}
	case "di_gen":
		return treecmp.About{Cause: report.Random, Remedy: "the kernel draws it when it makes an inode: " + neverMount}
	case "di_mode":
		return treecmp.About{Cause: report.Environment, Remedy: treecmp.PinUmask}
	case "di_uid", "di_gid":
		return treecmp.About{Cause: report.Environment, Remedy: "set the owners in the source, or in the prototype of mkfs.xfs -p"}
	case "di_projid":
		return treecmp.About{Cause: report.Content, Remedy: "give the files the same project"}
	case "di_flags", "di_flags2", "di_extsize", "di_cowextsize":
		return treecmp.About{Cause: report.Environment, Remedy: "give the files the same flags; " + sameTool}
	case "di_nlink":
		return treecmp.About{Cause: report.Content, Remedy: "make the same hard links"}
	case "target":
		return treecmp.About{Cause: report.Content, Remedy: treecmp.SameTarget}
	case "rdev":
		return treecmp.About{Cause: report.Content, Remedy: "mknod with the same numbers"}
	case "damage":
		return treecmp.About{Cause: report.Unknown, Remedy: "see xfs_repair -n"}
	}
	if strings.HasPrefix(name, "xattr:") {
		return treecmp.About{Cause: report.Content, Remedy: "set the same attributes in both builds"}
	}
	return treecmp.About{Cause: report.Unknown, Remedy: repair}
}
