package split

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
)

// Node is the name of a partition's device or file as fdisk makes it from the
// disk's: a "p" parts the number from a name that ends in a digit.
func Node(path string, number int) string {
	if n := len(path); n > 0 && path[n-1] >= '0' && path[n-1] <= '9' {
		path += "p"
	}
	return fmt.Sprintf("%s%d", path, number)
}

// Text writes the table as `fdisk -l` prints it for the disk at path.
func (t *Table) Text(w io.Writer, path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Disk %s: %s, %d bytes, %d sectors\n", path, humanSize(t.DiskSize, 2, true), t.DiskSize, t.DiskSize/t.SectorSize)
	fmt.Fprintf(&b, "Units: sectors of 1 * %d = %d bytes\n", t.SectorSize, t.SectorSize)
	fmt.Fprintf(&b, "Sector size (logical/physical): %d bytes / %d bytes\n", t.SectorSize, t.SectorSize)
	fmt.Fprintf(&b, "I/O size (minimum/optimal): %d bytes / %d bytes\n", t.SectorSize, t.SectorSize)
	if t.Label != LabelNone {
		fmt.Fprintf(&b, "Disklabel type: %s\nDisk identifier: %s\n", t.Label, t.ID)
	}
	if len(t.Partitions) > 0 {
		b.WriteString("\n")
		t.columns(&b, path)
		if t.outOfOrder() {
			b.WriteString("\nPartition table entries are not in disk order.\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// columns writes the table of partitions.
func (t *Table) columns(b *strings.Builder, path string) {
	// The widths are those that fdisk asks for: a column gets its width where
	// its values are at least as wide as its heading. Negative ones are set
	// flush right.
	head, wanted := []string{"Device", "Start", "End", "Sectors", "Size", "Type"}, []int{10, -5, -5, -5, -5, 0}
	if t.Label == LabelDOS {
		head, wanted = []string{"Device", "Boot", "Start", "End", "Sectors", "Size", "Id", "Type"}, []int{10, 1, -5, -5, -5, -5, -2, 0}
	}
	rows := [][]string{head}
	for _, p := range t.Partitions {
		row := []string{Node(path, p.Number)}
		if t.Label == LabelDOS {
			row = append(row, map[bool]string{true: "*"}[p.Bootable])
		}
		row = append(row, fmt.Sprint(p.Start), fmt.Sprint(p.LastSector()), fmt.Sprint(p.Sectors), humanSize(p.Length, 1, false))
		if t.Label == LabelDOS {
			row = append(row, p.Type)
		}
		rows = append(rows, append(row, p.TypeName))
	}
	width := make([]int, len(head))
	for c := range head {
		for _, r := range rows[1:] {
			width[c] = max(width[c], utf8.RuneCountInString(r[c]))
		}
		if width[c] < len(head[c]) {
			width[c] = len(head[c])
		} else {
			width[c] = max(width[c], wanted[c], -wanted[c])
		}
	}
	for _, r := range rows {
		for c, s := range r {
			pad := strings.Repeat(" ", width[c]-utf8.RuneCountInString(s))
			switch {
			case wanted[c] < 0:
				b.WriteString(pad + s)
			case c == len(r)-1:
				b.WriteString(s)
			default:
				b.WriteString(s + pad)
			}
			if c < len(r)-1 {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
}

// outOfOrder tells, as fdisk does, whether a partition begins before the one
// that is listed above it.
func (t *Table) outOfOrder() bool {
	last := uint64(0)
	for _, p := range t.Partitions {
		if p.Start < last {
			return true
		}
		last = p.Start
	}
	return false
}

// humanSize renders bytes in powers of 1024 with at most the given number of
// decimals, as fdisk does: "600 MiB" in its long form, "1007.5K" in its short.
func humanSize(n int64, decimals int, long bool) string {
	const letters = "BKMGTPE"
	shift, letter := 0, 0
	for letter < len(letters)-1 && n>>(shift+10) != 0 {
		shift, letter = shift+10, letter+1
	}
	whole, rest := n>>shift, n&(1<<shift-1)
	scale := int64(10)
	if decimals == 2 {
		scale = 100
	}
	// Thousandths first, rounded once more, because that is what fdisk does.
	// Above 2^50 the multiplication would overflow.
	var thousandths int64
	if shift > 40 {
		thousandths = (rest >> 10) * 1000 >> (shift - 10)
	} else {
		thousandths = rest * 1000 >> shift
	}
	fraction := (thousandths + 500/scale) * scale / 1000
	if fraction == scale {
		whole, fraction = whole+1, 0
	}
	s := fmt.Sprint(whole)
	if fraction != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%0*d", decimals, fraction), "0")
	}
	switch {
	case !long:
		return s + letters[letter:letter+1]
	case letter == 0:
		return s + " B"
	}
	return s + " " + letters[letter:letter+1] + "iB"
}

// The shape of `sfdisk -J`.
type jsonRoot struct {
	Table jsonTable `json:"partitiontable"`
}

type jsonTable struct {
	Label       string          `json:"label"`
	ID          string          `json:"id"`
	Device      string          `json:"device"`
	Unit        string          `json:"unit"`
	FirstLBA    uint64          `json:"firstlba,omitempty"`
	LastLBA     uint64          `json:"lastlba,omitempty"`
	TableLength string          `json:"table-length,omitempty"` // where a GPT has not 128 entries; a string, as sfdisk has it
	SectorSize  int64           `json:"sectorsize"`
	Partitions  []jsonPartition `json:"partitions,omitempty"`
}

type jsonPartition struct {
	Node     string `json:"node"`
	Start    uint64 `json:"start"`
	Size     uint64 `json:"size"`
	Type     string `json:"type"`
	UUID     string `json:"uuid,omitempty"`
	Name     string `json:"name,omitempty"`
	Attrs    string `json:"attrs,omitempty"`
	Bootable bool   `json:"bootable,omitempty"`
}

// JSON is the table in the shape of `sfdisk -J` for the disk at path, indented.
// Without a table the label is empty.
func (t *Table) JSON(path string) ([]byte, error) {
	root := jsonRoot{jsonTable{
		Label: t.Label, ID: t.ID, Device: path, Unit: "sectors",
		FirstLBA: t.FirstLBA, LastLBA: t.LastLBA, SectorSize: t.SectorSize,
	}}
	if t.GPT != nil && t.GPT.Active() != nil && t.GPT.Active().Count() != gpt.DefaultNumber {
		root.Table.TableLength = fmt.Sprint(t.GPT.Active().Count())
	}
	for _, p := range t.Partitions {
		root.Table.Partitions = append(root.Table.Partitions, jsonPartition{
			Node: Node(path, p.Number), Start: p.Start, Size: p.Sectors, Type: p.Type,
			UUID: p.UUID, Name: p.Name, Attrs: gpt.Attributes(p.Attributes), Bootable: p.Bootable,
		})
	}
	b, err := json.MarshalIndent(root, "", "   ")
	if err != nil {
		return nil, fmt.Errorf("%s: list of partitions: %w", path, err)
	}
	return append(b, '\n'), nil
}
