package qcow2

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Extension is one header extension.
type Extension struct {
	Type   uint32
	Offset int64 // of its data, in bytes of the file
	Data   []byte
}

// preamble is what the first cluster holds.
type preamble struct {
	header      Header
	raw         []byte // the header's bytes
	extensions  []Extension
	backingName string // the backing file's name; empty where there is none
	warnings    []string
}

// readAll fills b from offset off. Bytes past the end of the file are an error.
func readAll(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errors.New("the file ends there")
	}
	return fmt.Errorf("read byte %d: %w", off+int64(n), err)
}

// decodePreamble reads the header, its extensions and the backing file's name.
func decodePreamble(file container.Disk) (*preamble, error) {
	raw := make([]byte, HeaderLayout.Size())
	n, err := file.ReadAt(raw, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n < HeaderLengthV2 {
		return nil, fmt.Errorf("the header is cut off after %d bytes", n)
	}
	p := &preamble{header: HeaderLayout.Decode(raw[:n])}
	h := &p.header
	length := HeaderLengthV2
	switch {
	case h.Magic != Magic:
		return nil, fmt.Errorf("magic is 0x%08x, not that of qcow2", h.Magic)
	case h.Version != 2 && h.Version != 3:
		return nil, fmt.Errorf("version %d of qcow2 is not known, only 2 and 3 are", h.Version)
	case h.ClusterBits < MinClusterBits || h.ClusterBits > MaxClusterBits:
		return nil, fmt.Errorf("cluster_bits is %d, not %d to %d", h.ClusterBits, MinClusterBits, MaxClusterBits)
	}
	cluster := int64(1) << h.ClusterBits
	if h.Version == 2 {
		*h = HeaderLayout.Decode(raw[:HeaderLengthV2])
		h.RefcountOrder, h.HeaderLength = 4, HeaderLengthV2
	} else {
		if n < HeaderLengthV3 || h.HeaderLength < HeaderLengthV3 || h.HeaderLength%8 != 0 || int64(h.HeaderLength) > cluster {
			return nil, fmt.Errorf("header_length is %d, not a multiple of 8 from %d to %d", h.HeaderLength, HeaderLengthV3, cluster)
		}
		length = min(n, int(h.HeaderLength))
		*h = HeaderLayout.Decode(raw[:length])
	}
	p.raw = raw[:length]
	if err := p.readExtensions(file, cluster); err != nil {
		return nil, err
	}
	if err := p.check(file.Size()); err != nil {
		return nil, err
	}
	if err := p.readBacking(file, cluster); err != nil {
		return nil, err
	}
	return p, nil
}

// readExtensions reads what stands between the header and the backing file's
// name, or the end of the first cluster.
func (p *preamble) readExtensions(file container.Disk, cluster int64) error {
	end := min(cluster, file.Size())
	if o := p.header.BackingFileOffset; o != 0 && o < uint64(end) {
		end = int64(o)
	}
	head := make([]byte, ExtensionHeaderLayout.Size())
	size := int64(len(head))
	for at := int64(p.header.HeaderLength); at+size <= end; {
		if err := readAll(file, head, at); err != nil {
			return fmt.Errorf("header extension: %w", err)
		}
		e := ExtensionHeaderLayout.Decode(head)
		if e.Type == ExtEnd {
			return nil
		}
		if int64(e.Length) > end-at-size {
			return fmt.Errorf("header extension 0x%08x at byte %d is %d bytes long and does not fit before byte %d", e.Type, at, e.Length, end)
		}
		if len(p.extensions) == maxExtensions {
			p.warn("header extensions from byte %d on are not looked at: there are more than %d", at, maxExtensions)
			return nil
		}
		x := Extension{Type: e.Type, Offset: at + size, Data: make([]byte, e.Length)}
		if err := readAll(file, x.Data, x.Offset); err != nil {
			return fmt.Errorf("header extension: %w", err)
		}
		if e.Type != 0 && p.extension(e.Type) != nil {
			p.warn("header extension 0x%08x at byte %d is there twice: the first one counts", e.Type, at)
		}
		p.extensions = append(p.extensions, x)
		at = x.Offset + (int64(e.Length)+7)/8*8
	}
	return nil
}

func (p *preamble) extension(kind uint32) *Extension {
	for i := range p.extensions {
		if p.extensions[i].Type == kind {
			return &p.extensions[i]
		}
	}
	return nil
}

// check refuses what cannot be read and warns of what is doubtful.
func (p *preamble) check(fileSize int64) error {
	h := &p.header
	if unknown := h.IncompatibleFeatures &^ knownIncompatible; unknown != 0 {
		return fmt.Errorf("needs features that are not known: %s", strings.Join(p.featureNames(0, unknown), ", "))
	}
	switch h.CryptMethod {
	case CryptNone:
	case CryptAES:
		return errors.New("is encrypted with AES, which is not read: decrypt it with `qemu-img convert`")
	case CryptLUKS:
		return errors.New("is encrypted with LUKS, which is not read: decrypt it with `qemu-img convert`")
	default:
		return fmt.Errorf("is encrypted by the unknown method %d", h.CryptMethod)
	}
	packed := h.IncompatibleFeatures&FeatureCompression != 0
	extended := h.IncompatibleFeatures&FeatureExtendedL2 != 0
	switch {
	case h.CompressionType > CompressionZstd:
		return fmt.Errorf("compression_type %d is not known", h.CompressionType)
	case packed != (h.CompressionType != CompressionZlib):
		return fmt.Errorf("compression_type is %d, but the feature bit for it says otherwise", h.CompressionType)
	case extended && h.ClusterBits < MinExtendedBits:
		return fmt.Errorf("cluster_bits is %d, but extended L2 entries need at least %d", h.ClusterBits, MinExtendedBits)
	case h.RefcountOrder > 6:
		return fmt.Errorf("refcount_order is %d, not 0 to 6", h.RefcountOrder)
	case h.Size > math.MaxInt64-1<<MaxClusterBits:
		return fmt.Errorf("size is %d bytes, more than a file can have", h.Size)
	case int64(h.L1Size)*8 > MaxL1Bytes:
		return fmt.Errorf("l1_size is %d entries, more than %d bytes", h.L1Size, MaxL1Bytes)
	}
	perTable := tableCover(h.ClusterBits, extended)
	if need := (h.Size + perTable - 1) / perTable; uint64(h.L1Size) < need {
		return fmt.Errorf("l1_size is %d entries, but a disk of %d bytes needs %d", h.L1Size, h.Size, need)
	}
	cluster := uint64(1) << h.ClusterBits
	switch {
	case h.L1Size > 0 && h.L1TableOffset%cluster != 0:
		return fmt.Errorf("l1_table_offset is byte %d, not the beginning of a cluster", h.L1TableOffset)
	case h.L1Size > 0 && (h.L1TableOffset > uint64(fileSize) || uint64(h.L1Size)*8 > uint64(fileSize)-h.L1TableOffset):
		return fmt.Errorf("the L1 table at byte %d reaches past the end of the file, byte %d", h.L1TableOffset, fileSize)
	case h.RefcountTableOffset%cluster != 0 || h.RefcountTableOffset >= uint64(fileSize) || uint64(h.RefcountTableClusters)*cluster > uint64(fileSize)-h.RefcountTableOffset:
		p.warn("the refcount table at byte %d reaches past the end of the file or begins within a cluster", h.RefcountTableOffset)
	}
	if h.IncompatibleFeatures&FeatureDirty != 0 {
		p.warn("the image is marked as dirty: it was not closed, and its refcounts may be wrong")
	}
	if h.IncompatibleFeatures&FeatureCorrupt != 0 {
		p.warn("the image is marked as corrupt: any of its structures may be wrong; see `qemu-img check`")
	}
	bitmaps := p.extension(ExtBitmaps)
	switch {
	case bitmaps == nil && h.AutoclearFeatures&AutoclearBitmaps != 0:
		p.warn("autoclear_features speaks of bitmaps, but there are none")
	case bitmaps != nil && h.AutoclearFeatures&AutoclearBitmaps == 0:
		p.warn("the bitmaps are inconsistent: a program that does not know them has written to the image")
	}
	return nil
}

// featureNames names the bits of a feature field as the image's own feature
// name table has them.
func (p *preamble) featureNames(kind uint8, bits uint64) []string {
	names := make(map[uint8]string)
	if x := p.extension(ExtFeatureNames); x != nil {
		for b := x.Data; len(b) >= FeatureLayout.Size(); b = b[FeatureLayout.Size():] {
			if f := FeatureLayout.Decode(b); f.Type == kind {
				names[f.Bit] = field.ShowText(f.Name[:])
			}
		}
	}
	var out []string
	for bit := uint8(0); bit < 64; bit++ {
		if bits>>bit&1 == 0 {
			continue
		}
		name := fmt.Sprintf("bit %d", bit)
		if n := names[bit]; n != "" {
			name += " (" + n + ")"
		}
		out = append(out, name)
	}
	return out
}

// readBacking reads the backing file's name.
func (p *preamble) readBacking(file container.Disk, cluster int64) error {
	h := &p.header
	if h.BackingFileOffset == 0 || h.BackingFileSize == 0 {
		return nil
	}
	if h.BackingFileSize > MaxNameBytes || h.BackingFileOffset > uint64(cluster) || int64(h.BackingFileSize) > cluster-int64(h.BackingFileOffset) {
		return fmt.Errorf("the backing file's name, %d bytes at byte %d, does not fit into the first cluster", h.BackingFileSize, h.BackingFileOffset)
	}
	name := make([]byte, h.BackingFileSize)
	if err := readAll(file, name, int64(h.BackingFileOffset)); err != nil {
		return fmt.Errorf("the backing file's name: %w", err)
	}
	if strings.ContainsRune(string(name), 0) {
		return fmt.Errorf("the backing file's name %q holds a NUL", name)
	}
	p.backingName = string(name)
	return nil
}

func (p *preamble) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}
