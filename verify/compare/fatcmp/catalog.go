package fatcmp

import (
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/report"
)

// about is what is known of a field beforehand.
type about struct {
	cause  report.Cause
	remedy string
}

const (
	sameTool   = "use the same mkfs.vfat, in the same version, with the same options"
	neverMount = "do not mount the image while it is built; write files with mcopy"
	fixedSize  = "give the filesystem a fixed size, and mkfs.vfat the same -F, -s, -S, -R, -f and -r"
	writeAnew  = "start from zeros (truncate -s) and write the filesystem anew: nothing clears what files leave behind"
	fixedOrder = "add files in a fixed order: sort what readdir returns before mcopy or cp"
	runFsck    = "run fsck.vfat -n: it does not follow from the rest of the filesystem"
	mtoolsTime = "SOURCE_DATE_EPOCH and TZ=UTC for mcopy and mmd (FAT stores local time without a zone), or mcopy -m with the source's times set beforehand; mkfs.vfat --invariant for the label's"
	sameFiles  = "make the same files in both builds"
	sameBytes  = "find what writes this file, and pin its clock, randomness, order and paths"
)

var bootFields = map[string]about{
	"BS_VolID":       {report.Random, "mkfs.vfat -i ID (with --invariant before it)"},
	"BS_VolLab":      {report.Content, "mkfs.vfat -n LABEL"},
	"BS_OEMName":     {report.Environment, "it names the tool that made the filesystem: " + sameTool},
	"BS_BootCode":    {report.Content, "install the same boot code, in the same version"},
	"BS_jmpBoot":     {report.Content, "install the same boot code, in the same version"},
	"BS_Reserved1":   {report.Environment, neverMount},
	"BS_DrvNum":      {report.Environment, sameTool + " (-D)"},
	"BPB_HiddSec":    {report.Environment, "mkfs.vfat -h SECTORS: it is the partition's first sector"},
	"BPB_SecPerTrk":  {report.Environment, "mkfs.vfat -g HEADS/SECTORS"},
	"BPB_NumHeads":   {report.Environment, "mkfs.vfat -g HEADS/SECTORS"},
	"BPB_Media":      {report.Environment, "mkfs.vfat -M TYPE"},
	"BPB_TotSec16":   {report.Content, fixedSize},
	"BPB_TotSec32":   {report.Content, fixedSize},
	"BS_FilSysType":  {report.Environment, "mkfs.vfat -F SIZE"},
	"BPB_Reserved":   {report.Residue, "zero reserved fields"},
	"FSI_Reserved1":  {report.Residue, "zero reserved fields"},
	"FSI_Reserved2":  {report.Residue, "zero reserved fields"},
	"FSI_Free_Count": {report.Unknown, runFsck},
	"FSI_Nxt_Free":   {report.Environment, "it is where the last file was written: " + writeAnew},
	"FAT[0]":         {report.Environment, sameTool},
	"FAT[1]":         {report.Environment, "the dirty bits are here: " + neverMount},
}

// aboutBoot is what is known of a field in the reserved sectors; what only
// the choice of tool and options decides is the rest.
func aboutBoot(name string) about {
	if a, ok := bootFields[name]; ok {
		return a
	}
	if strings.HasPrefix(name, "FSI_") || name == "BS_Signature" {
		return about{report.Unknown, runFsck}
	}
	return about{report.Environment, fixedSize}
}

var entryFields = map[string]about{
	"DIR_WrtTime":      {report.Time, mtoolsTime},
	"DIR_WrtDate":      {report.Time, mtoolsTime},
	"DIR_CrtTime":      {report.Time, mtoolsTime},
	"DIR_CrtDate":      {report.Time, mtoolsTime},
	"DIR_CrtTimeTenth": {report.Time, mtoolsTime},
	"DIR_LstAccDate":   {report.Time, mtoolsTime},
	"DIR_Attr":         {report.Content, "mattrib, the same in both builds"},
	"DIR_NTRes":        {report.Environment, "it holds the case of short names: use the same tool to write files"},
	"DIR_Name":         {report.Order, "short names are numbered in the order in which files are made: " + fixedOrder},
	"DIR_FstClusHI":    {report.Environment, "use the same tool to write files"},
	"LDIR_Type":        {report.Residue, "zero reserved fields"},
	"LDIR_FstClusLO":   {report.Residue, "zero reserved fields"},
}

func aboutEntry(name string) about {
	if a, ok := entryFields[name]; ok {
		return a
	}
	return about{report.Unknown, runFsck}
}

// A time is one value that several fields of an entry hold: in the order of
// the names by which it may be found.
type timeValue struct{ fields []string }

var (
	written  = &timeValue{[]string{"DIR_WrtTime", "DIR_WrtDate"}}
	created  = &timeValue{[]string{"DIR_CrtTime", "DIR_CrtDate", "DIR_CrtTimeTenth"}}
	accessed = &timeValue{[]string{"DIR_LstAccDate"}}

	timeValues = []*timeValue{written, created, accessed}
)

// timeOf maps the fields of a time to its first name.
var timeOf = func() map[string]string {
	m := map[string]string{}
	for _, v := range timeValues {
		for _, name := range v.fields {
			m[name] = v.fields[0]
		}
	}
	return m
}()

// valueName is the name under which the owner of a field of an entry is kept:
// fields that hold parts of one value share it.
func valueName(name string, v fat.Variant) string {
	if base, ok := timeOf[name]; ok {
		return base
	}
	if name == "DIR_FstClusHI" && v == fat.FAT32 {
		return "DIR_FstClusLO"
	}
	return name
}
