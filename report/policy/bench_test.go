package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/report"
)

// BenchmarkJudge holds 100,000 findings against 200 rules that match few of
// them; its figure is how many times the rendering as JSON that takes.
func BenchmarkJudge(b *testing.B) {
	r := &report.Report{}
	for i := range 100_000 {
		r.Findings = append(r.Findings, report.Finding{
			ID: fmt.Sprintf("p2/ext4/data/content:/nix/store/%032d-package-%d/share/file", i, i), Partition: 2, Format: "ext4", Structure: "data", Field: "content",
			File: fmt.Sprintf("/nix/store/%032d-package-%d/share/file", i, i), Bytes: 1, Cause: report.Content,
		})
	}
	r.DifferingBytes = 100_000
	if err := r.Finish(); err != nil {
		b.Fatal(err)
	}
	p := &Policy{Path: FileName}
	for i := range 100 {
		p.Rules = append(
			p.Rules,
			Rule{Where: fmt.Sprint(i), Reason: "x", File: []Glob{Glob(fmt.Sprintf("*-package-%d/*", i))}},
			Rule{Where: fmt.Sprint(i), Reason: "x", Field: []Glob{Glob(fmt.Sprintf("*/s_field_%d", i))}},
		)
	}
	var judging, rendering float64
	for b.Loop() {
		r.Unjudge()
		judging += seconds(func() {
			if err := (&Gate{Policy: p, Today: today}).Judge(r); err != nil {
				b.Fatal(err)
			}
		})
		rendering += seconds(func() {
			if err := report.WriteJSON(discard{}, r); err != nil {
				b.Fatal(err)
			}
		})
	}
	b.ReportMetric(judging/rendering, "judging/rendering")
	b.ReportMetric(judging/float64(b.N), "s/report")
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func seconds(f func()) float64 {
	start := time.Now()
	f()
	return time.Since(start).Seconds()
}
