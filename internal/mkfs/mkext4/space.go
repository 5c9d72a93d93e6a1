package mkext4

// space gives out a layout's free blocks in ascending order. Nothing is ever
// given back, so the used blocks are those below a mark, and the tables.
type space struct {
	free []run // what is left
	used uint64
}

// take returns the next n free blocks as at most as many runs as there are
// gaps, or false where fewer are left, in which case nothing is taken.
func (s *space) take(n uint64, to []run) ([]run, bool) {
	if n > s.left(n) {
		return to, false
	}
	s.used += n
	for n > 0 {
		r := &s.free[0]
		k := min(n, r.count)
		to = append(to, run{r.start, k})
		r.start += k
		r.count -= k
		n -= k
		if r.count == 0 {
			s.free = s.free[1:]
		}
	}
	return to, true
}

// left is the number of free blocks, counted no further than enough.
func (s *space) left(enough uint64) uint64 {
	var sum uint64
	for _, r := range s.free {
		if sum += r.count; sum >= enough {
			break
		}
	}
	return sum
}

// takeContiguous takes n blocks from the first place where they lie together,
// else from the largest places in ascending order.
func (s *space) takeContiguous(n uint64) ([]run, bool) {
	if s.left(n) < n {
		return nil, false
	}
	s.used += n
	// Tables leave gaps of a few blocks between them: the least run worth using
	// is halved until enough of them are found.
	for least := n; ; least = (least + 1) / 2 {
		var sum uint64
		for _, r := range s.free {
			if r.count >= least {
				sum += r.count
			}
		}
		if sum >= n {
			return s.cut(n, least), true
		}
	}
}

// cut takes n blocks from the runs that have at least least.
func (s *space) cut(n, least uint64) []run {
	var out, rest []run
	for _, r := range s.free {
		if r.count >= least && n > 0 {
			k := min(n, r.count)
			out = append(out, run{r.start, k})
			r.start += k
			r.count -= k
			n -= k
		}
		if r.count > 0 {
			rest = append(rest, r)
		}
	}
	s.free = rest
	return out
}

// next is the block that will be given out next; where there is none, 0.
func (s *space) next() uint64 {
	if len(s.free) == 0 {
		return 0
	}
	return s.free[0].start
}
