package normalize

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
)

// derive gives everything identifiers that follow from what it holds. Those of
// a filesystem follow from its tree, in which old identifiers count as zeros;
// those of the table from what it says besides, and from the filesystems.
func (d *disk) derive() error {
	d.ids = d.presentIDs()
	if !d.opt.DeriveIDs {
		return nil
	}
	d.refs = &references{new: map[string]string{}}
	// First the old ones, for they are what the digests leave out.
	for _, id := range d.allIDs() {
		d.refs.add(id, id.text)
	}
	digests := map[*volume][32]byte{}
	for _, v := range d.volumes {
		sum, err := d.digest(v)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", d.img.Path(), v.name(), err)
		}
		digests[v] = sum
	}
	d.refs = d.renew(digests)
	for _, n := range d.named {
		if !n.text {
			d.account.Stale = append(d.account.Stale, n.where)
			continue
		}
		n.inode.Content = renamed{n.inode.Content, n.inode.Size, d.refs}
		d.account.References = append(d.account.References, n.where)
	}
	return nil
}

// naming is a file that names an old identifier.
type naming struct {
	where string // for the account
	inode *tree.Inode
	text  bool
}

// presentIDs are those of the table as it is.
func (d *disk) presentIDs() tableIDs {
	ids := tableIDs{partitions: map[int]gpt.GUID{}}
	if d.table.GPT != nil {
		c := d.table.GPT.Active()
		ids.disk = c.Header.DiskGUID
		for _, p := range d.table.GPT.Partitions() {
			ids.partitions[p.Number] = p.UniquePartitionGUID
		}
	}
	if d.table.MBR != nil {
		ids.signature = d.table.MBR.Sector.DiskSignature
	}
	return ids
}

// allIDs are the identifiers that may be named somewhere, those of what is
// kept left out: they stay.
func (d *disk) allIDs() []namedID {
	var out []namedID
	if d.table.Label == split.LabelGPT {
		out = append(out, namedID{"disk GUID", d.ids.disk.String(), formGUID, 0})
		for _, p := range d.table.Partitions {
			out = append(out, namedID{fmt.Sprintf("partition %d GUID", p.Number), d.ids.partitions[p.Number].String(), formGUID, p.Number})
		}
	}
	if d.ids.signature != 0 {
		out = append(out, namedID{"disk signature", fmt.Sprintf("%08x", d.ids.signature), formSignature, 0})
	}
	for _, v := range d.volumes {
		if v.keep != "" {
			continue
		}
		out = append(out, v.identifiers()...)
	}
	return out
}

// identifiers are those of the volume's filesystem, by names that no other
// volume has.
func (v *volume) identifiers() []namedID {
	ids := v.fs.identifiers()
	for i := range ids {
		if ids[i].volume = v.Number; v.Number > 0 {
			ids[i].name = fmt.Sprintf("partition %d %s", v.Number, ids[i].name)
		}
	}
	return ids
}

// renew derives every identifier, sets it, and returns what is to be replaced
// in texts. Identifiers that are the same text stay so, as NixOS has it for the
// root's partition and filesystem: a text that names one does not say which.
func (d *disk) renew(digests map[*volume][32]byte) *references {
	fresh := &references{new: map[string]string{}}
	whole := sha256.New()
	fmt.Fprintf(whole, "reprodisk disk %d %d\n", d.img.Size(), d.table.SectorSize)
	for _, p := range d.table.Partitions {
		fmt.Fprintf(whole, "%d %d %d %s %q\n", p.Number, p.Start, p.Sectors, p.Type, p.Name)
	}
	byNumber := map[int]*volume{}
	for _, v := range d.volumes {
		sum := digests[v]
		whole.Write(sum[:])
		byNumber[v.Number] = v
	}
	base := [32]byte(whole.Sum(nil))
	renamed := map[string]string{} // by name
	for _, id := range d.allIDs() {
		from := base
		if v := byNumber[id.volume]; v != nil { // 0 is a volume where there is no table
			from = digests[v]
		}
		to := derived(purpose(from, id.name), id.form)
		if same, ok := fresh.new[strings.ToLower(id.text)]; ok {
			if to = same; id.form == formGUID || id.form == formSerial {
				to = strings.ToUpper(same)
			}
		}
		renamed[id.name] = to
		fresh.add(id, to)
		d.account.Identifiers = append(d.account.Identifiers, Identifier{id.name, id.text, to})
	}
	for _, v := range d.volumes {
		if v.keep != "" {
			continue
		}
		var texts []string
		for _, id := range v.identifiers() {
			texts = append(texts, renamed[id.name])
		}
		if err := v.fs.setIdentifiers(texts); err != nil {
			panic(err) // they were made in this form
		}
	}
	d.setTableIDs(renamed)
	return fresh
}

func (d *disk) setTableIDs(renamed map[string]string) {
	if d.table.Label == split.LabelGPT {
		d.ids.disk = gpt.MustGUID(renamed["disk GUID"])
		for _, p := range d.table.Partitions {
			d.ids.partitions[p.Number] = gpt.MustGUID(renamed[fmt.Sprintf("partition %d GUID", p.Number)])
		}
	}
	if s, ok := renamed["disk signature"]; ok {
		n, _ := strconv.ParseUint(s, 16, 32)
		d.ids.signature = uint32(n)
	}
}

// purpose is a digest for one identifier of those that follow from the same.
func purpose(from [32]byte, name string) [32]byte {
	return sha256.Sum256(append([]byte(name+"\x00"), from[:]...))
}

// digest is the SHA-256 of what a volume shows, times clamped and old
// identifiers masked; of what is kept, of its bytes.
func (d *disk) digest(v *volume) (sum [32]byte, err error) {
	h := sha256.New()
	progress := d.opt.stage("digesting " + v.name())
	progress(0, 0)
	if v.keep != "" {
		err = d.eachPiece(v.Offset, min(v.Offset+v.Length, d.img.Size()), func(at int64, b []byte) error {
			progress(at-v.Offset, v.Length)
			hashZeroless(h, at-v.Offset, b)
			return nil
		})
		return [32]byte(h.Sum(nil)), err
	}
	var done int64
	numbers := map[*tree.Inode]int{}
	err = v.fs.root().Walk(func(path string, n *tree.Node) error {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		if k, ok := numbers[n.Inode]; ok {
			fmt.Fprintf(h, "%q link %d\n", path, k)
			return nil
		}
		numbers[n.Inode] = len(numbers)
		mtime := n.Mtime
		if mtime.After(d.opt.Epoch) {
			mtime = d.opt.Epoch
		}
		fmt.Fprintf(h, "%q %o %d %d %d.%d %d %q %d:%d %x %x %q\n", path, n.Mode, n.UID, n.GID, mtime.Sec, mtime.Nsec, n.Size, n.Target, n.Major, n.Minor, n.Flags, n.DOS, n.Xattrs)
		if n.Type() != tree.Regular || n.Size == 0 {
			return nil
		}
		names, text, err := d.digestContent(h, n.Inode)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if names {
			d.named = append(d.named, naming{strings.TrimPrefix(fmt.Sprintf("partition %d: %s", v.Number, path), "partition 0: "), n.Inode, text})
		}
		done += n.Size
		progress(done, 0)
		return nil
	})
	return [32]byte(h.Sum(nil)), err
}

// digestContent tells whether a file names an old identifier, and whether it
// is a text, in which that can be changed.
func (d *disk) digestContent(h hash.Hash, n *tree.Inode) (names, text bool, err error) {
	if n.Size <= maxText {
		b, err := readText(n.Content, n.Size)
		if err != nil {
			return false, false, err
		}
		if isText(b) {
			names, text = d.refs.replace(b, true), true
		} else {
			d.refs.each(b, func(int, string) { names = true })
		}
		hashZeroless(h, 0, b)
		return names, text, nil
	}
	const overlap = 64 // longer than any identifier
	var before []byte
	err = eachData(n, func(at int64, b []byte) error {
		if !names {
			joint := append(before, b[:min(len(b), overlap)]...)
			d.refs.each(joint, func(int, string) { names = true })
			d.refs.each(b, func(int, string) { names = true })
			before = bytes.Clone(b[max(0, len(b)-overlap):])
		}
		hashZeroless(h, at, b)
		return nil
	})
	return names, false, err
}

// hashZeroless hashes the blocks that hold more than zeros, with their places,
// so that holes cost nothing and zeros count as holes.
func hashZeroless(h hash.Hash, at int64, b []byte) {
	for len(b) > 0 {
		n := min(len(b), block-int(at%block))
		if !zeros(b[:n]) {
			var place [8]byte
			binary.LittleEndian.PutUint64(place[:], uint64(at))
			h.Write(place[:])
			h.Write(b[:n])
		}
		b, at = b[n:], at+int64(n)
	}
}

// eachData reads a file past its holes.
func eachData(n *tree.Inode, visit func(at int64, b []byte) error) error {
	f, err := n.Content.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, piece)
	sparse, _ := f.(tree.Sparse)
	for off := int64(0); off < n.Size; {
		start, end := off, n.Size
		if sparse != nil {
			if start, end, err = sparse.NextData(off); err != nil {
				return err
			}
			start -= start % block
		}
		for start < end {
			b := buf[:min(piece, end-start)]
			if _, err := f.ReadAt(b, start); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if err := visit(start, b); err != nil {
				return err
			}
			start += int64(len(b))
		}
		off = max(end, off+1)
	}
	return nil
}
