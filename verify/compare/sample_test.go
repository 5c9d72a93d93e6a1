package compare

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
)

// checkSample holds a finding's sample against the bytes of the two files, and
// tells whether it has one.
func checkSample(t *testing.T, f *report.Finding, a, b []byte) bool {
	t.Helper()
	if f.Sample == nil {
		return false
	}
	sa, sb, err := f.Sample.Bytes()
	must(t, err)
	at := func(img []byte) []byte {
		return img[f.Sample.Offset:min(f.Sample.Offset+report.MaxSample, int64(len(img)))]
	}
	if !bytes.Equal(sa, at(a)) || !bytes.Equal(sb, at(b)) {
		t.Errorf("%s: the sample at %d is not what the images hold", f.ID, f.Sample.Offset)
	}
	g := f.Ranges[0]
	first := f.Sample.Offset
	for int(first-f.Sample.Offset) < min(len(sa), len(sb)) && (first < g.Offset || sa[first-f.Sample.Offset] == sb[first-f.Sample.Offset]) {
		first++
	}
	if first < g.Offset || first >= g.Offset+g.Length {
		t.Errorf("%s: the sample at %d shows no difference in its range %d+%d", f.ID, f.Sample.Offset, g.Offset, g.Length)
	}
	return true
}

func TestSamplesAndHeatAreTheImagesBytes(t *testing.T) {
	dir := t.TempDir()
	pa, pb := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	gptDisk(t, pa)
	copyDisk(t, pa, pb)
	sh(t, "sgdisk", "-U", "66666666-6666-4666-8666-666666666666", pb)
	edit(t, pb, mib+0x43, flip, 1)
	edit(t, pb, 30*mib, func(b []byte) {
		for i := range b {
			b[i] ^= 1
		}
	}, 3*mib)
	edit(t, pb, -1, flip, 1)
	r := compareDisks(t, pa, pb)
	a, err := os.ReadFile(pa)
	must(t, err)
	b, err := os.ReadFile(pb)
	must(t, err)
	for i := range r.Findings {
		if f := &r.Findings[i]; !checkSample(t, f, a, b) && f.Bytes > 0 {
			t.Errorf("%s owns %d bytes and shows none", f.ID, f.Bytes)
		}
	}
	if len(r.Heat) != 1 {
		t.Fatalf("%d heats", len(r.Heat))
	}
	h := r.Heat[0]
	counted := map[int]int64{}
	for i := range a {
		if a[i] != b[i] {
			counted[i/int(h.Bucket)]++
		}
	}
	var sum int64
	for _, bucket := range h.Buckets {
		if counted[bucket.Index] != bucket.Bytes {
			t.Errorf("%d bytes differ in bucket %d, the heat says %d", counted[bucket.Index], bucket.Index, bucket.Bytes)
		}
		sum += bucket.Bytes
	}
	if sum != r.DifferingBytes || len(counted) != len(h.Buckets) || h.SizeA != 64*mib || h.SizeB != 64*mib {
		t.Errorf("the heat of %d and %d bytes sums up to %d, %d differ", h.SizeA, h.SizeB, sum, r.DifferingBytes)
	}
}

func TestSamplesOfFolders(t *testing.T) {
	dir := t.TempDir()
	da, db := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.Mkdir(da, 0o777))
	must(t, os.Mkdir(db, 0o777))
	judge.Tool(t, "mkfs.ext4")
	for _, d := range []string{da, db} {
		must(t, os.WriteFile(filepath.Join(d, "root.img"), nil, 0o666))
		must(t, os.Truncate(filepath.Join(d, "root.img"), 8*mib))
		sh(t, "mkfs.ext4", "-q", "-F", "-U", "11111111-1111-4111-8111-111111111111", filepath.Join(d, "root.img"))
		must(t, os.WriteFile(filepath.Join(d, "short"), []byte("x"+d[len(d)-1:]), 0o666))
	}
	r, err := Folders(context.Background(), da, db, Options{})
	must(t, err)
	var inImage, shown int64
	for i := range r.Findings {
		f := &r.Findings[i]
		name := filepath.Join("/", f.File)
		if f.Image != "" {
			name = f.Image
			inImage += f.Bytes
		}
		a, err := os.ReadFile(filepath.Join(da, name))
		must(t, err)
		b, err := os.ReadFile(filepath.Join(db, name))
		must(t, err)
		if checkSample(t, f, a, b) {
			shown++
		} else if f.Bytes > 0 {
			t.Errorf("%s owns %d bytes and shows none", f.ID, f.Bytes)
		}
	}
	if len(r.Heat) != 1 || r.Heat[0].Image != "root.img" || r.Heat[0].SizeA != 8*mib {
		t.Fatalf("%+v", r.Heat)
	}
	var sum int64
	for _, b := range r.Heat[0].Buckets {
		sum += b.Bytes
	}
	if sum != inImage || sum == 0 || shown < 2 {
		t.Errorf("the heat sums up to %d, %d bytes differ in the image; %d samples", sum, inImage, shown)
	}
}

// TestSamplesAreBounded needs no disk: every finding is about the same bytes.
func TestSamplesAreBounded(t *testing.T) {
	a, b := bytes.NewReader([]byte("same, one")), bytes.NewReader([]byte("same, two"))
	findings := make([]report.Finding, 5)
	for i := range findings {
		findings[i] = report.Finding{Bytes: 3, Ranges: []report.Range{{Offset: 6, Length: 3}}}
	}
	findings[0].Bytes = 0                                                   // owns nothing
	findings[1].Ranges = []report.Range{{Offset: 1 << 40, Length: 1 << 40}} // lies behind the end
	s := sampler{a: a, b: b, sizeA: a.Size(), sizeB: b.Size(), left: 2}
	must(t, s.all(context.Background(), findings))
	for i, want := range []bool{false, false, true, true, false} {
		if (findings[i].Sample != nil) != want {
			t.Errorf("finding %d: %+v", i, findings[i].Sample)
		}
	}
}
