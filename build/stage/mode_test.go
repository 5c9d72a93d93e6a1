package stage

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Where rsync takes a mode we do, with the same result for files and folders
// of every kind of mode; where rsync refuses one, so do we.
func TestModesAreRsyncs(t *testing.T) {
	judge.Root(t) // to read folders without permissions
	rsync := judge.Tool(t, "rsync")
	modes := []string{
		"755", "0755", "644", "4755", "7777", "0", "D755,F644", "F644,D2755", "u+rwX,go-w", "Du=rwx", "u=rwX,go=rX", "a+X", "+X", "=rwX", "+w", "-w", "+x", "=",
		"u+s", "g+s", "ug+s", "+s", "o+s", "a+s", "+t", "o+t", "u=s", "g=s", "u=rwxs", "u-s", "g-s", "-s", "go=", "u=", "o=t", "=t", "Fa-x", "D-w,F+x", "a=rwx,Fgo-x",
		"uD+w", "DDu+w", "ug=rw,o=", "a-rwxst", "u+rX,g+Xw", "00755", "000755", "a=rX,u+w,ug-x",
		"u=g", "g=u,o=", "u+g", "u-o", "o=u", "ug=o", "a=u", "+g", "=u", "-g", "Dg=u,Fo=g", "u+w,g=u",
		// refused
		"u=gw", "u=go", "g=Xu", "u=a",
		"u+q", "888", "DF755", "u755", "u", "", ",", "755,", ",755", "u+r-w", "10000", "77777", "u++w", "rwx", "D", "u +w", "75 5", "0x1", "-1", "u+w,zz",
	}
	rng := rand.New(rand.NewSource(1))
	for range 12 {
		var b strings.Builder
		for range 1 + rng.Intn(6) {
			b.WriteByte("uugoaDF+-=rwxXst,07"[rng.Intn(19)])
		}
		modes = append(modes, b.String())
	}
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	if err := os.Mkdir(src, 0o755); err != nil {
		t.Fatal(err)
	}
	before := map[string]uint32{}
	for _, m := range []uint32{0, 0o400, 0o644, 0o600, 0o755, 0o711, 0o2750, 0o001, 0o7777} {
		f, d := fmt.Sprintf("f%04o", m), fmt.Sprintf("d%04o", m)
		if err := os.WriteFile(filepath.Join(src, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(src, d), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, n := range []string{f, d} {
			if err := syscall.Chmod(filepath.Join(src, n), m); err != nil {
				t.Fatal(err)
			}
			before[n] = lmode(t, filepath.Join(src, n))
		}
	}
	if err := os.Symlink("f0644", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	before["link"] = lmode(t, filepath.Join(src, "link"))
	old := syscall.Umask(0o022) // as in a Nix build
	defer syscall.Umask(old)
	for i, text := range modes {
		dst := filepath.Join(dir, fmt.Sprint("dst", i))
		out, err := exec.Command(rsync, "-a", "--no-o", "--no-g", "--chmod="+text, src+"/", dst).CombinedOutput()
		m, ourErr := ParseMode(text)
		if text == "" {
			ourErr = nil // we take it for no mode
			if err != nil {
				continue
			}
		}
		if err != nil && ourErr == nil && copies.MatchString(text) {
			continue // rsync before 3.4 does not know it
		}
		if (err == nil) != (ourErr == nil) {
			t.Errorf("%q: rsync says %v (%.80s), we %v", text, err, out, ourErr)
			continue
		}
		if err != nil {
			continue
		}
		for name, was := range before {
			if got, want := m.Apply(was), lmode(t, filepath.Join(dst, name)); got != want {
				t.Errorf("%q on %s: %o, rsync makes it %o", text, name, got, want)
			}
		}
	}
}

// copies is a clause that copies bits from one class to another.
var copies = regexp.MustCompile(`[-+=][ugo](,|$)`)

func lmode(t *testing.T, path string) uint32 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Mode & (tree.TypeMask | tree.PermMask)
}
