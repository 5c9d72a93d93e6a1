package normalize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Features that a tree has a place for, or that are only a way of storing it.
// With any other, something would be lost.
const (
	knownCompat = ext4.CompatDirPrealloc | ext4.CompatHasJournal | ext4.CompatExtAttr | ext4.CompatResizeInode | ext4.CompatDirIndex |
		ext4.CompatLazyBg | ext4.CompatSparseSuper2 | ext4.CompatFastCommit | ext4.CompatOrphanFile
	knownIncompat = ext4.IncompatFiletype | ext4.IncompatMetaBg | ext4.IncompatExtents | ext4.Incompat64bit | ext4.IncompatFlexBg |
		ext4.IncompatEaInode | ext4.IncompatCsumSeed | ext4.IncompatLargedir | ext4.IncompatInlineData
	knownRoCompat = ext4.RoCompatSparseSuper | ext4.RoCompatLargeFile | ext4.RoCompatBtreeDir | ext4.RoCompatHugeFile | ext4.RoCompatGdtCsum |
		ext4.RoCompatDirNlink | ext4.RoCompatExtraIsize | ext4.RoCompatBigalloc | ext4.RoCompatMetadataCsum
)

// ext4Volume is an ext4 filesystem on its way.
type ext4Volume struct {
	tree    *tree.Node
	options mkext4.Options
}

// readExt4 reads a filesystem, or says why it has to stay as it is.
func readExt4(ctx context.Context, r io.ReaderAt, size int64) (*ext4Volume, error) {
	fs, err := ext4.Open(r, size)
	var p *ext4.Problem
	if errors.As(err, &p) {
		return nil, cannotf("it is damaged: byte %d: %s", p.Offset, p.Text)
	}
	if err != nil {
		return nil, err
	}
	if err := mayRewriteExt4(fs, r); err != nil {
		return nil, err
	}
	root, problems, err := fs.Tree(ctx)
	switch {
	case errors.As(err, &p):
		return nil, cannotf("it is damaged: byte %d: %s", p.Offset, p.Text)
	case err != nil:
		return nil, err
	case len(problems) > 0:
		return nil, cannotf("it is damaged: byte %d: %s", problems[0].Offset, problems[0].Text)
	}
	return &ext4Volume{root, ext4Options(fs, size)}, nil
}

// mayRewriteExt4 says why a filesystem has to stay as it is.
func mayRewriteExt4(fs *ext4.FS, r io.ReaderAt) error {
	sb := fs.Superblock()
	if w := fs.Warnings(); len(w) > 0 {
		return cannotf("it is damaged: byte %d: %s", w[0].Offset, w[0].Text)
	}
	if sb.FeatureIncompat&ext4.IncompatRecover != 0 {
		return cannotf("its journal was not replayed: run e2fsck -fp on it, or unmount it before it is copied")
	}
	if sb.State&ext4.ValidFS == 0 || sb.State&ext4.ErrorFS != 0 || sb.LastOrphan != 0 || sb.FeatureRoCompat&ext4.RoCompatOrphanPresent != 0 {
		return cannotf("it was not unmounted, or is damaged: run e2fsck -fp on it")
	}
	var lost []string
	lost = append(lost, ext4.CompatNames(sb.FeatureCompat&^knownCompat)...)
	lost = append(lost, ext4.IncompatNames(sb.FeatureIncompat&^knownIncompat)...)
	lost = append(lost, ext4.RoCompatNames(sb.FeatureRoCompat&^knownRoCompat)...)
	if len(lost) > 0 {
		return cannotf("what its features hold would be lost: %s", strings.Join(lost, ", "))
	}
	if sb.UUID == [16]byte{} {
		return cannotf("it has no UUID")
	}
	boot := make([]byte, ext4.SuperblockOffset)
	if _, err := r.ReadAt(boot, 0); err != nil {
		return err
	}
	if !zeros(boot) {
		return cannotf("a boot loader stands in its first sectors, which may find its files by block numbers")
	}
	return nil
}

// ext4Options are those under which the filesystem is the same to whoever
// mounts it.
func ext4Options(fs *ext4.FS, size int64) mkext4.Options {
	sb := fs.Superblock()
	reserved := uint64(sb.RBlocksCountHi)<<32 | uint64(sb.RBlocksCountLo)
	percent := 0
	if n := fs.Blocks(); n > 0 {
		percent = int(min((reserved*100+n/2)/n, 50))
	}
	opt := mkext4.Options{
		Size: size, UUID: sb.UUID, HashSeed: sb.HashSeed, Label: string(bytes.TrimRight(sb.VolumeName[:], "\x00")),
		ReservedPercent: &percent, Inodes: sb.InodesCount, Errors: sb.Errors, MountOptions: &sb.DefaultMountOpts,
		NoJournal: sb.FeatureCompat&ext4.CompatHasJournal == 0,
	}
	if alg := ext4.HashVersion(sb.DefHashVersion); alg == ext4.HashTEA {
		opt.HashAlg = alg
	}
	if i := strings.IndexByte(opt.Label, 0); i >= 0 {
		opt.Label = opt.Label[:i]
	}
	if opt.HashSeed == [16]byte{} {
		opt.HashSeed = opt.UUID
	}
	if opt.Errors < ext4.ErrorsContinue || opt.Errors > ext4.ErrorsPanic {
		opt.Errors = ext4.ErrorsContinue
	}
	return opt
}

func (v *ext4Volume) root() *tree.Node { return v.tree }

func (v *ext4Volume) identifiers() []namedID {
	return []namedID{
		{"filesystem UUID", uuidText(v.options.UUID), formUUID, 0},
		{"directory hash seed", uuidText(v.options.HashSeed), formUUID, 0},
	}
}

func (v *ext4Volume) setIdentifiers(texts []string) error {
	for i, to := range []*[16]byte{&v.options.UUID, &v.options.HashSeed} {
		id, err := parseUUID(texts[i])
		if err != nil {
			return err
		}
		*to = id
	}
	return nil
}

func (v *ext4Volume) write(ctx context.Context, w io.WriterAt, opt Options, progress func(done, total int64)) (string, error) {
	o := v.options
	o.Epoch, o.Progress = opt.Epoch, progress
	if _, err := mkext4.Plan(v.tree, o); err != nil {
		return "", cannotf("%s", strings.TrimPrefix(err.Error(), "ext4: "))
	}
	clamped := clamp(v.tree, opt.Epoch, opt.KeepTimes)
	info, err := mkext4.Write(ctx, w, v.tree, o)
	var full *mkext4.NoSpaceError
	if errors.As(err, &full) {
		return "", cannotf("written anew, in blocks of %d bytes, it would need %d bytes more than it has", blockSizeExt4, full.Missing)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d files and folders, %d of them changed after the epoch", info.TreeInodes-ownInodes, clamped), nil
}

const (
	blockSizeExt4 = 4096 // mkext4's, in bytes
	ownInodes     = 11   // of a filesystem that holds nothing but lost+found
)
