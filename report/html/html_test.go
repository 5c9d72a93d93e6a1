package html

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	stdhtml "html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func render(t testing.TB, r *report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var digests = regexp.MustCompile(`&#39;sha256-.*?&#39;`)

// withoutCode is the page without its script and style, which are the same in
// every page.
func withoutCode(s string) string {
	s = strings.Replace(strings.Replace(s, script, "…", 1), style, "…", 1)
	return digests.ReplaceAllString(s, "'sha256-…'")
}

func TestPagesOfSamples(t *testing.T) {
	for _, name := range []string{"many", "moved", "hostile"} {
		got := withoutCode(render(t, samples(t)[name]))
		path := filepath.Join("testdata", name+".html")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (go test ./report/html -update writes it): %s", name, d)
		}
	}
}

func TestSameReportSameBytes(t *testing.T) {
	for name := range samples(t) {
		first, second := samples(t)[name], samples(t)[name]
		if render(t, first) != render(t, second) {
			t.Errorf("%s: written differently the second time", name)
		}
	}
}

// The policy names what the page holds, and no script may hold what would end
// it early (HTML 13.2.5.4).
func TestPolicyNamesScriptAndStyle(t *testing.T) {
	got := render(t, samples(t)["hostile"])
	found := regexp.MustCompile(`(?s)<(script|style)>(.*?)</(script|style)>`).FindAllStringSubmatch(got, -1)
	if len(found) != 2 {
		t.Fatalf("%d blocks of code", len(found))
	}
	for _, m := range found {
		if !strings.Contains(stdhtml.UnescapeString(got), m[1]+"-src "+digestOf(m[2])) {
			t.Errorf("the policy does not name the %s", m[1])
		}
	}
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "http:", "</script", "<!--"} {
		if strings.Contains(strings.ReplaceAll(script, "http://www.w3.org/2000/svg", ""), bad) {
			t.Errorf("the script has %s", bad)
		}
	}
	for _, bad := range []string{"@import", "url(", "http"} {
		if strings.Contains(style, bad) {
			t.Errorf("the style has %s", bad)
		}
	}
}

// What is in the page's text would not be acted on by a terminal that shows
// it either.
func TestPagesHaveNoControls(t *testing.T) {
	for _, c := range withoutCode(render(t, samples(t)["hostile"])) {
		if !unicode.IsPrint(c) && c != '\n' {
			t.Fatalf("%q in the page", c)
		}
	}
}

// Every finding's details stand where the index says.
func TestPiecesHoldEveryFinding(t *testing.T) {
	r := crowd(3000)
	r.Findings[100].Diff = "--- a\n+++ b\n@@ -1 +1 @@\n" + strings.Repeat("-x\n", 200_000)
	finish(t, "crowd", r)
	got := render(t, r)
	var x index
	block := func(id string, v any) bool {
		_, rest, ok := strings.Cut(got, `<script type="application/json" id="`+id+`">`)
		if !ok {
			return false
		}
		text, _, _ := strings.Cut(rest, "</script>")
		if err := json.Unmarshal([]byte(text), v); err != nil {
			t.Fatal(err)
		}
		return true
	}
	block("index", &x)
	n := 0
	for i, start := range x.Pieces {
		var list []detail
		if !block("details-"+strconv.Itoa(i), &list) {
			t.Fatalf("there is no piece %d", i)
		}
		if start != n {
			t.Errorf("piece %d begins at finding %d, not %d", i, start, n)
		}
		if len(list) > pieceFindings {
			t.Errorf("piece %d holds %d findings", i, len(list))
		}
		for _, d := range list {
			if d.ID != r.Findings[n].ID {
				t.Fatalf("finding %d is %q, not %q", n, d.ID, r.Findings[n].ID)
			}
			n++
		}
	}
	if n != 3000 || len(x.Pieces) < 6 {
		t.Errorf("%d findings in %d pieces", n, len(x.Pieces))
	}
}

func TestNumbersOfRuns(t *testing.T) {
	many := make([]int, 100)
	for i := range many {
		many[i] = 2 * i
	}
	for want, list := range map[string][]int{"": nil, "4": {4}, "1–3, 7": {1, 2, 3, 7}, "0, 2, 4": {0, 2, 4}} {
		if got := runs(list); got != want {
			t.Errorf("%v: %q, want %q", list, got, want)
		}
	}
	if got := runs(many); len(got) > 120 || !strings.HasSuffix(got, ", …") {
		t.Error(got)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestErrorsOfTheWriterAreKept(t *testing.T) {
	if err := Write(fullDisk{}, samples(t)["many"], Options{}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Error(err)
	}
}

// FuzzWrite renders whatever ReadJSON accepts.
func FuzzWrite(f *testing.F) {
	for _, r := range samples(f) {
		var b bytes.Buffer
		if err := report.WriteJSON(&b, r); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := report.ReadJSON(bytes.NewReader(data))
		if err != nil {
			return
		}
		got := withoutCode(render(t, r))
		for _, c := range got {
			if !unicode.IsPrint(c) && c != '\n' {
				t.Fatalf("%q in the page", c)
			}
		}
		if n := strings.Count(got, "<script"); n != 3+len(newDetails(r).starts)-1 {
			t.Fatalf("%d scripts", n)
		}
	})
}

// BenchmarkWrite renders 100,000 findings, and says how many megabytes that
// takes at most besides the report, and how long as a share of writing JSON.
func BenchmarkWrite(b *testing.B) {
	r := crowd(100_000)
	finish(b, "crowd", r)
	var ours, theirs time.Duration
	var out bytes.Buffer
	for b.Loop() {
		out = bytes.Buffer{}
		start := time.Now()
		if err := Write(&out, r, Options{}); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		start = time.Now()
		if err := report.WriteJSON(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		theirs += time.Since(start)
	}
	b.ReportMetric(float64(ours)/float64(theirs), "×json")
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/op")
	b.ReportMetric(float64(out.Len())/1e6, "MB")
	b.ReportMetric(0, "ns/op")
	peak := peakOf(func() {
		out = bytes.Buffer{}
		Write(&out, r, Options{})
	})
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
}

// peakOf is how much the heap grows at most while something is done.
func peakOf(do func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	for {
		select {
		case <-done:
			return peak - before
		case <-time.After(2 * time.Millisecond):
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
}

// BenchmarkOpen opens a page of 100,000 findings in Chromium, and says after
// how many seconds it can be used, how many of them the page's thread has
// worked until all is read, and how long a filter takes.
func BenchmarkOpen(b *testing.B) {
	r := crowd(100_000)
	finish(b, "crowd", r)
	name := file(b, r)
	empty := file(b, &report.Report{})
	var ready, work, search float64
	for b.Loop() {
		p := open(b, empty, "", 1280)
		call(p, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
		p.do(chromedp.Navigate("file://" + name))
		p.wait(`document.readyState`, "complete")
		ms, err := strconv.ParseFloat(p.eval(`document.documentElement.dataset.ready`), 64)
		if err != nil {
			b.Fatal(err)
		}
		ready += ms / 1000
		for _, m := range call(p, performance.GetMetrics, cdp.Empty{}).Metrics {
			if m.Name == "TaskDuration" {
				work += m.Value
			}
		}
		ms, err = strconv.ParseFloat(p.eval(`(() => { const t = performance.now(); const s = document.querySelector('#filter-cause'); s.value = '1'; s.dispatchEvent(new Event('change')); return performance.now() - t; })()`), 64)
		if err != nil {
			b.Fatal(err)
		}
		search += ms / 1000
		if n := p.eval(`document.querySelectorAll('*').length < 2000`); n != "true" {
			b.Error("the page draws findings that are out of sight")
		}
	}
	b.ReportMetric(ready/float64(b.N), "s/ready")
	b.ReportMetric(work/float64(b.N), "s/work")
	b.ReportMetric(search/float64(b.N), "s/filter")
	b.ReportMetric(0, "ns/op")
}
