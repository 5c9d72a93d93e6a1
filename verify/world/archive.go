package world

import (
	"encoding/binary"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/sys/cpu"
)

// The head of glibc's locale-archive, locale/locarchive.h: counts and offsets
// of 32 bits in the machine's byte order, of which these are read.
const (
	archiveMagic  = 0xde020109
	nameHashOff   = 8  // namehash_offset
	nameHashSize  = 16 // namehash_size, entries
	archiveHead   = 56
	nameHashEntry = 12      // hash value, offset of the name, offset of the record
	maxArchive    = 4 << 20 // bytes of the name table and the names that are read
	maxLocaleName = 64
)

// archivedLocales lists the names in a locale archive; none of one that cannot
// be read.
func archivedLocales(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var order binary.ByteOrder = binary.LittleEndian
	if cpu.IsBigEndian {
		order = binary.BigEndian
	}
	head := make([]byte, archiveHead)
	if _, err := io.ReadFull(f, head); err != nil || order.Uint32(head) != archiveMagic {
		return nil
	}
	size := int64(order.Uint32(head[nameHashSize:])) * nameHashEntry
	if size > maxArchive {
		return nil
	}
	table := make([]byte, size)
	if _, err := f.ReadAt(table, int64(order.Uint32(head[nameHashOff:]))); err != nil {
		return nil
	}
	var names []string
	for ; len(table) > 0; table = table[nameHashEntry:] {
		at := order.Uint32(table[4:])
		if at == 0 || order.Uint32(table[8:]) == 0 {
			continue // an empty place of the hash table
		}
		if name := stringAt(f, int64(at)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// stringAt reads a string that ends in a zero byte.
func stringAt(r io.ReaderAt, at int64) string {
	b := make([]byte, maxLocaleName)
	n, _ := r.ReadAt(b, at)
	for i, c := range b[:n] {
		if c == 0 {
			if s := string(b[:i]); utf8.ValidString(s) {
				return s
			}
			return ""
		}
	}
	return ""
}
