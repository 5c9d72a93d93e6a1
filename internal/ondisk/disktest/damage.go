package disktest

// Damaged is a good file with some parts of it changed. The file is not copied.
type Damaged struct {
	Memory
	parts []part
}

type part struct {
	at int64
	b  []byte
}

// damaged is the length in bytes of a part that Damage changes.
const damaged = 512

// Damage changes the 512 bytes at each of the places as the patch says: four
// bytes of it make a change, which is in which part, where in it, how, and the
// value.
func Damage(good []byte, patch []byte, places ...int64) *Damaged {
	d := &Damaged{Memory: good}
	for _, at := range places {
		end := min(at+damaged, int64(len(good)))
		d.parts = append(d.parts, part{at, append([]byte(nil), good[at:end]...)})
	}
	for ; len(patch) >= 4; patch = patch[4:] {
		b := d.parts[int(patch[0])%len(d.parts)].b
		at := (int(patch[1]) | int(patch[2]&1)<<8) % len(b)
		switch patch[2] >> 1 % 3 {
		case 0:
			b[at] = patch[3]
		case 1:
			b[at] ^= 1 << (patch[3] % 8)
		case 2:
			for i := at; i < len(b) && i < at+4; i++ {
				b[i] = -(patch[3] & 1)
			}
		}
	}
	return d
}

// Part is the changed part at the place of that number.
func (d *Damaged) Part(n int) []byte { return d.parts[n].b }

// ReadAt reads the file with its changes. Of parts that overlap, the last
// counts.
func (d *Damaged) ReadAt(b []byte, off int64) (int, error) {
	n, err := d.Memory.ReadAt(b, off)
	for _, p := range d.parts {
		from, to := max(p.at, off), min(p.at+int64(len(p.b)), off+int64(n))
		if from < to {
			copy(b[from-off:to-off], p.b[from-p.at:to-p.at])
		}
	}
	return n, err
}
