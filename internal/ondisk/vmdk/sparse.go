package vmdk

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/blockmap"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

const (
	maxGrain           = 0x200000 // sectors: 1 GiB, as QEMU has it
	maxCompressedGrain = 0x2000   // sectors: 4 MiB, all of which is in memory at a time
	maxGTEs            = 512      // entries of a grain table, which no writer has exceeded
)

// sparse is a sparse extent.
type sparse struct {
	file       container.Disk
	raw        []byte // the header as it begins the file
	footer     []byte // the header that follows the grains; nil where there is none
	footerAt   int64
	header     Header // the one that holds
	table      *blockmap.Map
	zero       int64  // entries that read as zeros
	redundant  string // what the second grain tables hold; empty where there are none
	tables     string // digest of the grain tables' entries
	compressed bool
	grains     grainCache
	warnings   []string
}

// openSparse reads the header and the tables of the extent in file.
func openSparse(file container.Disk) (*sparse, error) {
	s := &sparse{file: file, raw: make([]byte, sector)}
	if err := blockmap.ReadFull(file, s.raw, 0); err != nil {
		return nil, fmt.Errorf("VMDK header: %w", err)
	}
	switch {
	case string(s.raw[:4]) == magicCOWD:
		return nil, fmt.Errorf("is a COWD extent of ESX, which is not read: convert it with `qemu-img convert -O raw`")
	case string(s.raw[:8]) == magicSESparse:
		return nil, fmt.Errorf("is a seSparse extent of ESX, which is not read: convert it with `qemu-img convert -O raw`")
	case string(s.raw[:4]) != Magic:
		return nil, fmt.Errorf("does not begin with %q: this is no sparse VMDK extent", Magic)
	}
	s.header = HeaderLayout.Decode(s.raw)
	if s.header.GDOffset == gdAtEnd {
		if err := s.readFooter(); err != nil {
			return nil, err
		}
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := s.readTables(); err != nil {
		return nil, err
	}
	return s, nil
}

// readFooter reads the header that a stream ends with: a marker, the header,
// and the marker of the stream's end, a sector each.
func (s *sparse) readFooter() error {
	at := s.file.Size() - 3*sector
	if at < sector {
		return fmt.Errorf("the header's gdOffset says that a footer follows, the file ends at byte %d: it is cut off, take a whole copy", s.file.Size())
	}
	b := make([]byte, 3*sector)
	if err := blockmap.ReadFull(s.file, b, at); err != nil {
		return fmt.Errorf("VMDK footer: %w", err)
	}
	before, after := markerLayout.Decode(b), markerLayout.Decode(b[2*sector:])
	if before.Size != 0 || before.Type != markerFooter || string(b[sector:][:4]) != Magic || after != (marker{Type: markerEndOfStream}) {
		return fmt.Errorf("there is no footer at byte %d: the stream is cut off, take a whole copy", at+sector)
	}
	s.footer, s.footerAt = b[sector:2*sector], at+sector
	s.header = HeaderLayout.Decode(s.footer)
	if s.header.GDOffset == gdAtEnd {
		return fmt.Errorf("gdOffset in the footer at byte %d names no place: the file is damaged, take a whole copy", s.footerAt)
	}
	return nil
}

func (s *sparse) check() error {
	h := &s.header
	s.compressed = h.CompressAlgorithm == compressDeflate
	grain := uint64(maxGrain)
	if s.compressed {
		grain = maxCompressedGrain
	}
	switch {
	case h.Version < 1 || h.Version > 3:
		return fmt.Errorf("VMDK version %d at byte 4 is not read, only 1 to 3: convert it with `qemu-img convert -O raw`", h.Version)
	case h.CompressAlgorithm > compressDeflate:
		return fmt.Errorf("compressAlgorithm at byte 77 is %d, which is not known: convert it with `vmware-vdiskmanager`", h.CompressAlgorithm)
	case h.GrainSize == 0 || h.GrainSize > grain || h.GrainSize&(h.GrainSize-1) != 0:
		return fmt.Errorf("grainSize at byte 20 is %d, not a power of two of at most %d sectors: the header is damaged, take a whole copy", h.GrainSize, grain)
	case h.NumGTEsPerGT == 0 || h.NumGTEsPerGT > maxGTEs:
		return fmt.Errorf("numGTEsPerGT at byte 44 is %d, not in 1 to %d: the header is damaged, take a whole copy", h.NumGTEsPerGT, maxGTEs)
	case h.Capacity == 0 || h.Capacity > maxSectors:
		return fmt.Errorf("capacity at byte 12 is %d sectors: no disk is of that size, the header is damaged, take a whole copy", h.Capacity)
	}
	if h.Flags&flagNewlines != 0 && [4]uint8{h.SingleEndLineChar, h.NonEndLineChar, h.DoubleEndLineChar1, h.DoubleEndLineChar2} != [4]uint8{'\n', ' ', '\r', '\n'} {
		s.warnings = append(s.warnings, "the line ends at byte 73 were changed: the file was copied as a text and is probably damaged")
	}
	if h.UncleanShutdown != 0 {
		s.warnings = append(s.warnings, "uncleanShutdown at byte 72 is set: the image was not closed, its last writes may be missing")
	}
	return nil
}

// grainBytes is a grain's length in bytes.
func (s *sparse) grainBytes() int64 { return int64(s.header.GrainSize) * sector }

// size is the extent's length in bytes.
func (s *sparse) size() int64 { return int64(s.header.Capacity) * sector }

// directory is how many entries the grain directory has.
func (s *sparse) directory() int64 {
	perTable := int64(s.header.NumGTEsPerGT) * int64(s.header.GrainSize)
	return (int64(s.header.Capacity) + perTable - 1) / perTable
}

func (s *sparse) readTables() error {
	b := blockmap.Builder{Size: s.size(), BlockSize: s.grainBytes(), FileSize: s.file.Size()}
	if s.compressed {
		b.Least, b.Apart = sector, true
	}
	var err error
	s.tables, err = s.walk(s.header.GDOffset, func(n int64, entry uint32) error {
		if entry == 1 && s.header.Flags&flagZeroGrain != 0 {
			s.zero++
			return nil
		}
		return b.Add(n, int64(entry)*sector)
	})
	if err != nil {
		return err
	}
	s.table = b.Map()
	if s.header.Flags&flagRedundant == 0 || s.header.RGDOffset == 0 || s.header.RGDOffset == gdAtEnd {
		return nil
	}
	s.redundant, err = s.walk(s.header.RGDOffset, func(int64, uint32) error { return nil })
	switch {
	case err != nil:
		s.redundant = "unreadable"
		s.warnings = append(s.warnings, fmt.Sprintf("the second grain tables are not used and cannot be read: %v", err))
	case s.redundant != s.tables:
		s.warnings = append(s.warnings, fmt.Sprintf("the second grain tables, of the directory at byte %d, differ from the first, which are used", s.header.RGDOffset*sector))
	}
	return nil
}

// walk goes through the grain tables of the directory at a sector, and hands
// over all entries but 0 with their grain's number. What it returns stands for
// all entries.
func (s *sparse) walk(directory uint64, each func(grain int64, entry uint32) error) (digest string, err error) {
	n := s.file.Size()
	tables, perTable := s.directory(), int64(s.header.NumGTEsPerGT)
	if directory > uint64(n/sector) || int64(directory)*sector > n-4*tables {
		return "", fmt.Errorf("the grain directory at sector %d of %d entries ends behind the end of the file of %d bytes: it is cut off, take a whole copy", directory, tables, n)
	}
	grains := (s.size() + s.grainBytes() - 1) / s.grainBytes()
	sum := sha256.New()
	buf := make([]byte, 4*perTable)
	var seen int64
	err = blockmap.Entries(s.file, int64(directory)*sector, tables, 4, true, func(t int64, e []byte) error {
		place := int64(binary.LittleEndian.Uint32(e)) * sector
		if place == 0 {
			return nil
		}
		// Tables begin at sectors: more of them than sectors means the same again.
		if seen++; seen > n/sector {
			return fmt.Errorf("the grain directory names more tables than the file has sectors: it is damaged, take a whole copy")
		}
		first := t * perTable
		b := buf[:4*min(perTable, grains-first)]
		if place > n-int64(len(b)) {
			return fmt.Errorf("its grain table at byte %d ends behind the end of the file of %d bytes: it is cut off, take a whole copy", place, n)
		}
		if err := blockmap.ReadFull(s.file, b, place); err != nil {
			return err
		}
		var number [8]byte
		binary.LittleEndian.PutUint64(number[:], uint64(t))
		sum.Write(number[:])
		sum.Write(b)
		for i := int64(0); i < int64(len(b))/4; i++ {
			if v := binary.LittleEndian.Uint32(b[4*i:]); v != 0 {
				if err := each(first+i, v); err != nil {
					return fmt.Errorf("grain table at byte %d: %w", place, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("VMDK grain directory at byte %d: %w", directory*sector, err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// read fills the front of b from byte off of the extent.
func (s *sparse) read(b []byte, off int64) (int64, error) {
	place, n := s.table.At(off)
	if s.compressed && place >= 0 {
		return s.readCompressed(b, off)
	}
	n = min(n, int64(len(b)))
	if place < 0 {
		clear(b[:n])
		return n, nil
	}
	return n, blockmap.ReadFull(s.file, b[:n], place)
}

// nextData is NextData inside the extent.
func (s *sparse) nextData(off int64) (start, end int64, err error) {
	if s.compressed {
		start, end = s.table.Blocked(off)
		return start, end, nil
	}
	return s.table.NextData(s.file, off)
}
