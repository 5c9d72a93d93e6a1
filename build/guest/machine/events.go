package machine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// kinds are those that a guest may send.
var kinds = map[job.Kind]bool{
	job.Ready: true, job.Began: true, job.Output: true, job.Data: true, job.Alive: true, job.Failed: true, job.Done: true,
}

// message is what came over the port of the events: an event, or what is wrong
// with what came.
type message struct {
	event job.Event
	err   error
}

// readEvents hands on all that comes from a guest until it ends, or until stop
// is closed, and then closes to.
func readEvents(from io.Reader, to chan<- message, stop <-chan struct{}) {
	defer close(to)
	r := bufio.NewReaderSize(from, job.MaxEvent)
	for {
		line, err := r.ReadSlice('\n')
		var m message
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			m.err = fmt.Errorf("the guest sent a line of more than %d bytes, which is no event", job.MaxEvent)
		case err != nil:
			return // what has no end was cut off with the guest
		default:
			m.event, m.err = decode(line)
		}
		select {
		case to <- m:
		case <-stop:
			return
		}
		if m.err != nil {
			_, _ = io.Copy(io.Discard, from) // so that the guest does not wait for us
			return
		}
	}
}

// decode is the event of a line, with texts that can be shown to people.
func decode(line []byte) (e job.Event, err error) {
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("the guest sent what is no event: %.40q", line)
	}
	if !kinds[e.Kind] {
		return e, fmt.Errorf("the guest sent an event of the kind %.40q, which there is not", e.Kind)
	}
	e.Step, e.Text = clean(e.Step), clean(e.Text)
	return e, nil
}
