package diffoscope

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// script puts a program of that name in front of the PATH: what is asked of
// it, and what becomes of its answer, is what matters here.
func script(t *testing.T, text string) *Program {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "diffoscope"), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("TMPDIR", t.TempDir()) // where no other program asks it at the same time
	p, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ask(p *Program, name, a, b string) (string, error) {
	return p.Ask(context.Background(), name, strings.NewReader(a), strings.NewReader(b))
}

func TestTheAnswerIsWhatItPrints(t *testing.T) {
	p := script(t, `for f; do last=$f; done; shift 5; echo "--- $1"; echo "+++ $2"; diff "$1" "$2"; exit 1`)
	got, err := ask(p, "/etc/x.conf", "one\n", "two\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := "--- a/file.conf\n+++ b/file.conf\n1c1\n< one\n---\n> two\n"; got != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestHostileNamesStayHarmless(t *testing.T) {
	p := script(t, `for f; do :; done; basename "$f"; exit 1`)
	for name, want := range map[string]string{"/a/../../x.so": "file.so\n", "/a.b c": "file\n", "/x.\x1b[1m": "file\n", "/--option": "file\n"} {
		if got, err := ask(p, name, "1", "2"); err != nil || got != want {
			t.Errorf("%q is handed over as %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestTroubleIsOneLine(t *testing.T) {
	p := script(t, "echo Traceback >&2; echo 'no such tool' >&2; exit 2")
	if _, err := ask(p, "/x", "1", "2"); err == nil || !strings.HasSuffix(err.Error(), "no such tool") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(); err == nil {
		t.Error("a program that is not there is found")
	}
}

func TestLongAnswersAreCutAndLargeFilesPassedOver(t *testing.T) {
	p := script(t, "yes | head -c 1000000; exit 1")
	got, err := ask(p, "/x", "1", "2")
	if err != nil || len(got) > maxAnswer+100 || !strings.Contains(got, "left out") {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, err := ask(p, "/x", strings.Repeat("x", maxFile+1), "2"); err != nil || got != "" {
		t.Errorf("a file that is too large gives %d bytes, %v", len(got), err)
	}
}

func TestItEndsWithItsContext(t *testing.T) {
	p := script(t, "exec sleep 1000")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := p.Ask(ctx, "/x", strings.NewReader("1"), strings.NewReader("2")); err == nil || time.Since(start) > 500*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}
