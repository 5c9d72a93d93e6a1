package machine

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

func TestCleanLeavesWhatAPersonReads(t *testing.T) {
	for in, want := range map[string]string{
		"\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS (version 1.16)":        "SeaBIOS (version 1.16)",
		"\x1b[01;31mwarning\x1b[m:\tgrün \u202ereversed\u202c\x07": "warning: grün reversed",
		"\x1b]0;a title\x07text\x1b]8;;link\x1b\\":                 "text",
		"\x1b(B\xff\x00\r\n": "\ufffd",
		"\x1b":               "",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}

func TestTheTailIsTheLastLines(t *testing.T) {
	var all strings.Builder
	var one, many tail
	for n := range 3000 {
		line := strings.Repeat("x", n%50) + "\r\n"
		all.WriteString(line)
		_, _ = many.Write([]byte(line))
	}
	_, _ = one.Write([]byte(all.String()))
	if string(one.b) != string(many.b) || len(one.b) != tailSize || !strings.HasSuffix(all.String(), string(one.b)) {
		t.Errorf("%d and %d bytes were kept", len(one.b), len(many.b))
	}
	if got := many.lines(2); !slices.Equal(got, []string{strings.Repeat("x", 48), strings.Repeat("x", 49)}) {
		t.Errorf("the last lines are %q", got)
	}
}

func TestAPanicIsWhatTheKernelItselfSays(t *testing.T) {
	for said, want := range map[string]string{
		"[    3.492317] Kernel panic - not syncing: it had to\r\n[    3.5] CPU: 0\r\n": "kernel panic: it had to",
		"one\n[  3.4][    T1] Kernel panic - not syncing: it had to":                   "kernel panic: it had to",
		"Kernel panic - not syncing: \x1b[mit had to\n":                                "kernel panic: it had to",
		"reprodisk: output: Kernel panic - not syncing: read the manual\n":             "",
	} {
		c := newConsole()
		c.read(strings.NewReader(said), io.Discard)
		if got, _ := c.why(); got != want || c.panic.Load() != (want != "") {
			t.Errorf("%q is told as %q", said, got)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[1;31mred\x1b[m and \x1b]0;title\x07\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q became %q", s, got)
		}
		if c := cut(got); len(c) > tailLine+len("…") {
			t.Errorf("%d bytes are left", len(c))
		}
	})
}

// FuzzEvents: whatever a guest sends, what is handed on is an event that can be
// shown, or one error at the end.
func FuzzEvents(f *testing.F) {
	f.Add(`{"kind":"ready","uptime":1.5}` + "\n" + `{"kind":"output","text":"\u001b[1mbold\n"}` + "\n")
	f.Add(`{"kind":"failed","memory":true}` + "\n" + `{"kind":"none"}` + "\n")
	f.Add(strings.Repeat(" ", job.MaxEvent) + "\n")
	f.Fuzz(func(t *testing.T, s string) {
		messages := make(chan message)
		go readEvents(strings.NewReader(s), messages, nil)
		var failed error
		for m := range messages {
			if failed != nil {
				t.Errorf("%v after %v", m, failed)
			}
			if failed = m.err; failed != nil {
				continue
			}
			if !kinds[m.event.Kind] || strings.ContainsFunc(m.event.Text+m.event.Step, unicode.IsControl) {
				t.Errorf("handed on: %+v", m.event)
			}
			if _, err := json.Marshal(m.event); err != nil {
				t.Error(err)
			}
		}
	})
}
