package machine

import (
	"context"
	"testing"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

func TestAGuestIsHeardToItsEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("a machine starts")
	}
	c, h := guest(t, "ok")
	if _, err := Run(context.Background(), c); err != nil {
		t.Fatalf("%v\n%s", err, h.console.String())
	}
	if n := len(h.events); n != 4 || h.events[n-1].Kind != job.Done {
		t.Errorf("heard %v", h.events)
	}
}
