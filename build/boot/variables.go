package boot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/ondisk/efivars"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// globalGUID is EFI_GLOBAL_VARIABLE, 8BE4DF61-93CA-11D2-AA0D-00E098032B8C, in
// storage order.
var globalGUID = [16]byte{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}

const (
	// kept is the variables' attributes: NON_VOLATILE, BOOTSERVICE_ACCESS and
	// RUNTIME_ACCESS.
	kept = 0x07
	// replaced is the state of a variable in whose place another one is: what
	// VAR_IN_DELETED_TRANSITION and VAR_DELETED leave of Added.
	replaced = efivars.Added & 0xfe & 0xfd
	// bootOrder is the variable that says in which order options are tried.
	bootOrder = "BootOrder"
)

// hardDrive is a HD() node of a device path: a partition.
type hardDrive struct {
	Type               uint8    `disk:"Type,hex"`    // 4: media
	SubType            uint8    `disk:"SubType,hex"` // 1: hard drive
	Length             uint16   `disk:"Length"`
	PartitionNumber    uint32   `disk:"PartitionNumber"`
	PartitionStart     uint64   `disk:"PartitionStart"` // LBA
	PartitionSize      uint64   `disk:"PartitionSize"`  // sectors
	PartitionSignature [16]byte `disk:"PartitionSignature,guid"`
	PartitionFormat    uint8    `disk:"PartitionFormat"` // 2: GPT
	SignatureType      uint8    `disk:"SignatureType"`   // 2: a GUID
}

var hardDriveLayout = field.MustOf[hardDrive](binary.LittleEndian)

// Option is a line of a firmware's boot menu: EFI_LOAD_OPTION for a program on
// a partition.
type Option struct {
	Description string
	Partition   partition.Partition // of a GPT
	Path        string              // of the program there, with slashes
}

// load is the value of a Boot#### variable.
func (o Option) load() []byte {
	drive := hardDrive{
		Type: 4, SubType: 1, Length: uint16(hardDriveLayout.Size()),
		PartitionNumber: uint32(o.Partition.Number), PartitionStart: o.Partition.StartLBA,
		PartitionSize: o.Partition.EndLBA - o.Partition.StartLBA + 1, PartitionSignature: o.Partition.UniqueGUID,
		PartitionFormat: 2, SignatureType: 2,
	}
	path := hardDriveLayout.Encode(&drive)
	name := wide(strings.ReplaceAll(o.Path, "/", `\`))
	path = append(path, 4, 4) // media, file path
	path = binary.LittleEndian.AppendUint16(path, uint16(4+len(name)))
	path = append(path, name...)
	path = append(path, 0x7f, 0xff, 4, 0) // the end

	b := binary.LittleEndian.AppendUint32(nil, 1) // LOAD_OPTION_ACTIVE
	b = binary.LittleEndian.AppendUint16(b, uint16(len(path)))
	b = append(b, wide(o.Description)...)
	return append(b, path...)
}

// wide is text in UTF-16 with its end.
func wide(text string) []byte {
	var b []byte
	for _, c := range append(utf16.Encode([]rune(text)), 0) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b
}

// Variables is a copy of a firmware's variable store, such as OVMF_VARS.fd,
// with the option added and put before all others. What the store holds stays.
func Variables(template []byte, o Option) ([]byte, error) {
	s, err := efivars.Decode(bytes.NewReader(template), int64(len(template)))
	if err != nil {
		return nil, err
	}
	w := &variables{store: s, raw: bytes.Clone(template), at: s.Used}
	taken := map[string]bool{}
	var order []byte
	for _, v := range s.Variables {
		if !v.Live() || v.VendorGUID != globalGUID {
			continue
		}
		taken[v.Name] = true
		if v.Name == bootOrder {
			order = v.Data
			w.raw[v.Offset+stateAt] = replaced
		}
	}
	number := 0
	for taken[bootName(number)] {
		number++
	}
	order = append(binary.LittleEndian.AppendUint16(nil, uint16(number)), order...)
	if err := w.add(bootName(number), o.load()); err != nil {
		return nil, err
	}
	return w.raw, w.add(bootOrder, order)
}

func bootName(number int) string { return fmt.Sprintf("Boot%04X", number) }

// startID begins a variable's header.
const startID = 0x55aa

// stateAt is where a variable's header has its state.
const stateAt = 2

// variables is a store that is being written to.
type variables struct {
	store *efivars.Store
	raw   []byte
	at    int64 // behind the last variable
}

// add appends a variable, as the firmware does.
func (w *variables) add(name string, data []byte) error {
	v := efivars.AuthenticatedHeader{
		StartID: startID, State: efivars.Added, Attributes: kept,
		NameSize: uint32(len(wide(name))), DataSize: uint32(len(data)), VendorGUID: globalGUID,
	}
	var b []byte
	if w.store.Authenticated {
		b = efivars.AuthenticatedLayout.Encode(&v)
	} else {
		b = efivars.PlainLayout.Encode(&efivars.PlainHeader{
			StartID: v.StartID, State: v.State, Attributes: v.Attributes, NameSize: v.NameSize, DataSize: v.DataSize, VendorGUID: v.VendorGUID,
		})
	}
	b = append(append(b, wide(name)...), data...)
	if end := w.at + int64(len(b)); end > w.store.End {
		return fmt.Errorf("the variable store is full: %d bytes are missing for %s", end-w.store.End, name)
	}
	space := w.raw[w.at : w.at+int64(len(b))]
	if len(bytes.Trim(space, "\xff")) > 0 {
		return fmt.Errorf("the variable store is not erased at byte %d, behind its last variable", w.at)
	}
	copy(space, b)
	w.at = min((w.at+int64(len(b))+3)&^3, w.store.End)
	return nil
}
