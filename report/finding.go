package report

// Cause is what sort of thing made a field differ.
type Cause string

const (
	Time        Cause = "time"
	Random      Cause = "random"
	Order       Cause = "order"       // the same things in another order
	Placement   Cause = "placement"   // the same things in other places
	Environment Cause = "environment" // host name, user, path, kernel, processor count, tool version, mount point
	Content     Cause = "content"     // what was put into the image
	Residue     Cause = "residue"     // bytes that nothing should read
	Unknown     Cause = "unknown"
)

// Range is a range of bytes of the virtual disk.
type Range struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// Finding is one thing that differs between two images.
type Finding struct {
	ID        string `json:"id"`
	Image     string `json:"image,omitempty"` // the image's name, where two folders were compared
	Partition int    `json:"partition"`       // the number that the table gives it; 0 is the disk itself, or a bare filesystem
	Format    string `json:"format"`          // mbr gpt ext4 fat …, disk for what no format claims
	Structure string `json:"structure"`       // which copy or part: "primary header", "inode", "data", …
	Field     string `json:"field"`           // the specification's name
	File      string `json:"file"`            // absolute path inside the filesystem, where it is about one file

	A string `json:"a"` // the values for a person; empty where a side has none
	B string `json:"b"`

	Ranges        []Range `json:"ranges"`                   // in A's virtual disk, B's where A has none
	RangesOmitted int     `json:"ranges_omitted,omitempty"` // how many more there are
	Bytes         int64   `json:"bytes"`                    // differing bytes that this finding owns

	Cause       Cause    `json:"cause"`
	Derived     bool     `json:"derived"`      // differs only because another finding does
	DerivedFrom []string `json:"derived_from"` // the ids of those findings
	Remedy      string   `json:"remedy"`       // how to pin it
	Variation   string   `json:"variation"`    // which variation of the build's world it follows, where that was tried
	Allowed     string   `json:"allowed"`      // why the policy accepts it, where it does

	Count        int      `json:"count"`                   // how many values the finding stands for, 1 or more
	Files        []string `json:"files,omitempty"`         // the files of a finding that stands for several
	FilesOmitted int      `json:"files_omitted,omitempty"` // how many more there are
	Note         string   `json:"note,omitempty"`          // a sentence more, for a person
	Diff         string   `json:"diff,omitempty"`          // a unified diff, for text
}
