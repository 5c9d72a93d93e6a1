package inspect

import (
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/probe"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
)

// Inspection is what an image holds. Offsets are bytes from the first byte of
// the virtual disk; for the structures of the image's own format (qcow2, vdi,
// …) they count from the first byte of its file.
type Inspection struct {
	Path       string      `json:"path"`
	Size       int64       `json:"size"`        // bytes of the virtual disk
	Format     string      `json:"format"`      // raw, qcow2, …
	Table      string      `json:"table"`       // gpt, dos, or empty
	SectorSize int64       `json:"sector_size"` // bytes
	Structures []Structure `json:"structures"`  // the image's format, then tables, then volume by volume
	Volumes    []Volume    `json:"volumes"`
	Warnings   []string    `json:"warnings"`
}

// Volume is a partition, or the whole of a disk that has none.
type Volume struct {
	Partition int    `json:"partition"` // 0 for a whole disk
	Offset    int64  `json:"offset"`
	Length    int64  `json:"length"`
	Type      string `json:"type"`      // the partition's, as the table has it
	TypeName  string `json:"type_name"` // as fdisk prints it
	Format    string `json:"format"`    // as blkid names it, or empty
	Label     string `json:"label"`
	UUID      string `json:"uuid"`
}

// Structure is one on-disk structure.
type Structure struct {
	Partition int       `json:"partition"` // 0 for the disk itself, or a whole disk's filesystem
	Format    string    `json:"format"`    // mbr gpt ext4 fat xfs erofs, or the image's format
	Name      string    `json:"name"`      // as findings name it
	Index     string    `json:"index"`     // which of several: "2", "group 3"
	Offset    int64     `json:"offset"`
	Length    int64     `json:"length"`
	Checksum  *Checksum `json:"checksum,omitempty"`
	Fields    []Field   `json:"fields"`
}

// Checksum is a stored checksum beside the one that the bytes give.
type Checksum struct {
	Field    string `json:"field"`
	Stored   string `json:"stored"`
	Computed string `json:"computed"`
	Valid    bool   `json:"valid"`
}

// Field is one named range of bytes.
type Field struct {
	Name   string `json:"name"` // the specification's
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	Value  string `json:"value"`          // for a person
	Note   string `json:"note,omitempty"` // what the value means, where it is a code
}

// Image reads an image's structures. An error is a failure to read it.
func Image(img *split.Image) (*Inspection, error) {
	t, err := img.Table()
	if err != nil {
		return nil, err
	}
	in := &inspector{r: img, out: &Inspection{
		Path: report.Printable(img.Path()), Size: img.Size(), Format: img.Format(),
		Table: t.Label, SectorSize: t.SectorSize,
		Structures: []Structure{}, Volumes: []Volume{}, Warnings: []string{},
	}}
	for _, w := range t.Warnings {
		in.warn(0, "%s", w)
	}
	for _, w := range img.Warnings() {
		in.warn(0, "%s", w)
	}
	in.container(img)
	in.tables(t)
	for _, v := range volumes(t) {
		if err := in.volume(v); err != nil {
			return nil, err
		}
	}
	return in.out, nil
}

// volumes are the partitions that lie in the image, or all of a disk that has
// no table.
func volumes(t *split.Table) []split.Partition {
	if t.Label == split.LabelNone {
		return []split.Partition{{Length: t.DiskSize}}
	}
	var out []split.Partition
	for _, p := range t.Partitions {
		if p.Kind != split.Extended {
			out = append(out, p)
		}
	}
	return out
}

type inspector struct {
	r   io.ReaderAt
	out *Inspection
}

func (in *inspector) warn(partition int, format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if partition > 0 {
		s = fmt.Sprintf("partition %d: %s", partition, s)
	}
	in.out.Warnings = append(in.out.Warnings, report.Printable(s))
}

func (in *inspector) add(s Structure) {
	for i := range s.Fields {
		s.Fields[i].Value = report.Printable(s.Fields[i].Value)
	}
	in.out.Structures = append(in.out.Structures, s)
}

// volume names what a partition holds and reads it where its format is known.
func (in *inspector) volume(p split.Partition) error {
	length := max(min(p.Length, in.out.Size-p.Offset), 0)
	r := io.NewSectionReader(in.r, p.Offset, length)
	info, err := probe.Identify(r, length)
	if err != nil {
		return fmt.Errorf("%s: partition at byte %d: %w", in.out.Path, p.Offset, err)
	}
	in.out.Volumes = append(in.out.Volumes, Volume{
		Partition: p.Number, Offset: p.Offset, Length: p.Length, Type: p.Type, TypeName: p.TypeName,
		Format: info.Type, Label: report.Printable(info.Label), UUID: info.UUID,
	})
	v := &volume{inspector: in, number: p.Number, base: p.Offset, r: r, size: length}
	switch info.Type {
	case "ext2", "ext3", "ext4":
		v.ext4()
	case "vfat":
		v.fat()
	case "xfs":
		v.xfs()
	case "erofs":
		v.erofs()
	case "btrfs":
		v.btrfs()
	}
	return nil
}

// volume is one volume that is being read.
type volume struct {
	*inspector
	number int
	base   int64 // of its first byte on the disk
	r      io.ReaderAt
	size   int64
}

// maxBytes is more than any structure that is read whole has.
const maxBytes = 128 << 10

// bytes reads a structure of the volume.
func (v *volume) bytes(at, n int64, name string) ([]byte, bool) {
	if n < 0 || n > maxBytes {
		v.warn(v.number, "%s: %d bytes at byte %d are not read", name, n, v.base+at)
		return nil, false
	}
	b := make([]byte, n)
	if got, err := v.r.ReadAt(b, at); got < len(b) {
		v.warn(v.number, "%s: read at byte %d: %v", name, v.base+at, err)
		return nil, false
	}
	return b, true
}
