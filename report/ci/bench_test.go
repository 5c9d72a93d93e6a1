package ci

import (
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/report"
)

// BenchmarkRender writes 100,000 findings in each format, and says how many
// MiB of memory that took at most beside the report itself. It ought to stay below 2 s and 300 MiB.
func BenchmarkRender(b *testing.B) {
	r := crowd(b, 100_000)
	src := NewSource("build.sh", []byte(script))
	all := map[string]func(io.Writer, *report.Report, *Source) error{
		"comment.md": func(w io.Writer, r *report.Report, _ *Source) error {
			return report.WriteMarkdown(w, r, report.MarkdownOptions{})
		},
	}
	all["report.json"] = func(w io.Writer, r *report.Report, _ *Source) error { return report.WriteJSON(w, r) }
	for name, write := range formats {
		all[name] = write
	}
	for name, write := range all {
		b.Run(name, func(b *testing.B) {
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			peak := watch()
			var size int
			for range b.N {
				out := new(counter) // the command line writes straight into a file
				if err := write(out, r, src); err != nil {
					b.Fatal(err)
				}
				size = int(*out)
			}
			b.ReportMetric(float64(peak()-min(peak(), before.HeapInuse))/(1<<20), "peak-MiB")
			b.ReportMetric(float64(size)/(1<<20), "MiB")
		})
	}
}

// watch looks at the heap every few milliseconds, until the most that it was is
// asked for.
func watch() func() uint64 {
	stop := make(chan struct{})
	var most uint64
	var done sync.WaitGroup
	done.Go(func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	return sync.OnceValue(func() uint64 {
		close(stop)
		done.Wait()
		return most
	})
}

// counter is a file that only its length is known of.
type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
