package normalize

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
)

// form is how an identifier is written as text.
type form uint8

const (
	formUUID      form = iota // 8-4-4-4-12 digits, in the order of their bytes, lower case
	formGUID                  // the same, of a GPT: upper case
	formSerial                // a FAT's: 4-4 digits, upper case
	formSignature             // a boot record's: 8 digits, lower case
)

// namedID is an identifier that something on the disk has.
type namedID struct {
	name   string
	text   string
	form   form
	volume int // the number of the partition whose own it is; 0 for the disk's, and those of a bare filesystem
}

func uuidText(b [16]byte) string {
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

func parseUUID(s string) (id [16]byte, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		return id, fmt.Errorf("%q is no UUID", s)
	}
	return [16]byte(b), nil
}

func parseSerial(s string) (uint32, error) {
	n, err := strconv.ParseUint(strings.ReplaceAll(s, "-", ""), 16, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no volume ID", s)
	}
	return uint32(n), nil
}

// derived is an identifier in a form that follows from a digest. A UUID is one
// of version 8, RFC 9562 section 5.8.
func derived(digest [32]byte, f form) string {
	switch f {
	case formUUID, formGUID:
		id := [16]byte(digest[:16])
		id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
		if f == formGUID {
			return strings.ToUpper(uuidText(id))
		}
		return uuidText(id)
	case formSerial:
		h := strings.ToUpper(hex.EncodeToString(notZero(digest)))
		return h[:4] + "-" + h[4:]
	}
	return hex.EncodeToString(notZero(digest))
}

// notZero is four bytes of a digest that are not all zero, which would stand
// for "none".
func notZero(digest [32]byte) []byte {
	for i := 0; i+4 <= len(digest); i += 4 {
		if !zeros(digest[i : i+4]) {
			return digest[i : i+4]
		}
	}
	return []byte{0, 0, 0, 1}
}

// tableIDs are the identifiers that the partition table gives.
type tableIDs struct {
	disk       gpt.GUID
	partitions map[int]gpt.GUID
	signature  uint32 // of a boot record
}
