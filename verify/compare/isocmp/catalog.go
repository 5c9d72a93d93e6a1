package isocmp

import (
	"errors"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const (
	pinTime  = "xorriso with SOURCE_DATE_EPOCH or --modification-date=YYYYMMDDhhmmsscc; genisoimage 1.1.11 takes neither, run it under faketime"
	sameTool = "use the same tool, in the same version, with the same options"
)

var descriptorFields = map[string]treecmp.About{
	"creation_date":     {Cause: report.Time, Remedy: pinTime},
	"modification_date": {Cause: report.Time, Remedy: pinTime},
	"expiration_date":   {Cause: report.Time, Remedy: pinTime},
	"effective_date":    {Cause: report.Time, Remedy: pinTime},

	"system_id":             {Cause: report.Environment, Remedy: "genisoimage -sysid ID"},
	"volume_id":             {Cause: report.Content, Remedy: "genisoimage -V ID"},
	"volume_set_id":         {Cause: report.Content, Remedy: "genisoimage -volset ID"},
	"publisher_id":          {Cause: report.Content, Remedy: "genisoimage -publisher ID"},
	"preparer_id":           {Cause: report.Environment, Remedy: "the same version of the tool, which writes it here by default; or genisoimage -p ID"},
	"application_id":        {Cause: report.Environment, Remedy: "genisoimage -A ID"},
	"copyright_file_id":     {Cause: report.Content, Remedy: "genisoimage -copyright FILE"},
	"abstract_file_id":      {Cause: report.Content, Remedy: "genisoimage -abstract FILE"},
	"bibliographic_file_id": {Cause: report.Content, Remedy: "genisoimage -biblio FILE"},
	"logical_block_size":    {Cause: report.Environment, Remedy: sameTool},
	"boot_system_id":        {Cause: report.Environment, Remedy: sameTool},
	"boot_id":               {Cause: report.Environment, Remedy: sameTool},
}

// aboutDescriptor is what is known of a field of a volume descriptor. Those
// that are counts and places have no cause of their own.
func aboutDescriptor(name string) (what treecmp.About, own bool) {
	if what, own = descriptorFields[name]; own {
		return what, true
	}
	switch name {
	case "volume_space_size", "path_table_size", "boot_catalog",
		"type_l_path_table", "opt_type_l_path_table", "type_m_path_table", "opt_type_m_path_table":
		return treecmp.About{Cause: report.Placement, Remedy: sameTool}, false
	case "application_data":
		return treecmp.About{Cause: report.Unknown, Remedy: sameTool}, true
	}
	if strings.HasPrefix(name, "unused") || name == "reserved" {
		return treecmp.About{Cause: report.Residue, Remedy: "zero reserved fields"}, true
	}
	return treecmp.About{Cause: report.Environment, Remedy: sameTool}, true
}

// damaged tells whether an error is about the filesystem's bytes.
func damaged(err error) bool {
	var i *iso9660.Error
	return errors.As(err, &i)
}

// explains lists what a field of a file follows from: times change with a
// directory's entries and a file's content, and links with the entries.
func explains(p *treecmp.Pair, field string) []*ledger.Finding {
	switch field {
	case "date", "TF.modify", "TF.attributes":
		return p.Changes()
	case "PX.nlink":
		return p.Entries
	}
	return nil
}

// again tells that the time of modification is stored once more for readers
// that know Rock Ridge.
func again(first, second string) bool { return first == "date" && second == "TF.modify" }

// aboutField is what is known of a file's field.
func aboutField(name string) treecmp.About {
	switch {
	case name == "date", name == "TF.modify":
		return treecmp.About{Cause: report.Time, Remedy: treecmp.TouchFiles}
	case name == "TF.attributes":
		return treecmp.About{Cause: report.Time, Remedy: "the source's time of change cannot be set: make the image with xorriso --set_all_file_dates, or without Rock Ridge's ctime"}
	case name == "TF.access":
		return treecmp.About{Cause: report.Time, Remedy: "reading the source changes it: mount that with noatime, or touch -a before the image is made"}
	case strings.HasPrefix(name, "TF."):
		return treecmp.About{Cause: report.Time, Remedy: pinTime}
	case name == "PX.mode":
		return treecmp.About{Cause: report.Environment, Remedy: treecmp.PinUmask}
	case name == "PX.uid", name == "PX.gid":
		return treecmp.About{Cause: report.Environment, Remedy: "genisoimage -r, or the same owners in both sources"}
	case name == "PX.serial":
		return treecmp.About{Cause: report.Placement, Remedy: sameTool}
	case name == "target":
		return treecmp.About{Cause: report.Content, Remedy: treecmp.SameTarget}
	}
	return treecmp.About{Cause: report.Content, Remedy: treecmp.RemedyContent}
}
