package format

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/qcow2"
)

const (
	clusterBits = 16 // QEMU's default
	cluster     = 1 << clusterBits
	tableWords  = cluster / 8 // entries of an L2 table
	perRefBlock = cluster / 2 // refcounts in a refcount block
)

// qcow2Tables are the tables of an image that is written front to back: the
// header, the L1 table, then the clusters of the disk in its order, the L2
// table of each 512 MiB behind them, and the refcounts at the end.
type qcow2Tables struct {
	s      *stream
	header qcow2.Header
	l1     []uint64
	l2     []uint64 // of the entry index of l1
	index  int64    // -1 before the first
	used   int64    // clusters of the file so far
	// count is the refcounts of clusters so far; nil where all are 1.
	count []uint16
}

func newQCOW2(s *stream) *qcow2Tables {
	h := qcow2.NewHeader(s.disk.Size(), clusterBits)
	t := &qcow2Tables{s: s, header: h, l2: make([]uint64, tableWords), index: -1, used: 1}
	t.l1 = make([]uint64, (s.disk.Size()+tableWords*cluster-1)/(tableWords*cluster))
	t.header.L1Size = uint32(len(t.l1))
	t.header.L1TableOffset = uint64(t.used * cluster)
	t.used += (8*int64(len(t.l1)) + cluster - 1) / cluster
	return t
}

// take is the place of the next n clusters.
func (t *qcow2Tables) take(n int64) (host int64) {
	host = t.used * cluster
	t.used += n
	if t.count != nil {
		for range n {
			t.count = append(t.count, 1)
		}
	}
	return host
}

// set sets the L2 entry of the cluster of the disk that begins at byte at,
// which is behind all that were set before.
func (t *qcow2Tables) set(at int64, entry uint64) {
	t.l2[at/cluster%tableWords] = entry
}

// turn makes the table that byte at of the disk belongs to the current one.
func (t *qcow2Tables) turn(at int64) error {
	index := at / (tableWords * cluster)
	if index == t.index {
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	t.index = index
	return nil
}

// flush writes the current L2 table, unless it is empty.
func (t *qcow2Tables) flush() error {
	if t.index < 0 {
		return nil
	}
	empty := true
	for _, e := range t.l2 {
		if e != 0 {
			empty = false
			break
		}
	}
	if empty {
		return nil
	}
	host := t.take(1)
	t.l1[t.index] = qcow2.StoredEntry(host)
	err := t.s.put(words(t.l2), host)
	clear(t.l2)
	return err
}

// finish writes all that is left. The refcounts count themselves, too.
func (t *qcow2Tables) finish() error {
	if err := t.flush(); err != nil {
		return err
	}
	blocks, tables := int64(0), int64(0)
	for {
		all := t.used + blocks + tables
		b := (all + perRefBlock - 1) / perRefBlock
		n := (8*b + cluster - 1) / cluster
		if b == blocks && n == tables {
			break
		}
		blocks, tables = b, n
	}
	table := t.take(tables)
	block := t.take(blocks)
	t.header.RefcountTableOffset = uint64(table)
	t.header.RefcountTableClusters = uint32(tables)
	places := make([]uint64, blocks)
	b := make([]byte, cluster)
	for i := range places {
		places[i] = uint64(block + int64(i)*cluster)
		clear(b)
		for n := range min(perRefBlock, t.used-int64(i)*perRefBlock) {
			count := uint16(1)
			if t.count != nil {
				count = t.count[int64(i)*perRefBlock+n]
			}
			binary.BigEndian.PutUint16(b[2*n:], count)
		}
		if err := t.s.put(b, int64(places[i])); err != nil {
			return err
		}
	}
	if err := t.s.put(words(places), table); err != nil {
		return err
	}
	if err := t.s.put(words(t.l1), int64(t.header.L1TableOffset)); err != nil {
		return err
	}
	if err := t.s.put(qcow2.HeaderLayout.Encode(&t.header), 0); err != nil {
		return err
	}
	return t.s.file.Truncate(t.used * cluster)
}

func words(list []uint64) []byte {
	b := make([]byte, 0, 8*len(list))
	for _, w := range list {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

func writeQCOW2(s *stream) error {
	t := newQCOW2(s)
	err := s.run(steps{length: 16 * cluster, take: func(p *piece) error {
		if err := t.turn(p.at); err != nil {
			return err
		}
		for i := int64(0); i < int64(len(p.data)); i += cluster {
			if b := p.data[i : i+cluster]; !zero(b) {
				host := t.take(1)
				p.put(b, host)
				t.set(p.at+i, qcow2.StoredEntry(host))
			}
		}
		return nil
	}})
	if err != nil {
		return err
	}
	return t.finish()
}
