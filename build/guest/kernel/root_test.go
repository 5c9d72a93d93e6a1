package kernel

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLinksLeadInsideOfTheRoot(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/outside", "outside")
	put(t, dir+"/root/nix/store/x/file", "inside")
	put(t, dir+"/root/outside", "inside")
	link(t, "/nix/store/x", dir+"/root/system")
	link(t, "../../../../system/file", dir+"/root/nix/relative")
	link(t, "loop", dir+"/root/loop")
	link(t, dir+"/outside", dir+"/root/absolute")
	r := root(dir + "/root")
	for p, want := range map[string]string{
		"/system/file": "/nix/store/x/file", "system/./file": "/nix/store/x/file", "/nix/relative": "/nix/store/x/file",
		"/../outside": "/outside", "/system/../x/file": "/nix/store/x/file",
	} {
		got, err := r.resolve(p)
		if err != nil || got != want {
			t.Errorf("%s leads to %q, %v", p, got, err)
			continue
		}
		if b, err := r.read(p, 100); err != nil || string(b) != "inside" {
			t.Errorf("%s holds %q, %v", p, b, err)
		}
	}
	for p, want := range map[string]error{"/loop": unix.ELOOP, "/absolute": os.ErrNotExist, "/outside/file": unix.ENOTDIR} {
		if _, err := r.resolve(p); !errors.Is(err, want) {
			t.Errorf("%s: got %v", p, err)
		}
	}
	if _, err := r.read("/outside", 5); err == nil {
		t.Error("a file that is too long was read")
	}
}
