package format

import "encoding/binary"

// table is a table of 32-bit entries, a place for each block of the disk, that
// is written front to back, a part at a time.
type table struct {
	s     *stream
	order binary.AppendByteOrder
	at    []int64 // bytes of the file; several where there are copies
	free  uint32  // the entry of a block that is not stored
	part  []byte
	n     int64 // entries so far
}

// tablePart is how many bytes are written at once.
const tablePart = 64 << 10

// set sets entry i, which is behind all that were set before.
func (t *table) set(i int64, v uint32) error {
	if err := t.fill(i); err != nil {
		return err
	}
	return t.add(v)
}

// fill makes the entries before i free.
func (t *table) fill(i int64) error {
	for t.n < i {
		const whole = tablePart / 4
		if t.free == 0 && len(t.part) == 0 && i-t.n >= whole {
			t.n += (i - t.n) / whole * whole // holes in the file
			continue
		}
		if err := t.add(t.free); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) add(v uint32) error {
	t.part = t.order.AppendUint32(t.part, v)
	t.n++
	if len(t.part) >= tablePart {
		return t.flush()
	}
	return nil
}

// flush writes what is left, after the last entry.
func (t *table) flush() error {
	begin := 4*t.n - int64(len(t.part))
	if t.free != 0 || !zero(t.part) {
		for _, at := range t.at {
			if err := t.s.put(t.part, at+begin); err != nil {
				return err
			}
		}
	}
	t.part = t.part[:0]
	return nil
}

// up rounds n up to a multiple.
func up(n, multiple int64) int64 { return (n + multiple - 1) / multiple * multiple }
