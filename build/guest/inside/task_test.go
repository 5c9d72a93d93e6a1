package inside

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// TestBytesOfATaskArriveWhole, whatever they are, and however slow the host is.
func TestBytesOfATaskArriveWhole(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.SetNonblock(fds[0], true)
	host := os.NewFile(uintptr(fds[1]), "host")
	defer host.Close()
	sent := bytes.Repeat([]byte("\x00\xff line\r\n\x1b[0m"), 300_000)
	go func() {
		h := &Host{&guest{events: &events{port: fds[0]}}} // without any patience
		h.Send(2, sent)
		unix.Close(fds[0])
	}()
	var got []byte
	for lines := bufio.NewReaderSize(host, job.MaxEvent); ; {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			break
		}
		var e job.Event
		if err := json.Unmarshal(line, &e); err != nil || e.Kind != job.Data || e.Stream != 2 {
			t.Fatalf("%.60q: %v", line, err)
		}
		got = append(got, e.Bytes...)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("of %d bytes, %d came", len(sent), len(got))
	}
}
