package normalize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/mkfs/mkfat"
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// fatVolume is a FAT filesystem on its way.
type fatVolume struct {
	tree    *tree.Node
	options mkfat.Options
}

// readFAT reads a filesystem, or says why it has to stay as it is.
func readFAT(ctx context.Context, r io.ReaderAt, size int64) (*fatVolume, error) {
	fs, err := fat.Open(r, size)
	var bad *fat.FormatError
	if errors.As(err, &bad) {
		return nil, cannotf("it is damaged: %s", bad)
	}
	if err != nil {
		return nil, err
	}
	v, err := fs.Scan(ctx)
	switch {
	case errors.As(err, &bad):
		return nil, cannotf("it is damaged: %s", bad)
	case err != nil:
		return nil, err
	case len(v.Problems()) > 0:
		return nil, cannotf("it is damaged, or unusual: %s", v.Problems()[0])
	}
	opt, err := fatOptions(fs, v, r, size)
	if err != nil {
		return nil, err
	}
	return &fatVolume{v.Tree(), opt}, nil
}

// fatOptions are those under which the filesystem is the same to whoever
// mounts it or boots from it.
func fatOptions(fs *fat.FS, v *fat.Volume, r io.ReaderAt, size int64) (mkfat.Options, error) {
	sector := make([]byte, 512)
	if _, err := r.ReadAt(sector, 0); err != nil {
		return mkfat.Options{}, err
	}
	opt := mkfat.Options{
		Size: size, Type: fs.Variant, SectorSize: int(fs.SectorSize), SectorsPerCluster: int(fs.ClusterSize / fs.SectorSize), Label: v.Label,
	}
	var bpb fat.BPB
	var ext fat.Extended
	if fs.Variant == fat.FAT32 {
		bs := fat.BootSector32Layout.Decode(sector)
		bpb, ext, opt.BootCode = bs.BPB, bs.Extended, bs.BootCode[:]
	} else {
		bs := fat.BootSector16Layout.Decode(sector)
		bpb, ext, opt.BootCode = bs.BPB, bs.Extended, bs.BootCode[:]
	}
	opt.HiddenSectors = bpb.HiddSec
	opt.OEMName = strings.TrimRight(string(bpb.OEMName[:]), " \x00")
	if ext.BootSig == fat.ExtBootSig {
		opt.VolumeID = ext.VolID
	}
	_, syslinux := v.Child(0, "ldlinux.sys")
	if syslinux || strings.HasPrefix(opt.OEMName, "SYSLINUX") {
		return opt, cannotf("SYSLINUX is installed on it, which finds its files by sector numbers")
	}
	return opt, nil
}

func (v *fatVolume) root() *tree.Node { return v.tree }

func (v *fatVolume) identifiers() []namedID {
	return []namedID{{"volume ID", fat.ShowSerial(v.options.VolumeID), formSerial, 0}}
}

func (v *fatVolume) setIdentifiers(texts []string) (err error) {
	v.options.VolumeID, err = parseSerial(texts[0])
	return err
}

func (v *fatVolume) write(ctx context.Context, w io.WriterAt, opt Options, progress func(done, total int64)) (string, error) {
	o := v.options
	o.Epoch, o.Progress = opt.Epoch, progress
	clamped := clamp(v.tree, opt.Epoch, opt.KeepTimes)
	// Nothing is written before it is known to fit.
	started := &started{WriterAt: w}
	info, err := mkfat.Write(ctx, started, v.tree, o)
	switch {
	case err != nil && !started.yes && ctx.Err() == nil:
		return "", cannotf("%s", strings.TrimPrefix(err.Error(), "fat: "))
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("%d files, %d folders, %d of them changed after the epoch", info.Files, info.Directories-1, clamped), nil
}

// started tells whether anything was written.
type started struct {
	io.WriterAt
	yes bool
}

func (s *started) WriteAt(b []byte, off int64) (int, error) {
	s.yes = true
	return s.WriterAt.WriteAt(b, off)
}
