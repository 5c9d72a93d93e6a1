package main

import (
	"fmt"
	"strings"
	"time"
)

// timings are how long the phases of a build took, in their order.
type timings struct {
	names []string
	took  []time.Duration
	began time.Time
}

// phase begins a phase, unless it goes on.
func (t *timings) phase(name string) {
	now := time.Now()
	if n := len(t.names); n > 0 {
		if t.names[n-1] == name {
			return
		}
		t.took[n-1] = now.Sub(t.began)
	}
	t.names, t.took, t.began = append(t.names, name), append(t.took, 0), now
}

// text is a line for each phase, and their sum.
func (t *timings) text() string {
	if len(t.names) == 0 {
		return ""
	}
	t.took[len(t.took)-1] = time.Since(t.began)
	var b strings.Builder
	var all time.Duration
	for i, name := range t.names {
		fmt.Fprintf(&b, "%8.2f s  %s\n", t.took[i].Seconds(), oneLine(name))
		all += t.took[i]
	}
	fmt.Fprintf(&b, "%8.2f s  all of it\n", all.Seconds())
	return b.String()
}
