// Package diffoscope hands two versions of a file to the program diffoscope,
// which looks into some hundred formats, and returns what it says.
//
// The program is not ours and not small: it is asked only for what the user
// wants it for, file by file, never for a whole image. Its exit status is 0
// where it finds nothing, 1 where it finds differences, 2 for trouble.
package diffoscope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

const (
	maxFile   = 64 << 20  // bytes of the largest file that is handed over
	maxAnswer = 256 << 10 // bytes of an answer that are kept
)

// Program is diffoscope as it was found.
type Program struct{ path string }

// Find finds the program on the PATH.
func Find() (*Program, error) {
	p, err := exec.LookPath("diffoscope")
	if err != nil {
		return nil, errors.New("diffoscope is not installed: apt-get install diffoscope, or leave --diffoscope out")
	}
	return &Program{p}, nil
}

// Ask returns what diffoscope says about two versions of the file of that
// path. A file that is too large is passed over: the answer is empty.
func (p *Program) Ask(ctx context.Context, name string, a, b io.Reader) (string, error) {
	dir, err := os.MkdirTemp("", "reprodisk-diffoscope-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	// The name's end tells diffoscope a format or two; the name itself comes
	// from an image, and no more of it than that is used.
	base := "file" + extension(name)
	files := make([]string, 2)
	for i, r := range []io.Reader{a, b} {
		sub := filepath.Join(dir, string(rune('a'+i)))
		if err := os.Mkdir(sub, 0o700); err != nil {
			return "", err
		}
		files[i] = filepath.Join(sub, base)
		if whole, err := save(files[i], r); err != nil || !whole {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, p.path, "--no-progress", "--text", "-", "--text-color", "never", files[0], files[1])
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC", "TMPDIR="+dir)
	var stdout limited
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1):
		return "", fmt.Errorf("diffoscope on %q: %w: %s", name, err, lastLine(stderr.String()))
	}
	said := strings.ReplaceAll(stdout.String(), dir+string(filepath.Separator), "")
	if stdout.cut {
		said += "# left out: the rest of diffoscope's answer\n"
	}
	return strings.ToValidUTF8(said, "\uFFFD"), nil
}

// extension is the end of a name as far as it is harmless.
func extension(name string) string {
	ext := path.Ext(name)
	for _, c := range ext {
		if c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	return ext
}

// save writes a file; whole is false where it is larger than is handed over.
func save(name string, r io.Reader) (whole bool, err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false, err
	}
	n, err := io.Copy(f, io.LimitReader(r, maxFile+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return n <= maxFile, err
}

// limited keeps the front of what is written to it.
type limited struct {
	buf bytes.Buffer
	cut bool
}

func (l *limited) String() string { return l.buf.String() }

func (l *limited) Write(p []byte) (int, error) {
	room := max(maxAnswer-l.buf.Len(), 0)
	if len(p) > room {
		l.cut = true
	}
	l.buf.Write(p[:min(len(p), room)])
	return len(p), nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
