package xfs

// maxLog is more than a log may have, in bytes: XFS_MAX_LOG_BYTES is 2 GiB.
const maxLog = 2 << 30

const (
	unmountFlag = 1 << 5    // XLOG_UNMOUNT_TRANS
	headerCycle = 32 << 10  // XLOG_HEADER_CYCLE_SIZE: bytes of a record for each sector of its header
	logChunk    = 256 << 10 // bytes that are read at once
	maxRecord   = 256 << 10 // XLOG_MAX_RECORD_BSIZE: bytes
	opFlags     = 9         // oh_flags of struct xlog_op_header, in bytes
)

// Dirty tells whether the log holds changes that are not yet in their places:
// whether its last record says anything else but that the filesystem was
// unmounted. A log on another device is not read.
func (fs *FS) Dirty() (bool, error) {
	start := fs.logPlace()
	length := int64(fs.SB.LogBlocks) << fs.SB.BlockLog
	if start < 0 || length > maxLog {
		return false, nil
	}
	last, at := uint64(0), int64(-1) // h_lsn of the newest record, and its place
	for off := int64(0); off < length; off += logChunk {
		b, err := fs.read(start+off, min(logChunk, length-off))
		if err != nil {
			return false, err
		}
		for ; len(b) >= logSector; b = b[logSector:] {
			if be.Uint32(b) != logMagic {
				continue
			}
			if lsn := be.Uint64(b[16:]); at < 0 || lsn > last {
				last, at = lsn, start+off+min(logChunk, length-off)-int64(len(b))
			}
		}
	}
	if at < 0 {
		return false, nil // of zeros
	}
	b, err := fs.read(at, logSector)
	if err != nil {
		return false, err
	}
	record := logLayout.Decode(b)
	headers := int64(1)
	if record.Version&2 != 0 && record.Size > headerCycle && record.Size <= maxRecord {
		headers = (int64(record.Size) + headerCycle - 1) / headerCycle
	}
	// The record may go on at the log's start.
	op := start + (at-start+headers*logSector)%length
	if b, err = fs.read(op, logSector); err != nil {
		return false, err
	}
	return record.NumLogOps != 1 || b[opFlags]&unmountFlag == 0, nil
}
