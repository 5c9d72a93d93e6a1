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

// Causes lists every cause there is.
func Causes() []Cause {
	return []Cause{Time, Random, Order, Placement, Environment, Content, Residue, Unknown}
}

// UnknownStructure is the structure of findings for bytes that no format
// claims. They count as differing, not as explained.
const UnknownStructure = "unknown"

// Range is a range of bytes of the virtual disk.
type Range struct {
	Offset int64 `json:"offset" jsonschema:"minimum=0"` // the first byte, counted from 0
	Length int64 `json:"length" jsonschema:"minimum=0"` // how many bytes
}

// Finding is one thing that differs between two images.
type Finding struct {
	ID        string `json:"id" jsonschema:"minLength=1"`      // unique in the report: p2/ext4/superblock/s_hash_seed
	Image     string `json:"image,omitempty"`                  // the image's name, where two folders were compared
	Partition int    `json:"partition" jsonschema:"minimum=0"` // the number that the table gives it; 0 is the disk itself, or a bare filesystem
	Format    string `json:"format"`                           // mbr gpt ext4 fat …, disk for what no format claims
	Structure string `json:"structure"`                        // which copy or part: "primary header", "inode", "data", …
	Field     string `json:"field"`                            // the specification's name
	File      string `json:"file"`                             // absolute path inside the filesystem, where it is about one file
	A         string `json:"a"`                                // A's value for a person; empty where A has none
	B         string `json:"b"`                                // B's value for a person; empty where B has none

	Ranges        []Range `json:"ranges"`                                          // in A's virtual disk, B's where A has none
	RangesOmitted int     `json:"ranges_omitted,omitempty" jsonschema:"minimum=0"` // how many more there are
	Bytes         int64   `json:"bytes" jsonschema:"minimum=0"`                    // differing bytes that this finding owns

	Cause       Cause    `json:"cause"`        // what sort of thing made it differ
	Derived     bool     `json:"derived"`      // differs only because another finding does
	DerivedFrom []string `json:"derived_from"` // the ids of those findings
	Remedy      string   `json:"remedy"`       // how to pin it
	Variation   string   `json:"variation"`    // which variation of the build's world it follows, where that was tried
	Allowed     string   `json:"allowed"`      // why the policy accepts it, where it does

	Count        int      `json:"count" jsonschema:"minimum=1"`                   // how many values the finding stands for, 1 or more
	Files        []string `json:"files,omitempty"`                                // the files of a finding that stands for several
	FilesOmitted int      `json:"files_omitted,omitempty" jsonschema:"minimum=0"` // how many more there are
	Note         string   `json:"note,omitempty"`                                 // a sentence more, for a person
	Diff         string   `json:"diff,omitempty"`                                 // a unified diff, for text

	Sample *Sample `json:"sample,omitempty"` // bytes of both disks, around the first that differs

	InsideKind    string   `json:"inside_kind,omitempty"`                           // the file's format, where it is known: "gzip", "cpio", …
	Inside        []Inside `json:"inside,omitempty"`                                // what differs inside of the file
	InsideOmitted int      `json:"inside_omitted,omitempty" jsonschema:"minimum=0"` // how many more there are
}

// Inside is one thing that differs inside of a file whose format is known.
type Inside struct {
	Where   string `json:"where"`   // the part of the file: ".initrd > cpio > init"; empty for the file as a whole
	Field   string `json:"field"`   // the format's own name
	A       string `json:"a"`       // A's value for a person; empty where A has none
	B       string `json:"b"`       // B's value for a person; empty where B has none
	Cause   Cause  `json:"cause"`   // what sort of thing made this one differ
	Derived bool   `json:"derived"` // follows from other things inside: a checksum, a length
}
