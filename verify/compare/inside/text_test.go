package inside

import (
	"testing"

	"github.com/reprodisk/reprodisk/report"
)

func TestTextTellsItsCause(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want report.Cause // empty: nothing is known
	}{
		{"at 2024-05-01T10:00:00Z\n", "at 2031-12-31T23:59:59Z\n", report.Time},
		{"at 2024-05-01 10:00:00.123 +0200\n", "at 2024-05-01 10:00:07.5 +0200\n", report.Time},
		{"Date: Wed, 01 May 2024 10:00:00 +0000\n", "Date: Thu, 02 May 2024 10:00:00 +0000\n", report.Time},
		{"built Wed May  1 10:00:00 UTC 2024\n", "built Thu May  2 10:00:00 UTC 2024\n", report.Time},
		{"# 2024-05-01\n", "# 2024-05-02\n", report.Time},
		{"released 2019-05-01\n", "released 2024-05-02\n", ""},
		{"t=1700000000\n", "t=1700000042\n", report.Time},
		{"t=1700000000000\n", "t=1700000042000\n", report.Time},
		{"t=1700000000\n", "t=1600000000\n", ""},
		{"n=1234567890123456\n", "n=1234567890123457\n", ""},
		{"n=1000\n", "n=1001\n", ""},
		{"id 01234567-89ab-cdef-0123-456789abcdef\n", "id c9f5b1d2-7c3e-4a68-b21d-0e9f5a7d3c16\n", report.Random},
		{"id 0123456789abcdef0123456789abcdef\n", "id c9f5b1d27c3e4a68b21d0e9f5a7d3c16\n", report.Random},
		{"id 01234567-89ab-cdef-0123-456789abcdef\n", "id 01234567-89ab-cdef-0123-456789abcdff\n", ""}, // one digit: not drawn
		{"0123456789abcdef0123456789abcdef  usr/bin/x\n", "ff23456789abcdef0123456789abcdef  usr/bin/x\n", ""},
		{"h 0123456789abcdef0123456789abcdef01234567\n", "h ff23456789abcdef0123456789abcdef01234567\n", ""},
		{"b\na\n", "a\nb\n", report.Order},
		{"from /tmp/nix-build-x-1/src/a.c\n", "from /tmp/nix-build-x-2/src/a.c\n", report.Environment},
		{"from /build/x/a.c\n", "from /build/x/b.c\n", ""},
		{"from /build/one/a.c\n", "from /tmp/one/a.c\n", ""},
		{"2024-05-01T10:00:00Z id 01234567-89ab-cdef-0123-456789abcdef\n", "2024-05-01T10:00:01Z id c9f5b1d2-7c3e-4a68-b21d-0e9f5a7d3c16\n", report.Random},
		{"2024-05-01T10:00:00Z one\n", "2024-05-01T10:00:01Z two\n", ""},
		{"x\n", "x\ny\n", ""},
		{"", "x\n", ""},
	} {
		x, ok := Explain(t.Context(), "/etc/x", source([]byte(c.a)), source([]byte(c.b)))
		if ok != (c.want != "") || ok && (x.Cause != c.want || x.Kind != "text") {
			t.Errorf("%q, %q: %v %q, want %q", c.a, c.b, ok, x.Cause, c.want)
		}
		if x.Diff != "" {
			t.Errorf("%q: the caller has the file's diff", c.a)
		}
	}
}

func TestKnownFiles(t *testing.T) {
	id1, id2 := "0123456789abcdef0123456789abcdef\n", "fedcba9876543210fedcba9876543210\n"
	for _, c := range []struct {
		name, a, b string
		want       report.Cause
	}{
		{"/etc/machine-id", id1, id2, report.Random},
		{"/var/lib/dbus/machine-id", id1, id2, report.Random},
		{"/etc/machine-id", id1, "uninitialized\n", ""},
		{"/etc/ssh/ssh_host_ed25519_key", "one", "two", report.Random},
		{"/etc/ssh/ssh_host_ed25519_key.pub", "one", "two", report.Random},
		{"/etc/ssh/sshd_config", "one", "two", ""},
		{"/loader/random-seed", "\x00\x01", "\x02\x03", report.Random},
		{"/boot/loader/random-seed", "\x00\x01", "\x02\x03", report.Random},
		{"/var/lib/systemd/random-seed", "\x00\x01", "\x02\x03", report.Random},
		{"/etc/ld.so.cache", "\x00\x01", "\x02\x03", report.Content},
		{"/var/cache/fontconfig/ab-le64.cache-7", "\x00\x01", "\x02\x03", report.Time},
		{"/var/log/dpkg.log", "2024-05-01 10:00:00 installed\n", "2024-05-01 10:01:00 installed\n", report.Time},
		{"/var/log/dpkg.log", "installed a\n", "installed b\n", report.Content},
		{"/etc/shadow", "root:*:19844:0:99999:7:::\n", "root:*:19845:0:99999:7:::\n", report.Time},
		{"/etc/shadow", "root:$6$abcdefgh$0123456789abcdef:19844:0:99999:7:::\n", "root:$6$ijklmnop$fedcba9876543210:19844:0:99999:7:::\n", report.Random},
		{"/etc/shadow", "root:$6$abcdefgh$0123456789abcdef:19844:0:99999:7:::\n", "root:$6$abcdefgh$0123456789abcdeF:19844:0:99999:7:::\n", report.Content},
		{"/etc/shadow-", "root:*:19844:0:99999:7:::\n", "root:!:19844:0:99999:7:::\n", report.Content},
		{"/srv/etc/shadow", "a:*:1::::::\nb:*:1::::::\n", "b:*:1::::::\na:*:1::::::\n", report.Order},
	} {
		x, ok := Explain(t.Context(), c.name, source([]byte(c.a)), source([]byte(c.b)))
		if ok != (c.want != "") || ok && x.Cause != c.want {
			t.Errorf("%s %q, %q: %v %+v, want %q", c.name, c.a, c.b, ok, x, c.want)
		}
		if ok && x.Remedy == "" && x.Cause != report.Content {
			t.Errorf("%s: no remedy", c.name)
		}
	}
}
