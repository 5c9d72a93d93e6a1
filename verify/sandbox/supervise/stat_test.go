//go:build linux && amd64

package supervise

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

func TestInputTimes(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "input")
	then := time.Unix(1_234_567_890, 0)
	if err := os.WriteFile(input, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(input, time.Unix(5, 0), then); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * tick) // the build begins later
	for mode, want := range map[world.InputTimesMode]string{
		world.InputTimesMtime:   "1234567890 1234567890 1234567890",
		world.InputTimesShifted: "1234567890 1234571490 1234571490",
	} {
		w := world.World{InputTimes: world.InputTimes{Mode: mode, Offset: time.Hour}, Clock: clocks["ahead"]}
		for _, stat := range [][]string{
			{"stat", "-c", "%Y %X %Z", input}, // statx
			{"perl", "-e", "@s = stat $ARGV[0]; print \"$s[9] $s[8] $s[10]\"", input},
		} {
			if got := must(t, w, stat...); got != want {
				t.Errorf("%s, %s: %s, not %s", mode, stat[0], got, want)
			}
		}
		// What the build makes, or changes, is no input.
		got := command{dir: dir}.must(t, w, "sh", "-c", "cp input copy; touch -d @7 copy; chmod 600 input; stat -c '%Y %Z' copy input; chmod 644 input")
		for i, line := range strings.Split(got, "\n") {
			mtime, ctime, _ := strings.Cut(line, " ")
			sec, _ := strconv.ParseInt(ctime, 10, 64)
			if mtime != []string{"7", "1234567890"}[i] || !shows(w.Clock, sec) {
				t.Errorf("%s: %q", mode, got)
			}
		}
		if err := os.Chtimes(input, time.Unix(5, 0), then); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * tick)
	}
}

func TestInodesOfTheSandboxesOwnFilesystems(t *testing.T) {
	dir, _ := folder(t, 40)
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "a0"), &st); err != nil {
		t.Fatal(err)
	}
	w := world.World{Inodes: world.Inodes{Skip: 77}}
	c := command{dir: dir, options: Options{Inside: func(dev uint64) bool { return dev == st.Dev }}}
	want := strconv.FormatUint(st.Ino+77, 10)
	device := strconv.FormatUint(unix.Mkdev(0, firstMinor+77<<8), 10)
	if got := c.must(t, w, "stat", "-c", "%i %d", "a0"); got != want+" "+device {
		t.Errorf("%s, where the inode is %d of device %d", got, st.Ino, st.Dev)
	}
	for _, prog := range asks(t) {
		c.must(t, w, prog, "dir") // it compares both
		w.FileOrdering.Mode = world.OrderReversed
		c.must(t, w, prog, "dir")
		w.FileOrdering.Mode = world.OrderHost
	}
	if got := c.must(t, w, "perl", "-e", "@s = stat 'a0'; print \"$s[1] $s[0]\""); got != want+" "+device {
		t.Errorf("inode and device %s, not %s %s", got, want, device)
	}
	c.options.Inside = nil
	if got := c.must(t, w, "stat", "-c", "%i", "a0"); got != strconv.FormatUint(st.Ino, 10) {
		t.Errorf("an input's inode is %s", got)
	}
}

func TestWhatTheSystemSays(t *testing.T) {
	w := everything()
	for _, prog := range asks(t) {
		want := "elsewhere 5.10.0-9-amd64 #1 SMP Debian 5.10.70-1\nmemory 3221225472\npages 3221225472"
		if got := must(t, w, prog, "system"); got != want {
			t.Errorf("%s", got)
		}
	}
	if got := must(t, w, "uname", "-snrvm"); !strings.HasPrefix(got, "Linux elsewhere 5.10.0-9-amd64 #1 SMP Debian 5.10.70-1 x86_64") {
		t.Error(got)
	}
}

// earlier is a clock at which a file that was made after begin is seen: before
// it was started, where it was started since.
func earlier(c world.Clock, begin time.Time) world.Clock {
	if c.Mode == world.ClockRunning {
		c.Start = c.Start.Add(-time.Since(begin))
	}
	return c
}

// TestStatCostsOneStop covers the code in the vDSO: files made some time after
// the start, for which nobody has to be asked.
func TestStatCostsOneStop(t *testing.T) {
	ago := time.Now().Add(-10 * time.Second)
	dir := t.TempDir()
	made := filepath.Join(dir, "file")
	if err := os.WriteFile(made, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, ago.Add(-time.Hour), ago.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	for name, c := range clocks {
		for _, mode := range []world.InputTimesMode{world.InputTimesHost, world.InputTimesShifted} {
			w := world.World{Clock: c, InputTimes: world.InputTimes{Mode: mode, Offset: time.Hour}}
			for _, prog := range asks(t) {
				cmd := command{dir: dir, options: Options{Start: ago}}
				r, err := cmd.run(t, w, prog, "stats", made)
				if err != nil || r.Status.ExitStatus() != 0 {
					t.Fatalf("%s: %v, %v, %s", name, err, r.Status, r.err)
				}
				if r.Stops < 1000 || r.Stops > 1100 {
					t.Errorf("%s: %d stops for 1000 calls", name, r.Stops)
				}
				everySecond(t, earlier(c, ago), strings.TrimSpace(r.out))
				everySecond(t, c, cmd.must(t, w, prog, "files"))
			}
			// An old file's times are shown as they are, or as an input's.
			cmd := command{options: Options{Start: time.Now().Add(10 * time.Second)}}
			want := strconv.FormatInt(ago.Add(-time.Hour).Unix(), 10)
			if mode == world.InputTimesShifted {
				want += " " + strconv.FormatInt(ago.Unix(), 10)
			} else {
				var st unix.Stat_t
				if err := unix.Stat(old, &st); err != nil {
					t.Fatal(err)
				}
				want += " " + strconv.FormatInt(st.Ctim.Sec, 10)
			}
			for _, stat := range [][]string{
				{"stat", "-c", "%Y %Z", old},
				{"perl", "-e", "@s = stat $ARGV[0]; print \"$s[9] $s[10]\"", old},
			} {
				if got := cmd.must(t, w, stat...); got != want {
					t.Errorf("%s, %s: %s, not %s", name, mode, got, want)
				}
			}
		}
	}
}

// TestStatOfTheCLibraryStopsNoMore covers the places in a C library that make the
// call: 18,000 calls by six processes and threads.
func TestStatOfTheCLibraryStopsNoMore(t *testing.T) {
	begin := time.Now().Add(-10 * time.Second)
	dir := t.TempDir()
	made := filepath.Join(dir, "file")
	if err := os.WriteFile(made, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range clocks {
		w := world.World{Clock: c}
		for _, prog := range asks(t) {
			r, err := command{dir: dir, options: Options{Start: begin}}.run(t, w, prog, "many", made)
			if err != nil || r.Status.ExitStatus() != 0 {
				t.Fatalf("%s, %s: %v, %v, %s", name, prog, err, r.Status, r.err)
			}
			if r.Stops > 300 {
				t.Errorf("%s, %s: %d stops", name, filepath.Base(prog), r.Stops)
			}
			everySecond(t, earlier(c, begin), strings.TrimSpace(r.out))
		}
	}
}

// TestStatOfGoStopsNoMore covers the place in Go programs: 12,000 calls by eight
// goroutines.
func TestStatOfGoStopsNoMore(t *testing.T) {
	begin := time.Now().Add(-10 * time.Second)
	dir := t.TempDir()
	made := filepath.Join(dir, "file")
	if err := os.WriteFile(made, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range clocks {
		w := world.World{Clock: c}
		r, err := command{dir: dir, options: Options{Start: begin}}.run(t, w, filepath.Join(build(t), "goask"), "stats", made)
		if err != nil || r.Status.ExitStatus() != 0 {
			t.Fatalf("%s: %v, %v, %s", name, err, r.Status, r.err)
		}
		if r.Stops > 300 {
			t.Errorf("%s: %d stops", name, r.Stops)
		}
		everySecond(t, earlier(c, begin), strings.TrimSpace(r.out))
	}
}

// FuzzGap looks for gaps in whatever code: one that is found is no instruction
// but one that does nothing.
func FuzzGap(f *testing.F) {
	call := []byte{0xb8, 6, 1, 0, 0, 0x0f, 0x05}
	end := []byte{0x5b, 0xc3, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}
	f.Add(append(append([]byte{}, call...), append(make([]byte, 13), end...)...), uint64(0x1000), uint16(7))
	f.Add(end, uint64(0x1004), uint16(0))
	f.Fuzz(func(t *testing.T, code []byte, from uint64, here uint16) {
		if from > 1<<47 {
			return
		}
		at, ok := gap(code, from, from+uint64(here), 262)
		if !ok {
			return
		}
		if at < from || at+8 > from+uint64(len(code)) || at%8 != 0 {
			t.Fatalf("a gap at %x of %d bytes from %x", at, len(code), from)
		}
		if b := code[at-from : at-from+8]; !bytes.HasSuffix(b, []byte{0, 0, 0, 0, 0}) {
			t.Fatalf("% x", b)
		}
	})
}

// FuzzStat rewrites whatever a buffer holds: what was not made meanwhile stays,
// and what was is as the clock says.
func FuzzStat(f *testing.F) {
	now := moment{1_700_000_000, 500_000_000}
	seed := func(times ...int64) {
		b := make([]byte, statxSize)
		for i, s := range times {
			binary.LittleEndian.PutUint64(b[statxAtime+16*i:], uint64(s))
			binary.LittleEndian.PutUint64(b[statAtime+16*i:], uint64(s))
		}
		f.Add(b, int64(-1_000_000), int64(5), false, uint64(3))
	}
	seed()
	seed(now.sec, now.sec-10, now.sec-100, 0)
	seed(-1, 1<<62, now.sec-9, 1)
	f.Fuzz(func(t *testing.T, b []byte, offset, nsec int64, isFrozen bool, skip uint64) {
		if len(b) < statxSize || nsec < 0 || nsec >= second {
			return
		}
		c := clock{frozen: isFrozen, at: moment{offset, nsec}, offset: moment{offset, nsec}}
		start := moment{now.sec - 10, 0}
		for _, mode := range []world.InputTimesMode{world.InputTimesHost, world.InputTimesMtime} {
			fs := &files{start: start, clock: &c, inputs: world.InputTimes{Mode: mode}, skip: skip, inside: func(dev uint64) bool { return dev%2 == 0 }}
			for _, form := range []struct {
				size    int
				ft      fileTimes
				rewrite func([]byte, moment) (bool, bool)
			}{{statSize, statTimes, fs.stat}, {statxSize, statxTimes, fs.statx}} {
				before := append([]byte(nil), b[:form.size]...)
				after := append([]byte(nil), before...)
				changed, _ := form.rewrite(after, now)
				if !changed && string(before) != string(after) {
					t.Fatal("changed, and says it is not")
				}
				if mode != world.InputTimesHost {
					continue
				}
				for _, at := range []int{form.ft.atime, form.ft.mtime, form.ft.ctime} {
					was, is := form.ft.get(before, at), form.ft.get(after, at)
					if was.nsec >= second {
						continue // no time
					}
					if fs.made(was, now) {
						was = c.shown(was)
					}
					if was != is {
						t.Fatalf("%v became %v", form.ft.get(before, at), is)
					}
				}
			}
		}
	})
}

// FuzzDents takes buffers apart and puts them together again.
func FuzzDents(f *testing.F) {
	for _, old := range []bool{false, true} {
		var b []byte
		for i, name := range []string{".", "..", "b", "a-name-of-some-length", "a"} {
			b = appendDent(b, entry{ino: uint64(i), next: uint64(i + 1), kind: 4, name: name}, old)
		}
		f.Add(b, old, uint64(7))
		f.Add(b[:len(b)-1], old, uint64(0))
		f.Add(append(b, 0, 0), old, uint64(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, old bool, skip uint64) {
		o := world.Ordering{Mode: world.OrderShuffled, Seed: "s"}
		out, ok := rewriteDents(b, old, o, skip)
		if !ok {
			return
		}
		if len(out) > len(b) {
			t.Fatalf("%d bytes became %d", len(b), len(out))
		}
		from, _ := parseDents(b, old)
		to, ok := parseDents(out, old)
		if !ok || len(from) != len(to) {
			t.Fatalf("%d entries became %d", len(from), len(to))
		}
		count := map[string]int{}
		for i := range from {
			count[from[i].name]++
			count[to[i].name]--
			if from[i].next != to[i].next {
				t.Fatalf("entry %d leads to %d, not %d", i, to[i].next, from[i].next)
			}
		}
		for name, n := range count {
			if n != 0 {
				t.Fatalf("%q: %d", name, n)
			}
		}
		if len(count) < len(from) {
			return // names that are there twice have no order of their own
		}
		again, _ := rewriteDents(out, old, o, 0)
		if string(again) != string(out) {
			t.Fatal("another order the second time")
		}
	})
}
