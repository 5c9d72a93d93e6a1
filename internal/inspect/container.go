package inspect

import (
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
)

// container lists what the image's file says beside the disk, structure by
// structure.
func (in *inspector) container(img *split.Image) {
	var s *Structure
	for _, f := range img.Metadata() {
		if s == nil || s.Name != f.Structure {
			in.out.Structures = append(in.out.Structures, Structure{Format: img.Format(), Name: f.Structure, Offset: f.Offset, Fields: []Field{}})
			s = &in.out.Structures[len(in.out.Structures)-1]
		}
		s.Length = max(s.Length, f.Offset+f.Length-s.Offset)
		s.Fields = append(s.Fields, Field{Name: report.Printable(f.Name), Offset: f.Offset, Length: f.Length, Value: report.Printable(f.Value)})
	}
}
