package tablecmp

import "github.com/reprodisk/reprodisk/report"

// about is what is known of a field beforehand: what sort of thing makes it
// differ, and how to pin it.
type about struct {
	cause  report.Cause
	remedy string
}

var gptFields = map[string]about{
	"DiskGUID":                 {report.Random, "sgdisk --disk-guid=GUID, or `label-id: GUID` for sfdisk"},
	"UniquePartitionGUID":      {report.Random, "sgdisk --partition-guid=N:GUID, or `uuid=GUID` for sfdisk"},
	"PartitionTypeGUID":        {report.Content, "sgdisk --typecode=N:GUID"},
	"PartitionName":            {report.Content, "sgdisk --change-name=N:NAME"},
	"Attributes":               {report.Content, "sgdisk --attributes=N:set:BIT"},
	"StartingLBA":              {report.Placement, "give the partition's start and size in sectors"},
	"EndingLBA":                {report.Placement, "give the partition's start and size in sectors"},
	"MyLBA":                    {report.Placement, "give the disk a fixed size"},
	"AlternateLBA":             {report.Placement, "give the disk a fixed size"},
	"FirstUsableLBA":           {report.Environment, "use one partitioning tool in one version"},
	"LastUsableLBA":            {report.Placement, "give the disk a fixed size"},
	"PartitionEntryLBA":        {report.Environment, "use one partitioning tool in one version"},
	"NumberOfPartitionEntries": {report.Environment, "use one partitioning tool in one version"},
	"SizeOfPartitionEntry":     {report.Environment, "use one partitioning tool in one version"},
	"Revision":                 {report.Environment, "use one partitioning tool in one version"},
	"HeaderSize":               {report.Environment, "use one partitioning tool in one version"},
}

var mbrFields = map[string]about{
	"BootCode":      {report.Content, "install the same boot loader, in the same version"},
	"DiskSignature": {report.Random, "sfdisk --disk-id IMAGE 0xNNNNNNNN"},
	"BootIndicator": {report.Content, "sfdisk --activate IMAGE N"},
	"OSType":        {report.Content, "sfdisk --part-type IMAGE N TYPE"},
	"StartingLBA":   {report.Placement, "give the partition's start and size in sectors"},
	"SizeInLBA":     {report.Placement, "give the partition's start and size in sectors"},
	"StartingCHS":   {report.Environment, "use one partitioning tool in one version"},
	"EndingCHS":     {report.Environment, "use one partitioning tool in one version"},
}
