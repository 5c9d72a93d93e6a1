package fat

// Limits that keep a hostile image from taking more than its share. They lie
// far above what the format or its users allow.
const (
	// maxDirBytes is the format's own limit: a directory has at most 65,536 slots.
	maxDirBytes = 65536 * SlotSize
	// maxDepth is the depth of nested directories; Windows ends at 130.
	maxDepth = 1024
	// maxObjects is the number of files and directories of one filesystem.
	maxObjects = 2 << 20
	// maxExtents is the number of fragments of all files together.
	maxExtents = 4 << 20
	// maxRegions is the number of regions.
	maxRegions = 8 << 20
	// maxProblems is the number of problems that are kept with their text.
	maxProblems = 1000
)
