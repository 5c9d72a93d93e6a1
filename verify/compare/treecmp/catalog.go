package treecmp

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
	remedyContent = "find what writes this file, and pin its clock, randomness, order and paths"
	touchFiles    = "set the source's times before the image is made: touch -h -d @$SOURCE_DATE_EPOCH"
	pinSquashTime = "mksquashfs -mkfs-time SECONDS -all-time SECONDS, or SOURCE_DATE_EPOCH"
	pinISOTime    = "xorriso with SOURCE_DATE_EPOCH or --modification-date=YYYYMMDDhhmmsscc; genisoimage 1.1.11 takes neither, run it under faketime"
	sameSquash    = "use the same mksquashfs, in the same version, with the same options"
	sameISO       = "use the same tool, in the same version, with the same options"
	freshBlocks   = "write the image to an empty file, not over an older one"
)

var squashSuper = map[string]about{
	"mkfs_time":   {report.Time, pinSquashTime},
	"compression": {report.Environment, "mksquashfs -comp NAME"},
	"block_size":  {report.Environment, "mksquashfs -b SIZE"},
	"block_log":   {report.Environment, "mksquashfs -b SIZE"},
	"flags":       {report.Environment, sameSquash},
	"s_major":     {report.Environment, sameSquash},
	"s_minor":     {report.Environment, sameSquash},
	"s_magic":     {report.Unknown, ""},
}

// aboutSuper is what is known of a field of squashfs's superblock. Those that
// are counts and places have no cause of their own.
func aboutSuper(name string) (what about, own bool) {
	what, own = squashSuper[name]
	if !own {
		what = about{report.Unknown, sameSquash}
	}
	return what, own
}

var descriptorFields = map[string]about{
	"creation_date":     {report.Time, pinISOTime},
	"modification_date": {report.Time, pinISOTime},
	"expiration_date":   {report.Time, pinISOTime},
	"effective_date":    {report.Time, pinISOTime},

	"system_id":             {report.Environment, "genisoimage -sysid ID"},
	"volume_id":             {report.Content, "genisoimage -V ID"},
	"volume_set_id":         {report.Content, "genisoimage -volset ID"},
	"publisher_id":          {report.Content, "genisoimage -publisher ID"},
	"preparer_id":           {report.Environment, "the same version of the tool, which writes it here by default; or genisoimage -p ID"},
	"application_id":        {report.Environment, "genisoimage -A ID"},
	"copyright_file_id":     {report.Content, "genisoimage -copyright FILE"},
	"abstract_file_id":      {report.Content, "genisoimage -abstract FILE"},
	"bibliographic_file_id": {report.Content, "genisoimage -biblio FILE"},
	"logical_block_size":    {report.Environment, sameISO},
	"boot_system_id":        {report.Environment, sameISO},
	"boot_id":               {report.Environment, sameISO},
}

// aboutDescriptor is what is known of a field of a volume descriptor. Those
// that are counts and places have no cause of their own.
func aboutDescriptor(name string) (what about, own bool) {
	if what, own = descriptorFields[name]; own {
		return what, true
	}
	switch name {
	case "volume_space_size", "path_table_size", "boot_catalog",
		"type_l_path_table", "opt_type_l_path_table", "type_m_path_table", "opt_type_m_path_table":
		return about{report.Placement, sameISO}, false
	case "application_data":
		return about{report.Unknown, sameISO}, true
	}
	if strings.HasPrefix(name, "unused") || name == "reserved" {
		return about{report.Residue, "zero reserved fields"}, true
	}
	return about{report.Environment, sameISO}, true
}

// aboutField is what is known of a file's field.
func aboutField(format, name string) about {
	times := pinSquashTime
	if format == isoFormat {
		times = pinISOTime
	}
	switch {
	case name == "mtime", name == "date", name == "TF.modify":
		if format == isoFormat {
			return about{report.Time, touchFiles}
		}
		return about{report.Time, touchFiles + "; " + times}
	case name == "TF.attributes":
		return about{report.Time, "the source's time of change cannot be set: make the image with xorriso --set_all_file_dates, or without Rock Ridge's ctime"}
	case name == "TF.access":
		return about{report.Time, "reading the source changes it: mount that with noatime, or touch -a before the image is made"}
	case strings.HasPrefix(name, "TF."):
		return about{report.Time, times}
	case name == "mode", name == "PX.mode":
		return about{report.Environment, "pin the umask, and set modes in the source"}
	case name == "uid", name == "guid":
		return about{report.Environment, "mksquashfs -all-root, or the same owners in both sources"}
	case name == "PX.uid", name == "PX.gid":
		return about{report.Environment, "genisoimage -r, or the same owners in both sources"}
	case name == "PX.serial":
		return about{report.Placement, sameISO}
	case name == "target":
		return about{report.Content, "make the link with the same target in both builds"}
	case name == "type":
		return about{report.Content, "make the same files in both builds"}
	case strings.HasPrefix(name, "xattr:"):
		return about{report.Content, "set the same attributes in both builds, or mksquashfs -no-xattrs"}
	}
	return about{report.Content, remedyContent}
}
