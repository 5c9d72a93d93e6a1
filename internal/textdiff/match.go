package textdiff

import (
	"sort"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// workBudget bounds the steps of the quadratic part. A block of n and m lines
// is charged (n+m)², the most that Myers' algorithm takes for it. Measured:
// the whole budget is about 0.2 s on the slow machine that this was written
// on.
const workBudget = 1 << 26

// pair says that line a of A is line b of B.
type pair struct{ a, b int }

// match pairs equal lines of a and b, rising on both sides. Lines that are in
// no pair were removed or added.
func match(a, b []int32) []pair {
	var pairs []pair
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		pairs = append(pairs, pair{start, start})
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && a[endA-1] == b[endB-1] {
		endA, endB = endA-1, endB-1
	}

	// A line that the other side does not have cannot be in a pair. Without
	// such lines, two texts that differ in a third of their lines are mostly
	// equal again, and cheap.
	ia := held(a, start, endA, b[start:endB])
	ib := held(b, start, endB, a[start:endA])

	m := matcher{a: a, b: b, budget: workBudget}
	from := pair{0, 0} // into ia and ib
	for _, anchor := range anchors(a, b, ia, ib) {
		m.block(ia[from.a:anchor.a], ib[from.b:anchor.b])
		m.pairs = append(m.pairs, pair{ia[anchor.a], ib[anchor.b]})
		from = pair{anchor.a + 1, anchor.b + 1}
	}
	m.block(ia[from.a:], ib[from.b:])

	pairs = append(pairs, m.pairs...)
	for i := range len(a) - endA {
		pairs = append(pairs, pair{endA + i, endB + i})
	}
	return pairs
}

// held lists the indexes from start to end of the lines that other has too.
func held(lines []int32, start, end int, other []int32) []int {
	has := make(map[int32]bool, len(other))
	for _, n := range other {
		has[n] = true
	}
	var out []int
	for i := start; i < end; i++ {
		if has[lines[i]] {
			out = append(out, i)
		}
	}
	return out
}

// anchors pairs lines that each side holds exactly once, as many as keep
// their order: the longest rising run of them (patience diff, by Bram Cohen).
// They cut a long text into short blocks, and they are the lines that a
// person would line the two texts up by. Pairs index into ia and ib.
func anchors(a, b []int32, ia, ib []int) []pair {
	type place struct{ inA, inB, a, b int }
	places := make(map[int32]*place)
	for i, line := range ia {
		p := places[a[line]]
		if p == nil {
			p = &place{}
			places[a[line]] = p
		}
		p.inA++
		p.a = i
	}
	for i, line := range ib {
		if p := places[b[line]]; p != nil {
			p.inB++
			p.b = i
		}
	}
	var once []pair // rising in a
	for i, line := range ia {
		if p := places[a[line]]; p.inA == 1 && p.inB == 1 {
			once = append(once, pair{i, p.b})
		}
	}

	// tops[k] is the pair with the least b that ends a rising run of k+1
	// pairs; before[i] is the pair that comes before once[i] in its run.
	var tops []int
	before := make([]int, len(once))
	for i, p := range once {
		k := sort.Search(len(tops), func(k int) bool { return once[tops[k]].b > p.b })
		before[i] = -1
		if k > 0 {
			before[i] = tops[k-1]
		}
		if k == len(tops) {
			tops = append(tops, i)
		} else {
			tops[k] = i
		}
	}
	run := make([]pair, len(tops))
	if len(tops) > 0 {
		for i, k := tops[len(tops)-1], len(tops)-1; k >= 0; i, k = before[i], k-1 {
			run[k] = once[i]
		}
	}
	return run
}

// matcher pairs the lines of one block after the other.
type matcher struct {
	a, b   []int32
	budget int
	pairs  []pair
}

// block pairs the lines of A at the indexes ia with those of B at ib.
func (m *matcher) block(ia, ib []int) {
	for len(ia) > 0 && len(ib) > 0 && m.a[ia[0]] == m.b[ib[0]] {
		m.pairs = append(m.pairs, pair{ia[0], ib[0]})
		ia, ib = ia[1:], ib[1:]
	}
	tail := 0
	for tail < len(ia) && tail < len(ib) && m.a[ia[len(ia)-1-tail]] == m.b[ib[len(ib)-1-tail]] {
		tail++
	}
	endA, endB := ia[len(ia)-tail:], ib[len(ib)-tail:]
	ia, ib = ia[:len(ia)-tail], ib[:len(ib)-tail]

	if len(ia) > 0 && len(ib) > 0 {
		// Two int lengths of capped texts: the square does not overflow.
		if cost := (len(ia) + len(ib)) * (len(ia) + len(ib)); cost <= m.budget {
			m.budget -= cost
			m.myers(ia, ib)
		}
	}
	for i := range endA {
		m.pairs = append(m.pairs, pair{endA[i], endB[i]})
	}
}

// myers pairs what go-diff finds equal. go-diff works on runes, so each
// different line becomes one.
func (m *matcher) myers(ia, ib []int) {
	names := make(map[int32]rune)
	runes := func(lines []int32, index []int) []rune {
		out := make([]rune, len(index))
		for i, at := range index {
			r, ok := names[lines[at]]
			if !ok {
				r = lineRune(len(names))
				names[lines[at]] = r
			}
			out[i] = r
		}
		return out
	}
	ra, rb := runes(m.a, ia), runes(m.b, ib)

	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = 0 // a limit by the clock would make the result depend on the machine
	x, y := 0, 0
	for _, d := range dmp.DiffMainRunes(ra, rb, false) {
		n := utf8.RuneCountInString(d.Text)
		switch d.Type {
		case diffmatchpatch.DiffDelete:
			x += n
		case diffmatchpatch.DiffInsert:
			y += n
		case diffmatchpatch.DiffEqual:
			for range n {
				// Only what is equal indeed is paired, whatever go-diff says.
				if x < len(ra) && y < len(rb) && ra[x] == rb[y] {
					m.pairs = append(m.pairs, pair{ia[x], ib[y]})
				}
				x, y = x+1, y+1
			}
		}
	}
}

// lineRune is the rune of the n-th different line: any but the surrogates,
// which no string can hold, and U+FFFD, which stands for an error. The budget
// keeps n far below the last one.
func lineRune(n int) rune {
	r := rune(n) + 1
	if r >= 0xd800 {
		r += 0x800
	}
	if r >= 0xfffd {
		r++
	}
	return r
}
