package ext4

// Region is a range of bytes of the volume with one purpose.
type Region struct {
	Start, Length int64 // bytes
	// Logical is where the region starts within the file that it belongs to,
	// or within the structure where that has several blocks (group
	// descriptors, an inode table), in bytes.
	Logical   int64
	Inode     uint32 // that it belongs to, 0 for none
	Group     uint32 // that it belongs to, or lies in
	Structure Structure
}

// End is the offset of the first byte behind the region.
func (r Region) End() int64 { return r.Start + r.Length }

// Structure is what a region is for.
type Structure uint8

// Structures.
const (
	BootBlock         Structure = iota // the first 1024 bytes, not the filesystem's
	PrimarySuperblock                  // 1024 bytes
	BackupSuperblock                   // 1024 bytes, at the start of a group
	PrimaryDescriptors
	BackupDescriptors
	ReservedDescriptors // blocks kept free for more group descriptors
	BlockBitmap
	InodeBitmap
	InodeTable // named "inode": its units are inodes
	DirectoryBlocks
	Data        // content of a regular file
	SymlinkData // target of a symbolic link, where it is not in the inode
	ExtentTree  // node of an extent tree that is not in the inode
	IndirectBlock
	XattrBlock // extended attributes of one or more inodes
	EaInodeData
	Journal
	OrphanFile
	MMPBlock
	QuotaFile
	BadBlocks
	Slack     // allocated to a file, behind its end
	Unwritten // allocated to a file, not written yet
	Padding   // behind a structure that does not fill its block
	FreeSpace
	LostBlock // in use by the block bitmap, but belonging to nothing
	Tail      // behind the last block
)

var structureNames = [...]string{
	BootBlock: "boot block", PrimarySuperblock: "superblock", BackupSuperblock: "backup superblock",
	PrimaryDescriptors: "group descriptor", BackupDescriptors: "backup group descriptor",
	ReservedDescriptors: "reserved GDT block", BlockBitmap: "block bitmap", InodeBitmap: "inode bitmap",
	InodeTable: "inode", DirectoryBlocks: "directory", Data: "data", SymlinkData: "symlink",
	ExtentTree: "extent tree", IndirectBlock: "indirect block", XattrBlock: "xattr block",
	EaInodeData: "ea_inode", Journal: "journal", OrphanFile: "orphan file", MMPBlock: "MMP block",
	QuotaFile: "quota file", BadBlocks: "bad blocks", Slack: "slack", Unwritten: "unwritten extent",
	Padding: "padding", FreeSpace: "free space", LostBlock: "lost block", Tail: "tail",
}

func (s Structure) String() string { return structureNames[s] }
