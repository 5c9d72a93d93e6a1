package iso9660

import (
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
)

const (
	maxHops         = 64       // continuation areas of one record
	maxContinuation = 32 << 10 // bytes of one
	maxTarget       = 64 << 10 // bytes of a symbolic link's target
	longStamps      = 0x80     // TF: times of 17 bytes
)

// stampNames are the times of a TF field, in the order of its flags.
var stampNames = []string{"TF.creation", "TF.modify", "TF.access", "TF.attributes", "TF.backup", "TF.expiration", "TF.effective"}

// findRock finds out whether the tree has system use fields, by the SP field
// of the root's own record; SUSP 1.12, section 5.3.
func (fs *FS) findRock(t *Tree) error {
	root, err := fs.Root(t)
	if err != nil {
		return err
	}
	if len(root.Extents) == 0 {
		return nil
	}
	b := make([]byte, 255)
	n := min(int64(len(b)), fs.size-root.Extents[0].Start)
	if n < recordFixed+1 {
		return nil
	}
	b = b[:n]
	if err := fs.readAt(b, root.Extents[0].Start); err != nil {
		return err
	}
	at := recordFixed + 1
	if int(b[0]) <= len(b) && int(b[0]) >= at+7 && string(b[at:at+2]) == "SP" && b[at+4] == 0xbe && b[at+5] == 0xef {
		t.Rock, t.skip = true, int(b[at+6])
	}
	return nil
}

// susp is a record's system use fields being read.
type susp struct {
	fs     *FS
	r      *Record
	name   strings.Builder
	target strings.Builder
	named  bool
	joined bool // the target's last component goes on in the next
	hops   int
}

// systemUse reads the system use fields in b, which stands at off.
func (fs *FS) systemUse(r *Record, b []byte, off int64) error {
	s := &susp{fs: fs, r: r}
	// The root's own record has SP before anything that is skipped.
	if r.Self() && r.Offset+recordFixed+1 < off && off-r.Offset <= int64(r.Length) {
		raw := make([]byte, int64(r.Length)-recordFixed-1)
		if fs.readAt(raw, r.Offset+recordFixed+1) == nil && len(raw) > 2 && string(raw[:2]) == "SP" {
			b, off = raw, r.Offset+recordFixed+1
		}
	}
	if err := s.area(b, off); err != nil {
		return err
	}
	if s.named && !r.Self() && !r.Parent() {
		if n := s.name.String(); n != "" && n != "." && n != ".." && !strings.ContainsAny(n, "/\x00") {
			r.Name = n
		}
	}
	r.Target = s.target.String()
	return nil
}

// area reads the fields of one area, and then what it continues in.
func (s *susp) area(b []byte, off int64) error {
	var next []byte
	var nextAt int64
	for len(b) >= 4 {
		n := int(b[2])
		if n < 4 || n > len(b) {
			break // padding, or nothing that can be read
		}
		sig := string(b[:2])
		if sig == "CE" && n >= 28 && next == nil {
			at := int64(both32(b[4:]))*s.fs.block + int64(both32(b[12:]))
			length := int64(both32(b[20:]))
			if length > maxContinuation || s.hops == maxHops {
				return wrong(off, "a continuation area of %d bytes, number %d", length, s.hops+1)
			}
			if s.fs.budget -= length; s.fs.budget < 0 {
				return wrong(off, "more continuation areas than the image can hold")
			}
			next, nextAt = make([]byte, length), at
			if err := s.fs.readAt(next, at); err != nil {
				return err
			}
			s.r.Areas = append(s.r.Areas, Range{at, length})
		}
		if sig == "ST" {
			s.part(sig, off, off+int64(n))
			b, off = b[n:], off+int64(n)
			break
		}
		s.field(sig, b[4:n], off+4)
		b, off = b[n:], off+int64(n)
	}
	if len(b) > 0 {
		s.part("padding", off, off+int64(len(b)))
	}
	if next != nil {
		s.hops++
		return s.area(next, nextAt)
	}
	return nil
}

func (s *susp) part(name string, start, end int64) {
	s.r.Parts = append(s.r.Parts, Part{name, start, end})
}

// field reads one field, of which b is what follows its head of four bytes.
func (s *susp) field(sig string, b []byte, off int64) {
	r := s.r
	s.part(sig, off-4, off)
	whole := func() { s.part(sig, off, off+int64(len(b))) }
	switch {
	case sig == "PX" && len(b) >= 32:
		r.Rock = true
		r.Mode, r.Links, r.UID, r.GID = both32(b), both32(b[8:]), both32(b[16:]), both32(b[24:])
		names := []string{"PX.mode", "PX.nlink", "PX.uid", "PX.gid", "PX.serial"}
		if len(b) >= 40 {
			r.Serial = both32(b[32:])
		}
		for i := 0; 8*i < len(b); i++ {
			s.part(names[min(i, 4)], off+int64(8*i), off+int64(min(8*i+8, len(b))))
		}
	case sig == "TF" && len(b) >= 1:
		s.stamps(b, off)
	case sig == "NM" && len(b) >= 1:
		s.named = true
		if s.name.Len() < 1024 {
			s.name.Write(b[1:])
		}
		whole()
	case sig == "SL" && len(b) >= 1:
		s.components(b[1:])
		whole()
	case sig == "PN" && len(b) >= 16:
		r.Rdev = [2]uint32{both32(b), both32(b[8:])}
		whole()
	case sig == "CL" && len(b) >= 8:
		r.child = both32(b)
		whole()
	case sig == "RE":
		r.moved = true
		whole()
	case sig == "CE", sig == "PL", sig == "SP", sig == "ER", sig == "RR", sig == "ES", sig == "PD":
		whole()
	default:
		if len(r.Other) < maxHops {
			r.Other = append(r.Other, Other{sig, b})
		}
		whole()
	}
}

// stamps reads the times of a TF field; RRIP 1.12, section 4.1.6.
func (s *susp) stamps(b []byte, off int64) {
	s.part("TF", off, off+1)
	size := 7
	if b[0]&longStamps != 0 {
		size = 17
	}
	at := 1
	for i, name := range stampNames {
		if b[0]>>i&1 == 0 || at+size > len(b) {
			continue
		}
		raw := b[at : at+size]
		t, ok := tree.Time{}, true
		if size == 17 {
			t, ok = LongTime(raw)
		} else {
			t = shortTime(raw)
		}
		if ok {
			s.r.Stamps = append(s.r.Stamps, Stamp{name, t, off + int64(at)})
		}
		s.part(name, off+int64(at), off+int64(at+size))
		at += size
	}
	if at < len(b) {
		s.part("TF", off+int64(at), off+int64(len(b)))
	}
}

// components reads the parts of a symbolic link's target; RRIP 1.12, section
// 4.1.3.
func (s *susp) components(b []byte) {
	const goesOn, current, parent, root = 1, 2, 4, 8
	for len(b) >= 2 {
		flags, n := b[0], int(b[1])
		if 2+n > len(b) || s.target.Len() > maxTarget {
			return
		}
		if t := s.target.String(); t != "" && !s.joined && !strings.HasSuffix(t, "/") {
			s.target.WriteByte('/')
		}
		switch {
		case flags&root != 0:
			s.target.WriteByte('/')
		case flags&current != 0:
			s.target.WriteByte('.')
		case flags&parent != 0:
			s.target.WriteString("..")
		default:
			s.target.Write(b[2 : 2+n])
		}
		s.joined = flags&goesOn != 0
		b = b[2+n:]
	}
}
