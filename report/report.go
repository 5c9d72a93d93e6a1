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
	Schema         string      `json:"schema"`
	Tool           Tool        `json:"tool"`
	A              Input       `json:"a"`
	B              Input       `json:"b"`
	Verdict        Verdict     `json:"verdict"`
	DifferingBytes int64       `json:"differing_bytes"` // as `cmp -l A B | wc -l` counts on the two virtual disks
	ExplainedBytes int64       `json:"explained_bytes"` // of them, owned by findings whose structure is not "unknown"
	RootFindings   int         `json:"root_findings"`   // how many of the findings are not derived
	Findings       []Finding   `json:"findings"`        // root findings first, each kind in order of partition and place
	Partitions     []Partition `json:"partitions"`
	Warnings       []string    `json:"warnings,omitempty"` // what could not be read, and why
}

// Tool is the program that made a report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Input is one of the two compared images, or folders of them.
type Input struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`             // bytes of the virtual disk
	Format string `json:"format"`           // raw, qcow2, … or directory
	Digest string `json:"digest,omitempty"` // "sha256:…" of the virtual disk, where it was computed
}

// Partition is what `fdisk -l` would show of one partition, for both images.
// A bare filesystem image has one of number 0.
type Partition struct {
	Image  string         `json:"image,omitempty"` // the image's name, where two folders were compared
	Number int            `json:"number"`
	A      *PartitionSide `json:"a"` // null where the image has no such partition
	B      *PartitionSide `json:"b"`
}

// PartitionSide is one partition of one image.
type PartitionSide struct {
	Start      int64  `json:"start"`   // first sector
	Sectors    int64  `json:"sectors"` // how many
	SectorSize int64  `json:"sector_size"`
	Type       string `json:"type"` // the GPT type GUID, or the MBR type in hex
	TypeName   string `json:"type_name,omitempty"`
	Name       string `json:"name,omitempty"`
	UUID       string `json:"uuid,omitempty"`
	Bootable   bool   `json:"bootable,omitempty"`
	Filesystem string `json:"filesystem,omitempty"` // ext4, vfat, … as blkid names it; empty where unknown
	Label      string `json:"label,omitempty"`      // the filesystem's
	FSUUID     string `json:"fs_uuid,omitempty"`    // the filesystem's
}
