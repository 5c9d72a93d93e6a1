package inspect

import (
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4/crosscheck"
	"github.com/reprodisk/reprodisk/split"
)

// SecondOpinion is what another library reads from an image's ext4 volumes,
// where it differs.
type SecondOpinion struct {
	Volumes    int        `json:"volumes"` // compared
	Fields     int        `json:"fields"`  // compared
	Mismatches []Mismatch `json:"mismatches"`
	Refused    []string   `json:"refused"` // what the other library would not read, and why
}

// Mismatch is a field that two libraries read differently. Values are the
// bytes as stored, in hexadecimal.
type Mismatch struct {
	Partition int    `json:"partition"`
	Structure string `json:"structure"`
	Number    uint32 `json:"number"` // of the group or inode
	Field     string `json:"field"`
	Offset    int64  `json:"offset"`
	Ours      string `json:"ours"`
	Theirs    string `json:"theirs"`
}

// CrossCheck reads the ext4 volumes of an inspected image with
// dsoprea/go-ext4 as well, and lists what it reads differently.
func CrossCheck(img *split.Image, in *Inspection) *SecondOpinion {
	out := &SecondOpinion{Mismatches: []Mismatch{}, Refused: []string{}}
	for _, v := range in.Volumes {
		switch v.Format {
		case "ext2", "ext3", "ext4":
		default:
			continue
		}
		length := max(min(v.Length, img.Size()-v.Offset), 0)
		r := io.NewSectionReader(img, v.Offset, length)
		fs, err := ext4.Open(r, length)
		if err != nil {
			continue // the inspection has said so
		}
		out.Volumes++
		res, err := crosscheck.CrossCheck(r, fs)
		out.Fields += res.Fields
		for _, m := range res.Mismatches {
			out.Mismatches = append(out.Mismatches, Mismatch{
				Partition: v.Partition, Structure: m.Structure, Number: m.Number, Field: m.Field,
				Offset: v.Offset + m.Offset, Ours: m.Ours, Theirs: m.Theirs,
			})
		}
		if err != nil {
			out.Refused = append(out.Refused, err.Error())
		}
	}
	return out
}
