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
	var last logHeader
	at := int64(-1)
	for off := int64(0); off < length; off += logChunk {
		b, err := fs.read(start+off, min(logChunk, length-off))
		if err != nil {
			return false, err
		}
		for ; len(b) >= logSector; b = b[logSector:] {
			if be.Uint32(b) != logMagic {
				continue
			}
			if h := logLayout.Decode(b); at < 0 || h.LSN > last.LSN {
				last, at = h, start+off+min(logChunk, length-off)-int64(len(b))
			}
		}
	}
	if at < 0 {
		return false, nil // of zeros
	}
	headers := int64(1)
	if last.Version&2 != 0 && last.Size > headerCycle && last.Size <= maxRecord {
		headers = (int64(last.Size) + headerCycle - 1) / headerCycle
	}
	// The record may go on at the log's start.
	op := start + (at-start+headers*logSector)%length
	b, err := fs.read(op, logSector)
	if err != nil {
		return false, err
	}
	return last.NumLogOps != 1 || b[opFlags]&unmountFlag == 0, nil
}
