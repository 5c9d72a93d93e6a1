package verify

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reprodisk/reprodisk/report"
)

// MissChance is how likely a result may be to have been missed when repeated
// builds end sooner than planned.
const MissChance = 0.01

// missed is the chance that n builds are all equal although another result
// comes up at a given rate: (1-rate)^n.
func missed(rate float64, n int) float64 { return math.Pow(1-rate, float64(n)) }

// enough is how many equal builds make a result of that rate unlikely to have
// been missed.
func enough(rate float64) int {
	if rate <= 0 {
		return math.MaxInt
	}
	return int(math.Ceil(math.Log(MissChance) / math.Log(1-rate)))
}

// tally groups the results of many builds.
type tally struct {
	results []report.Result
	first   map[string]*made // of the first two distinct results
	runs    int
}

// add counts a result, and tells whether its output is to be kept.
func (t *tally) add(n int, m *made) bool {
	t.runs++
	for i := range t.results {
		if r := &t.results[i]; r.Digest == m.digest {
			r.Count++
			r.Runs = append(r.Runs, n)
			return false
		}
	}
	t.results = append(t.results, report.Result{Digest: m.digest, Count: 1, Runs: []int{n}})
	if len(t.first) == 2 {
		return false
	}
	t.first[m.digest] = m
	return true
}

// sorted gives the results, the most frequent first.
func (t *tally) sorted() []report.Result {
	out := slices.Clone(t.results)
	for _, r := range out {
		slices.Sort(r.Runs)
	}
	slices.SortFunc(out, func(a, b report.Result) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Runs[0], b.Runs[0]))
	})
	return out
}

// repeat builds many times in one world, and compares the first two results
// that are not the same.
func (l *lab) repeat(ctx context.Context, p *plan) (*Result, error) {
	t := &tally{first: map[string]*made{}}
	planned := l.opt.Repeat
	n := min(planned, enough(l.opt.MissRate))
	first, err := l.build(ctx, "first", p.a, false, true)
	if err != nil {
		return nil, err
	}
	if err := l.seal(ctx, first); err != nil {
		return nil, err
	}
	t.add(1, first)
	if p.pauses() {
		if err := pause(ctx, time.Now(), l.opt); err != nil {
			return nil, err
		}
	}
	second := first
	group, ctx2 := errgroup.WithContext(ctx)
	group.SetLimit(l.parallel(first.out))
	for i := 2; i <= planned; i++ {
		group.Go(func() error {
			l.mu.Lock()
			done := t.runs >= n && len(t.results) == 1
			l.mu.Unlock()
			if done {
				return nil
			}
			m, err := l.build(ctx2, fmt.Sprintf("%d of %d", i, planned), p.a, false, false)
			if err != nil {
				return err
			}
			if err := l.seal(ctx2, m); err != nil {
				return err
			}
			l.mu.Lock()
			keep := t.add(t.runs+1, m)
			l.mu.Unlock()
			if !keep {
				l.discard(m)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for digest, m := range t.first {
		if digest != first.digest {
			second = m
		}
	}
	p.b = p.a
	res, err := l.conclude(ctx, p, first, second)
	if err != nil {
		return nil, err
	}
	res.Report.Verification.Repeat = &report.Repeat{Planned: planned, Runs: t.runs, Results: t.sorted(), Note: t.note(l.opt.MissRate)}
	if err := res.Report.Finish(); err != nil {
		return nil, err
	}
	return res, nil
}

// note says what the numbers mean.
func (t *tally) note(rate float64) string {
	if len(t.results) > 1 {
		most := t.sorted()[0]
		return fmt.Sprintf("%d distinct results; the most frequent came up in %d of %d builds", len(t.results), most.Count, t.runs)
	}
	if rate > 0 {
		return fmt.Sprintf("another result that comes up in %.3g%% of all builds would have been missed with a chance of %.2g%%", 100*rate, 100*missed(rate, t.runs))
	}
	// The rate that is missed with that chance by so many builds.
	return fmt.Sprintf("another result that comes up in %.2g%% of all builds would have been missed with a chance of %g%%",
		100*(1-math.Pow(MissChance, 1/float64(t.runs))), 100*MissChance)
}
