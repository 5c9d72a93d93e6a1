package ext4cmp

import (
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// about is what is known of a field beforehand.
type about struct {
	cause  report.Cause
	remedy string
}

const (
	pinMke2fsTime = "SOURCE_DATE_EPOCH (e2fsprogs 1.47.1 and later) or E2FSPROGS_FAKE_TIME for mke2fs"
	neverMount    = "do not mount the image while it is built, or write the filesystem anew afterwards (mke2fs -d)"
	sameTool      = "use the same mke2fs, in the same version, with the same options and mke2fs.conf"
	touchFiles    = "set the source's times before the image is made: touch -h -d @$SOURCE_DATE_EPOCH"
)

var superFields = map[string]about{
	"s_uuid":             {report.Random, "mke2fs -U UUID"},
	"s_hash_seed":        {report.Random, "mke2fs -E hash_seed=UUID"},
	"s_checksum_seed":    {report.Random, "mke2fs -U UUID (the seed is computed from it)"},
	"s_journal_uuid":     {report.Random, "mke2fs -U UUID"},
	"s_encrypt_pw_salt":  {report.Random, "mke2fs -E encrypt_pw_salt=UUID"},
	"s_volume_name":      {report.Content, "mke2fs -L LABEL"},
	"s_mkfs_time":        {report.Time, pinMke2fsTime},
	"s_wtime":            {report.Time, pinMke2fsTime + "; " + neverMount},
	"s_lastcheck":        {report.Time, pinMke2fsTime + "; tune2fs -T with TZ=UTC"},
	"s_mtime":            {report.Time, neverMount},
	"s_first_error_time": {report.Time, neverMount},
	"s_last_error_time":  {report.Time, neverMount},
	"s_mnt_count":        {report.Environment, neverMount},
	"s_last_mounted":     {report.Environment, neverMount},
	"s_kbytes_written":   {report.Environment, neverMount + "; " + sameTool},
	"s_state":            {report.Environment, neverMount},
	"s_last_orphan":      {report.Environment, neverMount},
	"s_mount_opts":       {report.Environment, "tune2fs -E mount_opts="},
	"s_inodes_count":     {report.Content, "mke2fs -N INODES and a fixed size"},
	"s_blocks_count_lo":  {report.Content, "give the filesystem a fixed size"},
	"s_blocks_count_hi":  {report.Content, "give the filesystem a fixed size"},
	"s_r_blocks_count_lo": {
		report.Content, "mke2fs -m PERCENT and a fixed size",
	},
}

// aboutSuper is what is known of a superblock field; fields that only the
// choice of tool and options decides are the rest.
func aboutSuper(name string) about {
	if a, ok := superFields[name]; ok {
		return a
	}
	switch {
	case strings.HasPrefix(name, "s_reserved"):
		return about{report.Residue, "zero reserved fields"}
	case strings.HasPrefix(name, "s_first_error"), strings.HasPrefix(name, "s_last_error"), name == "s_error_count":
		return about{report.Environment, neverMount}
	case strings.HasPrefix(name, "s_free_"):
		return about{report.Unknown, "run e2fsck: the count does not follow from the tree"}
	case name == "s_checksum":
		return about{report.Unknown, "run e2fsck: the checksum does not follow from the superblock"}
	}
	return about{report.Environment, sameTool}
}

var inodeFields = map[string]about{
	"i_mode":        {report.Content, "set the modes in the source, or by the builder: they follow the umask"},
	"i_uid":         {report.Environment, "set the owner in the builder (mke2fs -E root_owner, fakeroot, tar --owner)"},
	"i_gid":         {report.Environment, "set the group in the builder (mke2fs -E root_owner, fakeroot, tar --group)"},
	"i_atime":       {report.Time, touchFiles + "; mount the source noatime"},
	"i_ctime":       {report.Time, "mke2fs -d copies it from the source and it cannot be set there: use e2fsprogs 1.47.1 with SOURCE_DATE_EPOCH, or debugfs -w -R 'sif PATH ctime @TIME'"},
	"i_mtime":       {report.Time, touchFiles},
	"i_crtime":      {report.Time, pinMke2fsTime},
	"i_dtime":       {report.Time, neverMount},
	"i_generation":  {report.Random, "the kernel draws it when it makes an inode: " + neverMount},
	"i_version":     {report.Environment, neverMount},
	"i_version_hi":  {report.Environment, neverMount},
	"i_flags":       {report.Content, "chattr in the source; " + sameTool},
	"i_projid":      {report.Content, "chattr -p PROJECT"},
	"i_links_count": {report.Content, "make the same hard links"},
	"i_rdev":        {report.Content, "mknod with the same numbers"},
	"i_extra_isize": {report.Environment, sameTool},
}

func aboutInode(name string) about {
	if a, ok := inodeFields[name]; ok {
		return a
	}
	return about{report.Unknown, ""}
}

// superTimes maps the high byte of each time in the superblock to the field
// with its low 32 bits: the two are one value.
var superTimes = map[string]string{
	"s_wtime_hi": "s_wtime", "s_mtime_hi": "s_mtime", "s_mkfs_time_hi": "s_mkfs_time", "s_lastcheck_hi": "s_lastcheck",
	"s_first_error_time_hi": "s_first_error_time", "s_last_error_time_hi": "s_last_error_time",
}

// inodeHalves maps the fields that hold more bits of another to that one.
var inodeHalves = map[string]string{
	"i_uid_high": "i_uid", "i_gid_high": "i_gid", "i_size_high": "i_size_lo", "i_blocks_high": "i_blocks_lo",
	"i_file_acl_high": "i_file_acl_lo", "i_checksum_hi": "i_checksum_lo",
	"i_ctime_extra": "i_ctime", "i_mtime_extra": "i_mtime", "i_atime_extra": "i_atime", "i_crtime_extra": "i_crtime",
}

// descHalves maps the high halves of group descriptor fields to the low ones.
var descHalves = map[string]string{
	"bg_block_bitmap_hi": "bg_block_bitmap_lo", "bg_inode_bitmap_hi": "bg_inode_bitmap_lo", "bg_inode_table_hi": "bg_inode_table_lo",
	"bg_free_blocks_count_hi": "bg_free_blocks_count_lo", "bg_free_inodes_count_hi": "bg_free_inodes_count_lo",
	"bg_used_dirs_count_hi": "bg_used_dirs_count_lo", "bg_itable_unused_hi": "bg_itable_unused_lo",
	"bg_exclude_bitmap_hi": "bg_exclude_bitmap_lo", "bg_block_bitmap_csum_hi": "bg_block_bitmap_csum_lo",
	"bg_inode_bitmap_csum_hi": "bg_inode_bitmap_csum_lo",
}
