package qcow2

// NewHeader is the header, of version 3, of an image of a disk of size bytes
// with 16-bit refcounts, zlib for what is compressed, and no backing file. The
// places of its tables are the writer's to fill in.
func NewHeader(size int64, clusterBits uint32) Header {
	return Header{
		Magic:         Magic,
		Version:       3,
		ClusterBits:   clusterBits,
		Size:          uint64(size),
		RefcountOrder: 4,
		HeaderLength:  uint32(HeaderLayout.Size()),
	}
}

// StoredEntry is the entry, of an L1 or L2 table, for the table or the cluster
// at byte host of the file, which nothing else refers to.
func StoredEntry(host int64) uint64 { return uint64(host) | entryCopied }

// PackedEntry is the L2 entry for a compressed cluster of length bytes at byte
// host of the file: it holds the place, and how many sectors of 512 bytes
// beyond the first one the data touch.
func PackedEntry(host, length int64, clusterBits uint32) uint64 {
	sectors := (host+length-1)/packedSector - host/packedSector
	return entryPacked | uint64(sectors)<<(maxPackedField-(clusterBits-8)) | uint64(host)
}
