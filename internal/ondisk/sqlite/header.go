package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Header is the first 100 bytes of a database, section 1.3. The document
// gives the fields no identifiers; the names are its words.
type Header struct {
	Magic            [16]byte `disk:"magic,text"`
	PageSize         uint16   `disk:"page size"` // 1 stands for 65536
	WriteVersion     uint8    `disk:"file format write version"`
	ReadVersion      uint8    `disk:"file format read version"` // 2 is WAL
	Reserved         uint8    `disk:"reserved space"`           // bytes at the end of each page
	MaxFraction      uint8    `disk:"maximum embedded payload fraction"`
	MinFraction      uint8    `disk:"minimum embedded payload fraction"`
	LeafFraction     uint8    `disk:"leaf payload fraction"`
	ChangeCounter    uint32   `disk:"file change counter"`
	Pages            uint32   `disk:"database size in pages"`
	FreelistTrunk    uint32   `disk:"first freelist trunk page"`
	FreelistPages    uint32   `disk:"freelist pages"`
	SchemaCookie     uint32   `disk:"schema cookie"`
	SchemaFormat     uint32   `disk:"schema format number"`
	CacheSize        uint32   `disk:"default page cache size"`
	LargestRoot      uint32   `disk:"largest root b-tree page"`
	TextEncoding     uint32   `disk:"text encoding"` // 1 UTF-8, 2 UTF-16LE, 3 UTF-16BE
	UserVersion      uint32   `disk:"user version"`
	IncrementalVac   uint32   `disk:"incremental vacuum"`
	ApplicationID    uint32   `disk:"application id,hex"`
	ReservedZero     [20]byte `disk:"reserved for expansion,reserved"`
	VersionValidFor  uint32   `disk:"version-valid-for"`
	SQLiteVersionNum uint32   `disk:"SQLITE_VERSION_NUMBER"`
}

// Layout is the header's layout.
var Layout = field.MustOf[Header](binary.BigEndian)

// Magic is what every database begins with.
const Magic = "SQLite format 3\x00"

const (
	utf8 = 1 + iota
	utf16le
	utf16be
)

// ErrCorrupt is what every error about the file's content wraps.
var ErrCorrupt = errors.New("damaged SQLite database")

func corrupt(page uint32, format string, args ...any) error {
	return fmt.Errorf("%w: page %d: %s", ErrCorrupt, page, fmt.Sprintf(format, args...))
}

// DB is an opened database.
type DB struct {
	Header Header
	r      io.ReaderAt
	size   int64
	page   int64 // bytes of a page
	usable int   // of which may be used
	pages  uint32
}

// Open reads the header of the size bytes of r.
func Open(r io.ReaderAt, size int64) (*DB, error) {
	raw := make([]byte, Layout.Size())
	if n, err := r.ReadAt(raw, 0); n < len(raw) {
		return nil, fmt.Errorf("sqlite: header: %w", err)
	}
	d := &DB{Header: Layout.Decode(raw), r: r, size: size}
	h := d.Header
	d.page = int64(h.PageSize)
	if d.page == 1 {
		d.page = 65536
	}
	d.usable = int(d.page) - int(h.Reserved)
	switch {
	case string(h.Magic[:]) != Magic:
		return nil, fmt.Errorf("%w: the magic at byte 0", ErrCorrupt)
	case d.page < 512 || d.page&(d.page-1) != 0 || d.usable < 480:
		return nil, fmt.Errorf("%w: page size %d with %d reserved at byte 16", ErrCorrupt, d.page, h.Reserved)
	case h.TextEncoding > utf16be:
		return nil, fmt.Errorf("%w: text encoding %d at byte 56", ErrCorrupt, h.TextEncoding)
	}
	d.pages = uint32(min(size/d.page, 1<<32-2))
	return d, nil
}

// WAL tells whether the database was written with a write-ahead log, which
// may hold changes that the file does not.
func (d *DB) WAL() bool { return d.Header.ReadVersion == 2 }

// readPage reads a page. Pages count from 1.
func (d *DB) readPage(no uint32) ([]byte, error) {
	if no == 0 || no > d.pages {
		return nil, corrupt(no, "the file has pages 1 to %d", d.pages)
	}
	p := make([]byte, d.page)
	if n, err := d.r.ReadAt(p, int64(no-1)*d.page); n < len(p) {
		return nil, fmt.Errorf("sqlite: page %d: %w", no, err)
	}
	return p, nil
}
