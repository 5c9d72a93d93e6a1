package machine

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestSharesOnTheCommandLine: QEMU's own share lets nothing be written, a
// daemon's has the memory that the two share, and commas do not end a path.
func TestSharesOnTheCommandLine(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := Config{MemMiB: 300, Shares: []Share{
		{Tag: "host", Folder: "/a,b"},
		{Tag: "more", Connect: func() (*os.File, error) { return r, nil }},
	}}
	var h hardware
	var cmd command
	if err := c.shares(&cmd, &h); err != nil {
		t.Fatal(err)
	}
	h.given()
	all := strings.Join(cmd.args, " ")
	for _, want := range []string{
		"path=/a,,b,security_model=none,readonly=on", "mount_tag=host", "vhost-user-fs-pci,chardev=share1,tag=more",
		"memory-backend-memfd,id=ram,size=300M,share=on",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q lacks %q", all, want)
		}
	}
	if !slices.Contains(cmd.files, r) {
		t.Error("the daemon's connection is not handed over")
	}
	if err := r.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error("the daemon's connection is left open here")
	}
	c.Shares[1].Connect = func() (*os.File, error) { return nil, errors.New("there is none") }
	if err := c.shares(&cmd, &h); err == nil || err.Error() != "guest: shared folder: there is none" {
		t.Error(err)
	}
}
