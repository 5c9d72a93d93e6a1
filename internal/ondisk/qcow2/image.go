package qcow2

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

const (
	clusterCacheBytes = 4 << 20 // of unpacked clusters that are kept
	maxRun            = 8192    // pieces that NextData joins: it may be asked again from within a run
)

// Options say what an image may read beside its own file. Either function may
// be nil, and an image that needs it is then refused. What they open, the
// image closes.
type Options struct {
	// Backing opens the backing file of that name. The format is that of the
	// image's header extension, or empty.
	Backing func(name, format string) (container.Disk, error)
	// DataFile opens the external data file of that name.
	DataFile func(name string) (container.Disk, error)
}

// Image is an opened image. It is safe for concurrent use.
type Image struct {
	*preamble
	file     container.Disk
	data     container.Disk // that holds the clusters: the file, or the external data file
	backing  container.Disk // nil where there is none
	tables   *tables
	free     chan *unpacker           // nil ones are made when they are needed
	unpacked *cache[int64, []byte]    // clusters, by the place of their compressed bytes
	fields   func() []container.Field // computed once
}

var _ container.Image = (*Image)(nil)

// Open opens the image in file, which Close closes. Where there is an error,
// the caller closes it.
func Open(file container.Disk, opt Options) (_ *Image, err error) {
	p, err := decodePreamble(file)
	if err != nil {
		return nil, err
	}
	d := &Image{preamble: p, file: file, data: file, tables: newTables(file, &p.header)}
	if err := d.tables.checkShared(); err != nil {
		return nil, err
	}
	d.free = make(chan *unpacker, unpackers)
	for range unpackers {
		d.free <- nil
	}
	d.unpacked = newCache[int64, []byte](min(max(2, clusterCacheBytes>>p.header.ClusterBits), 64))
	d.fields = sync.OnceValue(d.metadata)
	if err := d.openBeside(opt); err != nil {
		return nil, err
	}
	return d, nil
}

// openBeside opens the external data file and the backing file.
func (d *Image) openBeside(opt Options) error {
	p := d.preamble
	external := p.header.IncompatibleFeatures&FeatureDataFile != 0
	if external {
		x := p.extension(ExtDataFile)
		if x == nil || len(x.Data) == 0 || len(x.Data) > MaxNameBytes {
			return errors.New("does not name the external data file that it needs")
		}
		name := string(x.Data)
		if opt.DataFile == nil {
			return fmt.Errorf("needs the external data file %q", name)
		}
		data, err := opt.DataFile(name)
		if err != nil {
			return fmt.Errorf("external data file %q: %w", name, err)
		}
		d.data = data
	}
	if p.backingName == "" {
		return nil
	}
	format := ""
	if x := p.extension(ExtBackingFormat); x != nil && len(x.Data) <= MaxNameBytes {
		format = string(x.Data)
	}
	err := fmt.Errorf("needs the backing file %q", p.backingName)
	if opt.Backing != nil {
		if d.backing, err = opt.Backing(p.backingName, format); err == nil {
			return nil
		}
		d.backing = nil
		err = fmt.Errorf("backing file %q: %w", p.backingName, err)
	}
	if external {
		d.data.Close()
	}
	return err
}

// Format is "qcow2".
func (d *Image) Format() string { return "qcow2" }

// Size is the virtual disk's length in bytes.
func (d *Image) Size() int64 { return d.tables.size }

// Warnings lists what is doubtful in the header.
func (d *Image) Warnings() []string { return d.warnings }

// Header is the decoded header.
func (d *Image) Header() Header { return d.header }

// Close closes the file, the backing file and the external data file.
func (d *Image) Close() error {
	for range unpackers {
		if u := <-d.free; u != nil {
			u.close()
		}
	}
	err := d.file.Close()
	if d.data != d.file {
		err = errors.Join(err, d.data.Close())
	}
	if d.backing != nil {
		err = errors.Join(err, d.backing.Close())
	}
	return err
}

// packedRead is a part of a compressed cluster that is to be read.
type packedRead struct {
	extent
	into []byte
}

// ReadAt reads from the virtual disk. Its errors name the place on the disk
// and the place in the file.
func (d *Image) ReadAt(b []byte, off int64) (int, error) {
	switch {
	case off < 0:
		return 0, fmt.Errorf("read at the negative offset %d", off)
	case off >= d.Size():
		return 0, io.EOF
	}
	var eof error
	if int64(len(b)) > d.Size()-off {
		b, eof = b[:d.Size()-off], io.EOF
	}
	var later []packedRead
	for at, end := off, off+int64(len(b)); at < end; {
		x, err := d.tables.extent(at, end)
		if err != nil {
			return 0, err
		}
		into := b[at-off:][:x.length]
		switch x.kind {
		case zero:
			clear(into)
		case unallocated:
			err = d.readBehind(into, at)
		case stored:
			err = d.readStored(into, x)
		case packed:
			later = append(later, packedRead{x, into})
		}
		if err != nil {
			return 0, err
		}
		at = x.end()
	}
	if err := d.readPacked(later); err != nil {
		return 0, err
	}
	return len(b), eof
}

// readBehind reads what the image does not hold itself.
func (d *Image) readBehind(b []byte, off int64) error {
	n := 0
	if d.backing != nil && off < d.backing.Size() {
		n = int(min(int64(len(b)), d.backing.Size()-off))
		if err := readAll(d.backing, b[:n], off); err != nil {
			return fmt.Errorf("byte %d of the disk, from the backing file %q: %w", off, d.backingName, err)
		}
	}
	clear(b[n:])
	return nil
}

func (d *Image) readStored(b []byte, x extent) error {
	if size := d.data.Size(); x.host > size-int64(len(b)) {
		return fmt.Errorf("byte %d of the disk: its data, %d bytes at byte %d of the file, reach past the end of the file, byte %d", x.guest, len(b), x.host, size)
	}
	if err := readAll(d.data, b, x.host); err != nil {
		return fmt.Errorf("byte %d of the disk: %w", x.guest, err)
	}
	return nil
}

// readPacked unpacks clusters, several at once where there are several.
func (d *Image) readPacked(reads []packedRead) error {
	if len(reads) == 1 {
		return d.readOnePacked(reads[0])
	}
	errs := make([]error, len(reads)) // so that the first in order is the one that is told
	var g errgroup.Group
	g.SetLimit(unpackers)
	for i, r := range reads {
		g.Go(func() error {
			errs[i] = d.readOnePacked(r)
			return nil
		})
	}
	_ = g.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Image) readOnePacked(r packedRead) error {
	if int64(len(r.into)) == d.tables.cluster() {
		return d.unpack(r.into, r.extent) // whoever reads it whole reads on
	}
	b, err := d.unpacked.get(r.host, func() ([]byte, error) {
		b := make([]byte, d.tables.cluster())
		return b, d.unpack(b, r.extent)
	})
	if err != nil {
		return err
	}
	copy(r.into, b[r.guest&(d.tables.cluster()-1):])
	return nil
}

// unpack fills b with a compressed cluster. The last of its sectors may reach
// past the end of the file.
func (d *Image) unpack(b []byte, x extent) error {
	n := min(x.bytes, d.file.Size()-x.host)
	if n <= 0 {
		return fmt.Errorf("byte %d of the disk: its compressed data at byte %d of the file lie past the end of the file, byte %d", x.guest, x.host, d.file.Size())
	}
	u := <-d.free
	defer func() { d.free <- u }()
	var err error
	if u == nil {
		if u, err = newUnpacker(d.header.CompressionType); err != nil {
			return err
		}
	}
	if err := u.unpack(b, io.NewSectionReader(d.file, x.host, n)); err != nil {
		return fmt.Errorf("byte %d of the disk: its compressed data, %d bytes at byte %d of the file, are damaged: %w", x.guest, n, x.host, err)
	}
	return nil
}

// NextData finds data by the tables, and where the file has holes in its
// clusters (preallocated ones), by the file.
func (d *Image) NextData(off int64) (start, end int64, err error) {
	size := d.Size()
	var seen span
	for at := max(off, 0); at < size; {
		x, err := d.tables.extent(at, size)
		if err != nil {
			return 0, 0, err
		}
		start, end, err := d.dataIn(x, &seen)
		if err != nil {
			return 0, 0, err
		}
		at = x.end()
		if start == end {
			continue
		}
		for n := 0; n < maxRun && end == at && at < size; n++ {
			x, err := d.tables.extent(at, size)
			if err != nil {
				break // an error is one when it is that place's turn
			}
			next, to, err := d.dataIn(x, &seen)
			if err != nil || next != end || next == to {
				break
			}
			at, end = x.end(), to
		}
		return start, end, nil
	}
	return size, size, nil
}

// span is a range of the file that is known to hold data.
type span struct{ start, end int64 }

// dataIn is the first part of an extent that may hold anything but zeros;
// start == end where there is none. What is learnt of the file's holes is kept
// in seen.
func (d *Image) dataIn(x extent, seen *span) (start, end int64, err error) {
	switch x.kind {
	case packed:
		return x.guest, x.end(), nil
	case unallocated:
		if d.backing == nil || x.guest >= d.backing.Size() {
			break
		}
		start, end, err = d.backing.NextData(x.guest)
		if err != nil {
			return 0, 0, fmt.Errorf("backing file %q: %w", d.backingName, err)
		}
		if start < end && start < x.end() {
			return start, min(end, x.end()), nil
		}
	case stored:
		if x.host > d.data.Size()-x.length || x.host >= seen.start && x.host+x.length <= seen.end {
			return x.guest, x.end(), nil // reading past the file's end is an error, not a hole
		}
		start, end, err = d.data.NextData(x.host)
		if err != nil {
			return 0, 0, fmt.Errorf("byte %d of the disk: %w", x.guest, err)
		}
		*seen = span{start, end}
		if start < end && start < x.host+x.length {
			return x.guest + start - x.host, min(x.end(), x.guest+end-x.host), nil
		}
	}
	return x.guest, x.guest, nil
}
