package format

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// scattered is a disk whose only data are sectors far from one another.
type scattered struct {
	size   int64
	places []int64 // multiples of 4096, rising
	fail   int64   // reading there fails; 0: nowhere
}

func (d *scattered) Size() int64  { return d.size }
func (d *scattered) Close() error { return nil }

func (d *scattered) ReadAt(b []byte, off int64) (int, error) {
	if off >= d.size {
		return 0, io.EOF
	}
	clear(b)
	for _, at := range d.places {
		if at == d.fail && at > 0 && off <= at && at < off+int64(len(b)) {
			return 0, errors.New("the disk is broken")
		}
		for i := max(at, off); i < min(at+4096, off+int64(len(b)), d.size); i++ {
			b[i-off] = byte(i-at) | 1
		}
	}
	return len(b), nil
}

func (d *scattered) NextData(off int64) (start, end int64, err error) {
	for _, at := range d.places {
		if off < at+4096 {
			return max(off, at), min(at+4096, d.size), nil
		}
	}
	return d.size, d.size, nil
}

// TestTebibyte writes a sparse disk of 1 TiB. What it costs follows from its
// data: the files have tables at the most.
func TestTebibyte(t *testing.T) {
	const tib = 1 << 40
	d := &scattered{size: tib}
	for i := int64(0); i < 64; i++ {
		d.places = append(d.places, i*(tib/64)+i*65536)
	}
	d.places = append(d.places, tib-4096)
	for _, w := range written[:5] { // zst and xz compress all of it
		path := filepath.Join(t.TempDir(), FileName(w.kind))
		save(t, d, w.kind, path)
		fi, err := os.Stat(path)
		must(t, err)
		if used := fi.Sys().(*syscall.Stat_t).Blocks * 512; used > 300<<20 {
			t.Errorf("%s: %d bytes are stored", w.kind, used)
		}
		got := open(t, path)
		if got.Size() != tib {
			t.Errorf("%s: a disk of %d bytes", w.kind, got.Size())
		}
		a, b := make([]byte, 8192), make([]byte, 8192)
		for _, at := range d.places {
			n := min(8192, tib-at)
			_, err := got.ReadAt(a[:n], at)
			must(t, err)
			_, _ = d.ReadAt(b[:n], at)
			if string(a[:n]) != string(b[:n]) {
				t.Errorf("%s: byte %d on reads otherwise", w.kind, at)
			}
		}
		if w.kind != VHD {
			judge.Must(t, "qemu-img", "check", "-f", w.qemu, path)
		}
	}
}

// nothing takes what is written and forgets it.
type nothing struct{ fail bool }

func (n nothing) Truncate(int64) error { return nil }

func (n nothing) WriteAt(b []byte, off int64) (int, error) {
	if n.fail && off > 2<<20 {
		return 0, errors.New("the file is full")
	}
	return len(b), nil
}

// dense is a disk full of data that no file holds.
type dense int64

func (d dense) Size() int64  { return int64(d) }
func (d dense) Close() error { return nil }
func (d dense) NextData(off int64) (start, end int64, _ error) {
	return min(off, d.Size()), d.Size(), nil
}

func (d dense) ReadAt(b []byte, off int64) (int, error) {
	for i := 0; i < len(b); i += 64 {
		b[i] = byte(off>>12) | 1
	}
	return len(b), nil
}

// TestMemory writes disks full of data, with as many processors as count: the
// memory in use does not grow with them.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes gigabytes, and the race detector has memory of its own")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(16))
	for _, w := range written {
		size := int64(4 << 30)
		switch w.kind {
		case QCOW2Packed, Zstd:
			size = 512 << 20
		case Xz:
			size = 48 << 20
		}
		debug.FreeOSMemory()
		var m runtime.MemStats
		most := uint64(0)
		must(t, Write(context.Background(), nothing{}, dense(size), w.kind, ids, func(done, _ int64) {
			if done%(64<<20) == 0 {
				runtime.ReadMemStats(&m)
				most = max(most, m.Sys-m.HeapReleased)
			}
		}))
		runtime.ReadMemStats(&m)
		most = max(most, m.Sys-m.HeapReleased)
		t.Logf("%s: %d MiB", w.kind, most>>20)
		if most > 200<<20 {
			t.Errorf("%s: %d MiB of memory are in use", w.kind, most>>20)
		}
	}
}

// TestFailures: an error of the disk or the file is what Write returns, and so
// is the end of its context; nothing hangs.
func TestFailures(t *testing.T) {
	places := []int64{0}
	for at := int64(4096); at < 64<<20; at += 1 << 20 {
		places = append(places, at)
	}
	for _, w := range written {
		good := &scattered{size: 64 << 20, places: places}
		bad := &scattered{size: 64 << 20, places: places, fail: places[30]}
		err := Write(context.Background(), nothing{}, bad, w.kind, ids, nil)
		if err == nil || !strings.Contains(err.Error(), "the disk is broken") || !strings.Contains(err.Error(), fmt.Sprintf("byte %d of the disk", places[30])) {
			t.Errorf("%s: %v", w.kind, err)
		}
		if w.kind != Zstd && w.kind != Xz && w.kind != QCOW2Packed { // whose files are not as long
			if err := Write(context.Background(), nothing{fail: true}, good, w.kind, ids, nil); err == nil || err.Error() != "the file is full" {
				t.Errorf("%s: %v", w.kind, err)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		last := int64(0)
		err = Write(ctx, nothing{}, good, w.kind, ids, func(done, total int64) {
			if done < last || done > total || total != good.size {
				t.Errorf("%s: progress from %d to %d of %d", w.kind, last, done, total)
			}
			if last = done; done > 8<<20 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", w.kind, err)
		}
		cancel()
	}
}

// TestRefused names what no format takes.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		size int64
		want string
	}{
		{QCOW2, 0, "a disk of 0 bytes is not one of whole sectors of 512 bytes"},
		{VDI, 1000, "a disk of 1000 bytes is not one of whole sectors of 512 bytes"},
		{VHD, 2040<<30 + 512, "a VHD holds whole sectors"},
		{VMDK, 2 << 40, "a VMDK in one file holds whole sectors"},
		{QCOW2, 4 << 50, "qcow2 with clusters of 64 KiB holds up to 2251799813685248 bytes"},
		{Raw, 512, "a raw disk needs no writer"},
		{"vhdx", 512, `there is no writer for images of the format "vhdx"`},
	} {
		err := Write(context.Background(), nothing{}, &scattered{size: c.size}, c.kind, ids, nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s, %d bytes: %v", c.kind, c.size, err)
		}
	}
}
