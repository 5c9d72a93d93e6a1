package html

import (
	"cmp"
	"math"

	"github.com/reprodisk/reprodisk/report"
)

// disk is a pair of disks as they are drawn.
type disk struct {
	Image   string      `json:"image"`
	SizeA   int64       `json:"sizeA"`
	SizeB   int64       `json:"sizeB"`
	Bytes   int64       `json:"bytes"`   // that findings of it own
	Roots   int         `json:"roots"`   // findings of it that follow from no other
	Bucket  int64       `json:"bucket"`  // 0 where it is not known what differs
	Buckets []int64     `json:"buckets"` // index and bytes in turn
	Parts   []partition `json:"parts"`
}

type partition struct {
	Number int   `json:"n"`
	A      *part `json:"a,omitempty"`
	B      *part `json:"b,omitempty"`
}

// part is one side of a partition, in bytes.
type part struct {
	Start      int64  `json:"start"`
	Length     int64  `json:"length"`
	Name       string `json:"name,omitempty"` // of the partition, or else the filesystem's label
	Filesystem string `json:"fs,omitempty"`
	Type       string `json:"type,omitempty"`
	UUID       string `json:"uuid,omitempty"`
	FSUUID     string `json:"fsuuid,omitempty"`
	LBA        string `json:"lba,omitempty"`
	Digest     string `json:"digest,omitempty"`
	Bootable   bool   `json:"boot,omitempty"`
}

func newPart(s *report.PartitionSide) *part {
	if s == nil {
		return nil
	}
	p := &part{
		Start: product(s.Start, s.SectorSize), Length: product(s.Sectors, s.SectorSize),
		Name: report.Visible(cmp.Or(s.Name, s.Label)), Filesystem: report.Visible(s.Filesystem),
		Type: report.Visible(cmp.Or(s.TypeName, s.Type)), UUID: report.Visible(s.UUID), FSUUID: report.Visible(s.FSUUID),
		Digest: report.Visible(s.Digest), Bootable: s.Bootable,
	}
	if s.Sectors > 0 {
		p.LBA = s.LBA()
	}
	return p
}

// product is that of two sizes that a stranger may have chosen.
func product(a, b int64) int64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	if a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// newDisks lists the disks of a report: those with partitions or with a heat.
// A report on two images is about one pair of disks, in any case.
func newDisks(r *report.Report) []disk {
	out := []disk{}
	byImage := map[string]int{}
	at := func(image string) *disk {
		n, ok := byImage[image]
		if !ok {
			n = len(out)
			byImage[image] = n
			out = append(out, disk{Image: report.Visible(image), Buckets: []int64{}, Parts: []partition{}})
		}
		return &out[n]
	}
	if r.A.Format != "directory" && r.B.Format != "directory" {
		d := at("")
		d.SizeA, d.SizeB = r.A.Size, r.B.Size
	}
	for i := range r.Partitions {
		p := &r.Partitions[i]
		d := at(p.Image)
		q := partition{Number: p.Number, A: newPart(p.A), B: newPart(p.B)}
		d.Parts = append(d.Parts, q)
	}
	for i := range r.Heat {
		h := &r.Heat[i]
		d := at(h.Image)
		d.SizeA, d.SizeB, d.Bucket = h.SizeA, h.SizeB, h.Bucket
		for _, b := range h.Buckets {
			d.Buckets = append(d.Buckets, int64(b.Index), b.Bytes)
		}
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		n, ok := byImage[f.Image]
		if !ok {
			continue
		}
		out[n].Bytes += f.Bytes
		if !f.Derived {
			out[n].Roots++
		}
	}
	for i := range out {
		out[i].grow()
	}
	return out
}

// grow makes room for partitions that lie behind the end of a disk, as far as
// it is known.
func (d *disk) grow() {
	if d.SizeA > 0 || d.SizeB > 0 {
		return
	}
	end := func(p *part) int64 {
		if p == nil {
			return 0
		}
		return p.Start + min(p.Length, math.MaxInt64-p.Start)
	}
	for _, p := range d.Parts {
		d.SizeA, d.SizeB = max(d.SizeA, end(p.A)), max(d.SizeB, end(p.B))
	}
}
