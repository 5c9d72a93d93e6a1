package inside

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
)

// cpio's "newc" and "crc" formats are specified in the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst.

const (
	cpioNewc    = "070701"
	cpioCRC     = "070702"
	cpioHeader  = 110
	cpioTrailer = "TRAILER!!!"
)

// cpioFields are the header's fields behind the magic, eight hexadecimal
// digits each.
var cpioFields = [13]string{
	"c_ino", "c_mode", "c_uid", "c_gid", "c_nlink", "c_mtime", "c_filesize",
	"c_maj", "c_min", "c_rmaj", "c_rmin", "c_namesize", "c_chksum",
}

type cpioEntry struct {
	archive *cpioArchive
	magic   string
	values  [13]uint32
}

type cpioArchive struct {
	entryList
	size     int64 // bytes that it takes
	numbered bool  // c_ino counts the entries, as --renumber-inodes has it
	follows  bool  // c_ino follows from which entries there are
}

const (
	cpioIno      = 0  // c_ino
	cpioSize     = 6  // c_filesize
	cpioNameSize = 11 // c_namesize
)

var errCpio = errors.New("damaged cpio")

// readCpio reads one archive, up to its trailer or to where no entry follows.
func readCpio(left *int, s Source) (*cpioArchive, error) {
	l := &cpioArchive{entryList: entryList{left: left}, numbered: true}
	last := uint32(0)
	for off := int64(0); ; {
		h := s.bytes(off, cpioHeader)
		if h == nil || string(h[:6]) != cpioNewc && string(h[:6]) != cpioCRC {
			if off == 0 {
				return nil, errCpio
			}
			l.size = off
			return l, nil // an archive without a trailer
		}
		e := &cpioEntry{archive: l, magic: cpioNewc}
		if h[5] == '2' {
			e.magic = cpioCRC
		}
		for i := range e.values {
			v, err := strconv.ParseUint(string(h[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				return nil, fmt.Errorf("%w: %s at byte %d is no number", errCpio, cpioFields[i], off+6+8*int64(i))
			}
			e.values[i] = uint32(v)
		}
		nameSize := int64(e.values[cpioNameSize])
		if nameSize == 0 || nameSize > maxName {
			return nil, fmt.Errorf("%w: c_namesize at byte %d is %d", errCpio, off, nameSize)
		}
		name := s.bytes(off+cpioHeader, int(nameSize))
		if name == nil {
			return nil, fmt.Errorf("%w: it ends in the name at byte %d", errCpio, off+cpioHeader)
		}
		start := (off + cpioHeader + nameSize + 3) &^ 3
		size := int64(e.values[cpioSize])
		if start > s.Size-size && size > 0 {
			return nil, fmt.Errorf("%w: it ends in the file at byte %d", errCpio, start)
		}
		next := min((start+size+3)&^3, s.Size)
		text := string(name[:nameSize-1])
		if text == cpioTrailer {
			l.size = next
			return l, nil
		}
		one := entry{name: text, attrs: e.attrs}
		if size > 0 || e.values[1]&0o170000 == 0o100000 {
			one.content = s.part(start, size)
		}
		if ino := e.values[cpioIno]; len(l.list) > 0 && ino != last {
			l.numbered = l.numbered && ino == last+1 // equal: another link
		}
		last = e.values[cpioIno]
		if err := l.add(one); err != nil {
			return nil, err
		}
		off = next
	}
}

func (e *cpioEntry) attrs() []attr {
	out := []attr{{name: "magic", value: e.magic, cause: report.Environment}}
	for i, v := range e.values {
		a := attr{name: cpioFields[i], value: strconv.FormatUint(uint64(v), 10), cause: report.Content}
		switch a.name {
		case "c_ino":
			a.cause, a.remedy = report.Environment, "cpio --reproducible: inode numbers and devices are numbered afresh"
			a.derived = e.archive.follows
		case "c_maj", "c_min":
			a.cause, a.remedy = report.Environment, "cpio --reproducible: inode numbers and devices are numbered afresh"
		case "c_mtime":
			a.value, a.cause, a.remedy = field.ShowTime(int64(v), 0), report.Time, "set the times before packing: find . -exec touch -hd @$SOURCE_DATE_EPOCH {} +"
		case "c_uid", "c_gid":
			a.cause, a.remedy = report.Environment, "cpio -R 0:0"
		case "c_mode":
			a.value, a.cause, a.remedy = fmt.Sprintf("%06o", v), report.Environment, "set the mode, or the umask, before packing"
		case "c_filesize", "c_namesize", "c_chksum":
			a.derived = true
		}
		out = append(out, a)
	}
	return out
}

const remedyCpioOrder = "sort what cpio reads: find . -print0 | LC_ALL=C sort -z | cpio -0 -o"

func (s *session) compareCpio(p pair, a, b *cpioArchive, out *result) error {
	sameNames := slices.EqualFunc(a.list, b.list, func(x, y entry) bool { return x.name == y.name })
	a.follows = a.numbered && b.numbered && !sameNames
	if err := s.compareEntries(p, &a.entryList, &b.entryList, entriesOptions{orderRemedy: remedyCpioOrder, listing: true}, out); err != nil {
		return err
	}
	return s.compareTail(p, p.a.from(a.size), p.b.from(b.size), out)
}
