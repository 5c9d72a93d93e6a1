package format

import (
	"bytes"

	"github.com/klauspost/compress/flate"

	"github.com/reprodisk/reprodisk/internal/ondisk/qcow2"
)

// deflateWindow is how far back in bytes a compressed cluster may refer: QEMU
// inflates with a window of 2^12.
const deflateWindow = 4096

// packedClusters is a piece's clusters, compressed.
type packedClusters struct {
	bytes.Buffer
	// ends is where each cluster ends in the buffer. One that begins there as
	// well is not stored compressed.
	ends [16]int
	raw  [16]bool // it is stored as it is, because it does not get smaller
}

func packClusters() (func(*piece) error, error) {
	w, err := flate.NewWriterWindow(nil, deflateWindow)
	if err != nil {
		return nil, err
	}
	return func(p *piece) error {
		c, ok := p.work.(*packedClusters)
		if !ok {
			c = new(packedClusters)
			p.work = c
		}
		c.Reset()
		clear(c.raw[:])
		for i := range c.ends {
			b, begin := p.data[i*cluster:(i+1)*cluster], c.Len()
			if !zero(b) {
				w.Reset(c)
				if _, err := w.Write(b); err != nil {
					return err
				}
				if err := w.Close(); err != nil {
					return err
				}
				if c.Len()-begin >= cluster {
					c.Truncate(begin)
					c.raw[i] = true
				}
			}
			c.ends[i] = c.Len()
		}
		return nil
	}, nil
}

// writePackedQCOW2 compresses each cluster, with zlib as qemu-img's -c does by
// default, and lays them byte by byte behind one another.
func writePackedQCOW2(s *stream) error {
	t := newQCOW2(s)
	for range t.used {
		t.count = append(t.count, 1)
	}
	next := int64(0) // where the cluster that was begun has room; 0: nowhere
	place := func(n int64) (host int64) {
		end := up(next, cluster)
		switch {
		case next > 0 && n <= end-next: // it fits into what is left
			t.count[next/cluster]++
			host = next
		case next > 0 && end == t.used*cluster && next < end: // it goes on in the next cluster
			t.count[next/cluster]++
			t.take(1)
			host = next
		default:
			host = t.take(1)
		}
		next = host + n
		if next%cluster == 0 {
			next = 0
		}
		return host
	}
	err := s.run(steps{length: 16 * cluster, worker: packClusters, take: func(p *piece) error {
		if err := t.turn(p.at); err != nil {
			return err
		}
		c := p.work.(*packedClusters)
		packed, begin := c.Bytes(), 0
		for i, end := range c.ends {
			at := p.at + int64(i)*cluster
			switch {
			case c.raw[i]:
				host := t.take(1)
				p.put(p.data[i*cluster:(i+1)*cluster], host)
				t.set(at, qcow2.StoredEntry(host))
			case end > begin:
				n := int64(end - begin)
				host := place(n)
				p.put(packed[begin:end], host)
				t.set(at, qcow2.PackedEntry(host, n, clusterBits))
			}
			begin = end
		}
		return nil
	}})
	if err != nil {
		return err
	}
	return t.finish()
}
