package squashfs

// fragment is struct squashfs_fragment_entry: a block that holds the ends of
// several files.
type fragment struct {
	start int64
	size  uint32 // with the bit for a block that is not packed
}

// readTable calls entry with each of count entries of the given size. The
// table at off is a list of the places of metadata blocks.
func (fs *FS) readTable(off int64, count, size int, entry func(b []byte)) error {
	per := MetadataSize / size
	where := make([]byte, 8)
	for i := 0; i < count; i += per {
		if err := fs.readAt(where, off+int64(i/per)*8); err != nil {
			return err
		}
		m, err := fs.metaAt(int64(le.Uint64(where)))
		if err != nil {
			return err
		}
		n := min(per, count-i)
		if len(m.data) < n*size {
			return wrong(int64(le.Uint64(where)), "a table's block of %d bytes, not %d", len(m.data), n*size)
		}
		for j := range n {
			entry(m.data[j*size:][:size])
		}
	}
	return nil
}

func (fs *FS) readIDs() error {
	return fs.readTable(int64(fs.sb.IDTableStart), int(fs.sb.NoIDs), 4, func(b []byte) {
		fs.ids = append(fs.ids, le.Uint32(b))
	})
}

func (fs *FS) readFragments() error {
	if fs.sb.Fragments == 0 {
		return nil
	}
	if int64(fs.sb.Fragments) > fs.size {
		return wrong(16, "%d fragments cannot fit", fs.sb.Fragments)
	}
	return fs.readTable(int64(fs.sb.FragmentTableStart), int(fs.sb.Fragments), 16, func(b []byte) {
		fs.fragments = append(fs.fragments, fragment{int64(le.Uint64(b)), le.Uint32(b[8:])})
	})
}

func (fs *FS) id(i uint16, at int64) (uint32, error) {
	if int(i) >= len(fs.ids) {
		return 0, wrong(at, "an owner with index %d of %d", i, len(fs.ids))
	}
	return fs.ids[i], nil
}
