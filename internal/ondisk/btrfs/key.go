package btrfs

import (
	"cmp"

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

// Types of keys.
const (
	InodeItemKey       = 1
	InodeRefKey        = 12
	InodeExtrefKey     = 13
	XattrItemKey       = 24
	DirItemKey         = 84
	DirIndexKey        = 96
	ExtentDataKey      = 108
	ExtentCsumKey      = 128
	RootItemKey        = 132
	ExtentItemKey      = 168
	MetadataItemKey    = 169
	TreeBlockRefKey    = 176
	ExtentDataRefKey   = 178
	BlockGroupItemKey  = 192
	FreeSpaceInfoKey   = 198
	FreeSpaceExtentKey = 199
	DevExtentKey       = 204
	DevItemKey         = 216
	ChunkItemKey       = 228
	UUIDKeySubvol      = 251
)

// Object IDs, of trees and within them.
const (
	RootTree         = 1
	ExtentTree       = 2
	ChunkTree        = 3
	DevTree          = 4
	FSTree           = 5
	RootTreeDir      = 6
	CsumTree         = 7
	UUIDTree         = 9
	FreeSpaceTree    = 10
	DevItems         = 1
	FirstFree        = 256
	FirstChunkTree   = 256
	DataRelocTree    = ^uint64(0) - 8 // -9
	ExtentCsumObject = ^uint64(0) - 9 // -10
)
