package forensic

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

// largeCase is a case of n modified files.
func largeCase(n int) *Case {
	v := &Volume{Number: 2, A: &Side{Offset: mib, Length: 1 << 34, SectorSize: 512, Type: "ext4", Kind: 0x2000, BlockSize: 4096, Blocks: 1 << 22}}
	b := *v.A
	v.B = &b
	now := volume.Time{Time: tree.Time{Sec: 1_700_000_000, Nsec: 123456789}, Set: true}
	file := func(i int) *File {
		return &File{
			Object: &volume.Object{
				Path: fmt.Sprintf("/usr/share/some/where/%d/a-file-with-a-name-%d.txt", i/100, i), Mode: 0o100644, Size: 12345, Has: 7,
				Inode: uint64(i), Parent: uint64(i / 100), Links: 1, Mtime: now, Ctime: now, Atime: now, Crtime: now,
			},
			Runs:    []volume.Run{{Physical: int64(i) << 12, Length: 12345}},
			Digests: &Digests{},
		}
	}
	for i := range n {
		v.Changes = append(v.Changes, Change{A: file(i), B: file(i), Diffs: DiffContent | DiffMtime | DiffCtime})
	}
	img := Image{Path: "a.img", Format: "raw", Size: 1 << 34, Table: &split.Table{SectorSize: 512}}
	return &Case{Program: "reprodisk", Version: "v1", Pairs: []*Pair{{A: img, B: img, Volumes: []*Volume{v}}}}
}

const renderedFiles = 100_000

// benchmarkRender reports how many times longer it takes to render 100,000
// files than to copy what comes out, and the memory it takes beside the case.
func benchmarkRender(b *testing.B, render func(io.Writer, *Case) error) {
	c := largeCase(renderedFiles)
	var out bytes.Buffer
	if err := render(&out, c); err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		if err := render(io.Discard, c); err != nil {
			b.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	own := b.Elapsed() / time.Duration(b.N)
	start := time.Now()
	w := bufio.NewWriter(struct{ io.Writer }{&bytes.Buffer{}})
	if _, err := io.Copy(w, &out); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(own)/float64(time.Since(start)), "×copy")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/renderedFiles, "B/file")
}

func BenchmarkDFXML(b *testing.B)    { benchmarkRender(b, WriteDFXML) }
func BenchmarkBodyfile(b *testing.B) { benchmarkRender(b, WriteBodyfile) }
