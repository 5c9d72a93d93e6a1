package efivars

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

// Encode returns the FvLength bytes of a volume with the store's variables one
// after the other, everything behind them erased (0xff). Sizes, checksums and
// offsets are computed; the working space that EDK II keeps behind the store
// is left erased, and the firmware makes it at first boot.
func (s *Store) Encode() ([]byte, error) {
	head := VolumeLayout.Size() + len(s.BlockMap)
	if s.Volume.FvLength > MaxVolume || uint64(head)+uint64(s.Header.Size) > s.Volume.FvLength || head > 1<<16-1 {
		return nil, fmt.Errorf("efi variable store: %d bytes do not fit into a volume of %d", s.Header.Size, s.Volume.FvLength)
	}
	out := bytes.Repeat([]byte{0xff}, int(s.Volume.FvLength))
	v := s.Volume
	v.Signature = [4]byte([]byte(signature))
	v.HeaderLength, v.Checksum = uint16(head), 0
	VolumeLayout.Put(out, &v)
	copy(out[VolumeLayout.Size():], s.BlockMap)
	v.Checksum = -sum16(out[:head])
	VolumeLayout.Put(out, &v)

	h := s.Header
	h.Signature, h.Format, h.State = PlainGUID, formatted, healthy
	if s.Authenticated {
		h.Signature = AuthenticatedGUID
	}
	StoreLayout.Put(out[head:], &h)
	at, end := align4(head+StoreLayout.Size()), head+int(h.Size)
	for _, v := range s.Variables {
		b := s.encode(v)
		if at+len(b) > end {
			return nil, fmt.Errorf("efi variable store: %s does not fit into %d bytes", v.Name, h.Size)
		}
		copy(out[at:], b)
		at = align4(at + len(b))
	}
	return out, nil
}

func (s *Store) encode(v Variable) []byte {
	var name []byte
	for _, c := range append(utf16.Encode([]rune(v.Name)), 0) {
		name = binary.LittleEndian.AppendUint16(name, c)
	}
	v.StartID, v.NameSize, v.DataSize = startID, uint32(len(name)), uint32(len(v.Data))
	var head []byte
	if s.Authenticated {
		head = AuthenticatedLayout.Encode(&v.AuthenticatedHeader)
	} else {
		head = PlainLayout.Encode(&PlainHeader{v.StartID, v.State, v.Reserved, v.Attributes, v.NameSize, v.DataSize, v.VendorGUID})
	}
	return append(append(head, name...), v.Data...)
}
