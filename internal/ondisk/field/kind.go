package field

import "fmt"

// Kind says what sort of thing a field holds. The words are those of the tag.
type Kind uint8

const (
	Uint     Kind = iota // an unsigned number, shown in decimal (no word: the default)
	Hex                  // a number or bytes, shown as 0x… in value order
	Bytes                // bytes, shown in hex in storage order
	UUID                 // RFC 4122 byte order, as ext4 stores it
	GUID                 // mixed byte order, as UEFI stores it
	Time                 // signed 32- or unsigned 64-bit seconds since 1970, UTC
	Text                 // bytes up to the first NUL, or padded with blanks
	UTF16                // UTF-16LE up to the first NUL
	Flags                // bits; shown in hex where the format gives no names
	Checksum             // follows from other bytes
	Reserved             // must be zero; shown in hex
)

var kindWords = map[string]Kind{
	"": Uint, "hex": Hex, "bytes": Bytes, "uuid": UUID, "guid": GUID, "time": Time,
	"text": Text, "utf16": UTF16, "flags": Flags, "checksum": Checksum, "reserved": Reserved,
}

func parseKind(word string) (Kind, error) {
	k, ok := kindWords[word]
	if !ok {
		return 0, fmt.Errorf("unknown kind %q", word)
	}
	return k, nil
}
