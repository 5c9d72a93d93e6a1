package btrfs

import (
	"cmp"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Key is struct btrfs_disk_key: what orders a tree's items.
type Key struct {
	ObjectID uint64 `disk:"objectid"`
	Type     uint8  `disk:"type"`
	Offset   uint64 `disk:"offset"`
}

// KeySize is in bytes.
const KeySize = 17

// KeyLayout names a key's bytes.
var KeyLayout = field.MustOf[Key](le)

// Compare orders keys as trees do.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.ObjectID, o.ObjectID), cmp.Compare(k.Type, o.Type), cmp.Compare(k.Offset, o.Offset))
}

// Before tells whether k stands in front of o.
func (k Key) Before(o Key) bool { return k.Compare(o) < 0 }

// Types of keys.
const (
	FreeSpaceHeaderKey  = 0 // of the object FreeSpaceObject
	InodeItemKey        = 1
	InodeRefKey         = 12
	InodeExtrefKey      = 13
	XattrItemKey        = 24
	VerityDescItemKey   = 36
	VerityMerkleItemKey = 37
	OrphanItemKey       = 48
	DirLogItemKey       = 60
	DirLogIndexKey      = 72
	DirItemKey          = 84
	DirIndexKey         = 96
	ExtentDataKey       = 108
	ExtentCsumKey       = 128
	RootItemKey         = 132
	RootBackrefKey      = 144
	RootRefKey          = 156
	ExtentItemKey       = 168
	MetadataItemKey     = 169
	ExtentOwnerRefKey   = 172
	TreeBlockRefKey     = 176
	ExtentDataRefKey    = 178
	SharedBlockRefKey   = 182
	SharedDataRefKey    = 184
	BlockGroupItemKey   = 192
	FreeSpaceInfoKey    = 198
	FreeSpaceExtentKey  = 199
	FreeSpaceBitmapKey  = 200
	DevExtentKey        = 204
	DevItemKey          = 216
	ChunkItemKey        = 228
	QgroupStatusKey     = 240
	QgroupInfoKey       = 242
	QgroupLimitKey      = 244
	QgroupRelationKey   = 246
	TemporaryItemKey    = 248
	PersistentItemKey   = 249
	UUIDKeySubvol       = 251
	UUIDKeyReceived     = 252
	StringItemKey       = 253
)

// itemNames are the types' names as the specification has the items', in
// lower case.
var itemNames = map[uint8]string{
	FreeSpaceHeaderKey: "free_space_header", InodeItemKey: "inode_item", InodeRefKey: "inode_ref", InodeExtrefKey: "inode_extref",
	XattrItemKey: "xattr_item", VerityDescItemKey: "verity_desc_item", VerityMerkleItemKey: "verity_merkle_item", OrphanItemKey: "orphan_item",
	DirLogItemKey: "dir_log_item", DirLogIndexKey: "dir_log_index", DirItemKey: "dir_item", DirIndexKey: "dir_index", ExtentDataKey: "file_extent_item",
	ExtentCsumKey: "extent_csum", RootItemKey: "root_item", RootBackrefKey: "root_backref", RootRefKey: "root_ref", ExtentItemKey: "extent_item",
	MetadataItemKey: "metadata_item", ExtentOwnerRefKey: "extent_owner_ref", TreeBlockRefKey: "tree_block_ref", ExtentDataRefKey: "extent_data_ref",
	SharedBlockRefKey: "shared_block_ref", SharedDataRefKey: "shared_data_ref", BlockGroupItemKey: "block_group_item",
	FreeSpaceInfoKey: "free_space_info", FreeSpaceExtentKey: "free_space_extent", FreeSpaceBitmapKey: "free_space_bitmap",
	DevExtentKey: "dev_extent", DevItemKey: "dev_item", ChunkItemKey: "chunk", QgroupStatusKey: "qgroup_status_item", QgroupInfoKey: "qgroup_info_item",
	QgroupLimitKey: "qgroup_limit_item", QgroupRelationKey: "qgroup_relation", TemporaryItemKey: "temporary_item", PersistentItemKey: "persistent_item",
	UUIDKeySubvol: "uuid_subvol", UUIDKeyReceived: "uuid_received", StringItemKey: "string_item",
}

// ItemName names a type of items.
func ItemName(kind uint8) string {
	if name, ok := itemNames[kind]; ok {
		return name
	}
	return fmt.Sprintf("item_%d", kind)
}

// Object IDs, of trees and within them.
const (
	RootTree         = 1
	ExtentTree       = 2
	ChunkTree        = 3
	DevTree          = 4
	FSTree           = 5
	RootTreeDir      = 6
	CsumTree         = 7
	QuotaTree        = 8
	UUIDTree         = 9
	FreeSpaceTree    = 10
	BlockGroupTree   = 11
	DevItems         = 1
	FirstFree        = 256
	FirstChunkTree   = 256
	LastFree         = ^uint64(0) - 255 // -256
	TreeLog          = ^uint64(0) - 5   // -6
	TreeReloc        = ^uint64(0) - 7   // -8
	DataRelocTree    = ^uint64(0) - 8   // -9
	ExtentCsumObject = ^uint64(0) - 9   // -10
	FreeSpaceObject  = ^uint64(0) - 10  // -11
)

var treeNames = map[uint64]string{
	RootTree: "root tree", ExtentTree: "extent tree", ChunkTree: "chunk tree", DevTree: "dev tree", FSTree: "fs tree", CsumTree: "csum tree",
	QuotaTree: "quota tree", UUIDTree: "uuid tree", FreeSpaceTree: "free space tree", BlockGroupTree: "block group tree", TreeLog: "log tree",
	TreeReloc: "reloc tree", DataRelocTree: "data reloc tree",
}

// TreeName names a tree by its object ID.
func TreeName(id uint64) string {
	if name, ok := treeNames[id]; ok {
		return name
	}
	if IsSubvolume(id) {
		return fmt.Sprintf("subvolume %d", id)
	}
	return fmt.Sprintf("tree %d", int64(id))
}

// IsSubvolume tells whether a tree of that ID is the filesystem's own or one
// of its subvolumes and snapshots.
func IsSubvolume(id uint64) bool { return id == FSTree || id >= FirstFree && id <= LastFree }
