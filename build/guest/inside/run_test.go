package inside

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

// TestRunEnds runs programs of each sort of end.
func TestRunEnds(t *testing.T) {
	if !alone(t) {
		return
	}
	root, image := imageRoot(t)
	for name, content := range map[string]string{
		"script": "#!/bin/sh\necho \"$0 $1\"\n", "lost": "#! /usr/bin/perl -w\n", "none": "no program", "hop": "#!/lost\n",
	} {
		must(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(root, "plain"), nil, 0o644))
	dynamic, err := os.ReadFile("/bin/true") // by now the host's, with an interpreter that this root lacks
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "dynamic"), dynamic, 0o755))
	direct := func(argv ...string) *job.Run { return &job.Run{Argv: argv} }
	for _, c := range []struct {
		run   *job.Run
		want  string // the error
		lines []string
	}{
		{shell("echo one; echo two >&2; cat"), "exit status 127: sh: cat: not found", []string{"one", "two", "sh: cat: not found"}},
		{shell("pwd; busybox id -u; umask; echo $PATH $HOME; busybox tty"), "exit status 1: not a tty", []string{"/", "0", "0022", "/nowhere:/bin", "not a tty"}},
		{shell("busybox ps -o pid,sid | busybox grep -c ' 1$'; busybox cat; exit 0"), "", nil},
		{shell("kill -TERM $$"), "ended by signal 15, SIGTERM", nil},
		{shell("echo why; exit 3"), "exit status 3: why", []string{"why"}},
		{shell("echo dd: /x: No space left on device; echo 1 record out; exit 1"), "exit status 1: dd: /x: No space left on device", nil},
		{direct("/script", "x"), "", []string{"/script x"}},
		{direct("script"), "script: there is no PATH to look for it", nil},
		{direct("./script", "y"), "", []string{"/script y"}},
		{direct("/lost"), "/lost: it is run by /usr/bin/perl, which the image does not have", nil},
		{direct("/dynamic"), "/dynamic: it is run by /lib64/ld-linux-x86-64.so.2, which the image does not have", nil},
		{direct("/none"), "/none: it is not a program for this machine", nil},
		{direct("/plain"), "/plain: it is not a program: no executable file", nil},
		{direct("/bin"), "/bin: it is not a program: no executable file", nil},
		{direct("/missing"), "/missing: the image has no such program", nil},
		{direct(), "there is no program to run", nil},
		{&job.Run{Argv: []string{"what"}, Env: []string{"PATH=/bin:/sbin"}}, "what: the image has no such program in /bin:/sbin", nil},
		{&job.Run{Argv: []string{"plain"}, Env: []string{"PATH=/bin:/"}}, "/plain: it is not a program: no executable file", nil},
	} {
		var got []string
		out := lines{emit: func(s string) { got = append(got, s) }}
		err := runIn(image, root, c.run, &out, func() {})
		said := ""
		if err != nil {
			said = err.Error()
		}
		if said != c.want || c.lines != nil && !slices.Equal(got, c.lines) {
			t.Errorf("%q: %q, want %q; it printed %q", c.run.Argv, said, c.want, got)
		}
	}
}

// TestNothingOutlivesARun: daemons that have left their session, that ignore
// signals and that hold the output open are gone.
func TestNothingOutlivesARun(t *testing.T) {
	if !alone(t) {
		return
	}
	root, image := imageRoot(t)
	var got []string
	out := lines{emit: func(s string) { got = append(got, s) }}
	const daemons = `for i in 1 2 3; do busybox setsid sh -c 'trap "" TERM HUP INT; echo up; while :; do busybox sleep 1000; done' & done
		busybox usleep 1000; echo over`
	must(t, runIn(image, root, shell(daemons), &out, func() {}))
	if !slices.Contains(got, "over") {
		t.Errorf("it printed %q", got)
	}
	if err := unix.Kill(-1, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("there still is a process: %v", err)
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("there still is a child: %v", err)
	}
}

// TestSignalsToInit do not end it, and a program has them as it expects them.
func TestSignalsToInit(t *testing.T) {
	if !alone(t) {
		return
	}
	deafen()
	root, image := imageRoot(t)
	out := lines{emit: func(string) {}}
	must(t, runIn(image, root, shell("for s in HUP INT QUIT TERM USR1 USR2 PWR PIPE ALRM; do kill -$s 1; done"), &out, func() {}))
	for _, s := range []string{"HUP", "TERM", "PIPE"} {
		if err := runIn(image, root, shell("kill -"+s+" $$"), &out, func() {}); err == nil || !strings.HasSuffix(err.Error(), "SIG"+s) {
			t.Error(err)
		}
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for in, want := range map[string][]string{
		"a\nb":                       {"a", "b"},
		"\n\r\na\r\nb\n\n":           {"a", "b"},
		"10%\r20%\r":                 {"10%", "20%"},
		"\x1b[1;31mred\x1b[0m\x07":   {"red"},
		"\x1b[31":                    {"[31"},
		"tab\there \x00\x1b]0;t\x07": {"tab here ]0;t"},
		"bad\xff\u202eUTF":           {"bad\uFFFDUTF"},
		long + "y\nz":                {long, "y", "z"},
		long + "\nz":                 {long, "z"},
	} {
		for _, step := range []int{1, 3, 1 << 20} {
			var got []string
			l := lines{emit: func(s string) { got = append(got, s) }}
			for p := []byte(in); len(p) > 0; {
				n, err := l.Write(p[:min(step, len(p))])
				must(t, err)
				p = p[n:]
			}
			l.end()
			if !slices.Equal(got, want) || l.last != want[len(want)-1] {
				t.Errorf("%.30q in pieces of %d gives %.60q, last %.30q", in, step, got, l.last)
			}
		}
	}
}

// FuzzLines: whatever a program prints, each of its lines is one line of text
// that has room in an event.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{"a\nb", "\x1b[1mx\x1b[", "\xff\xfe\u202e\r\n", strings.Repeat("\"\xff", maxLine), "\u2028\x00\x9f"} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, printed []byte, step int) {
		l := lines{emit: func(s string) {
			if s == "" || !utf8.ValidString(s) || s != clean(s) || strings.ContainsAny(s, "\r\n\t\x1b") {
				t.Errorf("%q", s)
			}
			b := encode(job.Event{Kind: job.Output, Text: s})
			var e job.Event
			if err := json.Unmarshal(b, &e); err != nil || e.Text != s {
				t.Errorf("%q becomes %q, %v", s, e.Text, err)
			}
		}}
		for len(printed) > 0 {
			n := max(1, min(step, len(printed)))
			_, _ = l.Write(printed[:n])
			printed = printed[n:]
		}
		l.end()
	})
}
