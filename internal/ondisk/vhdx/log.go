package vhdx

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/blockmap"
)

// maxLog is how much of a log is looked at, in bytes: QEMU and Hyper-V make
// logs of 1 MiB.
const maxLog = 16 << 20

// readLog tells what is left in a log that needs no replay: entries that were
// carried out, which two images hardly ever have in common.
func (i *Image) readLog() error {
	at, length := i.header.LogOffset, int64(i.header.LogLength)
	n := i.file.Size()
	if at > uint64(n) || int64(at) > n-length {
		i.warn("the log at byte %d of %d bytes ends behind the end of the file of %d bytes", at, length, n)
		return nil
	}
	sum := sha256.New()
	end := int64(at) + min(length, maxLog)
	buf := make([]byte, 64<<10)
	held := 0
	for pos := int64(at); pos < end; {
		b := buf[:min(int64(len(buf)), end-pos)]
		if err := blockmap.ReadFull(i.file, b, pos); err != nil {
			return fmt.Errorf("VHDX log: %w", err)
		}
		held += len(b) - bytes.Count(b, []byte{0})
		sum.Write(b)
		pos += int64(len(b))
	}
	i.log = "empty"
	if held > 0 {
		i.log = fmt.Sprintf("nothing to replay, %d bytes left of what was, sha256 %x…", held, sum.Sum(nil)[:8])
	}
	return nil
}
