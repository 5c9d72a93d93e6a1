package report

// Schema names the version of the JSON that a Report is written as. It
// changes when a name or a meaning changes, not when a name is added.
const Schema = "reprodisk-report/1"

// Verdict is the answer in one word.
type Verdict string

const (
	Reproducible   Verdict = "reproducible"   // no difference, or none that is not allowed
	Unreproducible Verdict = "unreproducible" // at least one difference that is not allowed
)

// Report is the whole outcome of a comparison, as plain data. Everything that
// is rendered is rendered from it, so an old report can be rendered again.
type Report struct {
	Schema         string      `json:"schema"`                                  // the version of this form
	Tool           Tool        `json:"tool"`                                    // the program that made the report
	A              Input       `json:"a"`                                       // the first image, or folder of images
	B              Input       `json:"b"`                                       // the second
	Verdict        Verdict     `json:"verdict"`                                 // the answer in one word
	DifferingBytes int64       `json:"differing_bytes" jsonschema:"minimum=0"`  // as `cmp -l A B | wc -l` counts on the two virtual disks
	ExplainedBytes int64       `json:"explained_bytes" jsonschema:"minimum=0"`  // of them, owned by findings whose structure is not "unknown"
	RootFindings   int         `json:"root_findings" jsonschema:"minimum=0"`    // how many of the findings are not derived
	Findings       []Finding   `json:"findings"`                                // root findings first, each kind in order of partition and place
	Partitions     []Partition `json:"partitions"`                              // what fdisk -l would show, for both images
	Warnings       []string    `json:"warnings,omitempty"`                      // what could not be read, and why
	Heat           []Heat      `json:"heat,omitempty" jsonschema:"maxItems=64"` // where on the disks bytes differ

	Verification *Verification `json:"verification,omitempty"` // how the images were built, where verify built them
	Policy       *Policy       `json:"policy,omitempty"`       // what was allowed to differ, where that was judged

	OnlyPartition *int `json:"only_partition,omitempty" jsonschema:"minimum=0"` // the number of the only partition that is reported, where others are left out
}

// Tool is the program that made a report.
type Tool struct {
	Name    string `json:"name"`    // reprodisk
	Version string `json:"version"` // its release
}

// Input is one of the two compared images, or folders of them.
type Input struct {
	Path   string `json:"path"`                        // as it was given
	Size   int64  `json:"size" jsonschema:"minimum=0"` // bytes of the virtual disk
	Format string `json:"format"`                      // raw, qcow2, … or directory
	Added  int64  `json:"added,omitempty"`             // of Size, bytes of zeros that the image's format put behind the disk
	Digest string `json:"digest,omitempty"`            // "sha256:…" of the virtual disk, where it was computed

	FileDigest string      `json:"file_digest,omitempty"` // "sha256:…" of the image's file, where that is not the disk itself
	Files      []InputFile `json:"files,omitempty"`       // of a folder, the regular files with their digests, where those were computed
}

// InputFile is a file of a compared folder.
type InputFile struct {
	Path       string `json:"path"`                        // inside of the folder
	Size       int64  `json:"size" jsonschema:"minimum=0"` // bytes of the virtual disk, or of a file that is none
	Format     string `json:"format,omitempty"`            // of a disk image: raw, qcow2, …
	Digest     string `json:"digest"`                      // "sha256:…" of the virtual disk, or of a file that is none
	FileDigest string `json:"file_digest,omitempty"`       // "sha256:…" of the image's file, where that is not the disk itself
}

// Partition is what `fdisk -l` would show of one partition, for both images.
// A bare filesystem image has one of number 0.
type Partition struct {
	Image  string         `json:"image,omitempty"`               // the image's name, where two folders were compared
	Number int            `json:"number" jsonschema:"minimum=0"` // the number that the table gives it
	A      *PartitionSide `json:"a" jsonschema:"nullable"`       // null where the image has no such partition
	B      *PartitionSide `json:"b" jsonschema:"nullable"`       // likewise
}

// PartitionSide is one partition of one image.
type PartitionSide struct {
	Start      int64  `json:"start"`                // first sector
	Sectors    int64  `json:"sectors"`              // how many
	SectorSize int64  `json:"sector_size"`          // bytes
	Type       string `json:"type"`                 // the GPT type GUID, or the MBR type in hex
	TypeName   string `json:"type_name,omitempty"`  // what fdisk calls that type
	Name       string `json:"name,omitempty"`       // the GPT partition name
	UUID       string `json:"uuid,omitempty"`       // the GPT partition GUID
	Bootable   bool   `json:"bootable,omitempty"`   // the MBR boot flag
	Filesystem string `json:"filesystem,omitempty"` // ext4, vfat, … as blkid names it; empty where unknown
	Label      string `json:"label,omitempty"`      // the filesystem's
	FSUUID     string `json:"fs_uuid,omitempty"`    // the filesystem's
	Digest     string `json:"digest,omitempty"`     // "sha256:…" of the partition's bytes, where it was computed
}
