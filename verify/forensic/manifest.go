package forensic

// ManifestName is the file of an extraction that says what is what.
const ManifestName = "manifest.json"

// ManifestSchema names the form of a manifest.
const ManifestSchema = "reprodisk-extract/1"

// Manifest maps the names of an extraction to what they are.
type Manifest struct {
	Schema  string             `json:"schema"`
	Program string             `json:"program"`
	Version string             `json:"version"`
	Images  []ManifestImage    `json:"images"`
	Files   []Extracted        `json:"files"`  // in the order of images, partitions and paths
	Ranges  []ExtractedRange   `json:"ranges"` // of the disks, where they differ but not within an extracted file
	Limit   int64              `json:"limit"`  // bytes that were allowed
	Written int64              `json:"written"`
	Omitted []ManifestOmission `json:"omitted,omitempty"`
	// OmittedMore is how many more were left out than Omitted names.
	OmittedMore int `json:"omitted_more,omitempty"`
}

// ManifestImage is one of the images.
type ManifestImage struct {
	Side   string `json:"side"`           // a or b
	Name   string `json:"name,omitempty"` // the relative name, where folders were compared
	Path   string `json:"path"`
	Format string `json:"format"`
	Size   int64  `json:"size"`             // bytes of the virtual disk
	SHA256 string `json:"sha256,omitempty"` // of the virtual disk, where it was computed
}

// Extracted is a file of the folder, and what it is in the image.
type Extracted struct {
	Name      string `json:"name"` // in the folder
	Side      string `json:"side"`
	Image     string `json:"image,omitempty"`
	Partition int    `json:"partition"`
	Path      string `json:"path"`               // in the image, as reports show it: \xNN for what is no UTF-8
	PathHex   string `json:"path_hex,omitempty"` // the bytes, where they are no plain text
	Type      string `json:"type"`               // file, or symbolic link: its target
	Change    string `json:"change"`             // new, deleted, renamed, modified or changed
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
}

// ExtractedRange is a range of a disk.
type ExtractedRange struct {
	Name   string `json:"name"`
	Side   string `json:"side"`
	Image  string `json:"image,omitempty"`
	Offset int64  `json:"offset"` // bytes
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
}

// ManifestOmission is what was left out.
type ManifestOmission struct {
	Side      string `json:"side"`
	Image     string `json:"image,omitempty"`
	Partition int    `json:"partition"`
	Path      string `json:"path"`
	Size      int64  `json:"size"`
	Why       string `json:"why"`
}
