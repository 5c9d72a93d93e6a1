package btrfs

// Tree is one of the trees of a filesystem.
type Tree struct {
	ID    uint64 // its object ID
	At    uint64 // the offset of its root item's key: the transaction that made a snapshot, mostly 0
	Root  uint64 // logical address of its first node
	Level uint8
	Item  RootItem // zero for those that the superblock names
	// Where a subvolume has its name, as its root_backref says; Parent is 0
	// for one that has none.
	Parent, Dir uint64
	Label       string
}

// Name names the tree for a person.
func (t *Tree) Name() string { return TreeName(t.ID) }

// HasFiles tells whether the tree is one of inodes and their names.
func (t *Tree) HasFiles() bool { return IsSubvolume(t.ID) || t.ID == DataRelocTree }

// readTrees reads the root tree, and the list of the log's trees.
func (fs *FS) readTrees() error {
	if err := fs.listTrees(fs.trees[0]); err != nil {
		return err
	}
	for _, t := range fs.trees {
		fs.byID[t.ID] = t
	}
	err := fs.Range(fs.trees[0], Key{ObjectID: FirstFree, Type: RootBackrefKey}, maxKey, func(r Record) (bool, error) {
		t := fs.byID[r.Key.ObjectID]
		if r.Key.Type != RootBackrefKey || t == nil || t.Parent != 0 {
			return true, nil
		}
		ref, name, ok := DecodeRootRef(r.Data)
		if !ok {
			return false, wrong(r.Offset(), "a root_backref of %d bytes", len(r.Data))
		}
		t.Parent, t.Dir, t.Label = r.Key.Offset, ref.DirID, name
		return true, nil
	})
	if err != nil || fs.SB.LogRoot == 0 {
		return err
	}
	log := &Tree{ID: TreeLog, Root: fs.SB.LogRoot, Level: fs.SB.LogRootLevel}
	fs.trees = append(fs.trees, log)
	return fs.listTrees(log)
}

// listTrees enters the trees that the items of another name.
func (fs *FS) listTrees(of *Tree) error {
	return fs.Range(of, Key{}, maxKey, func(r Record) (bool, error) {
		if r.Key.Type != RootItemKey {
			return true, nil
		}
		t := &Tree{ID: r.Key.ObjectID, At: r.Key.Offset, Item: RootItemLayout.Decode(r.Data)}
		t.Root, t.Level = t.Item.Bytenr, t.Item.Level
		f, _ := RootItemLayout.Named("level")
		switch {
		case len(r.Data) < f.End():
			return false, wrong(r.Offset(), "a root_item of %d bytes", len(r.Data))
		case t.Level > MaxLevel:
			return false, wrong(r.Offset(), "a tree of level %d", t.Level)
		}
		if t.Item.Generation != t.Item.GenerationV2 {
			// An older kernel has written it since: what came later is void.
			t.Item.UUID, t.Item.ParentUUID, t.Item.ReceivedUUID = [16]byte{}, [16]byte{}, [16]byte{}
		}
		fs.trees = append(fs.trees, t)
		return true, nil
	})
}

// DecodeRootRef reads a root_ref or root_backref with its name.
func DecodeRootRef(b []byte) (ref RootRef, name string, ok bool) {
	if len(b) < RootRefLayout.Size() {
		return ref, "", false
	}
	ref = RootRefLayout.Decode(b)
	b = b[RootRefLayout.Size():]
	if int(ref.NameLen) > len(b) {
		return ref, "", false
	}
	return ref, string(b[:ref.NameLen]), true
}
