package probe

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files of testdata/images are images that the formats' own tools made,
// reduced to the sectors that matter for their names. They stand for tools
// that are too large, or too rare, to be called by the tests. A file is
// base64 of gzip of: the image's size in bytes as a uvarint, then for each
// kept sector of 512 bytes its number as a uvarint and its bytes.
//
// What is expected of each is what blkid of util-linux 2.38.1 said about the
// whole image (blkid writes "M-CM-$" for "ä" where the locale is C).
var fixtures = []struct {
	file string
	made string // the command, of Debian 12
	want Info
}{
	{"xfs", "mkfs.xfs -L xfslabel", Info{"xfs", "xfslabel", "30c0c6d8-67c6-4d98-8fac-cfe80371ee72", ""}},
	{"btrfs", "mkfs.btrfs -L 'btrfs label'", Info{"btrfs", "btrfs label", "2a82bbb6-5452-4503-94c5-1319ec250fdf", ""}},
	{"f2fs", "mkfs.f2fs -l 'f2fs läbel'", Info{"f2fs", "f2fs läbel", "41a9aa8e-96fa-4b28-9440-ee36c6168725", "1.15"}},
	{"erofs", "mkfs.erofs", Info{"erofs", "", "b586947a-b2dd-4c8c-9d7f-a9b432ba2b79", ""}},
	{"nilfs2", "mkfs.nilfs2 -L nilfslabel", Info{"nilfs2", "nilfslabel", "7c745a87-abc6-4d87-a367-17fd87861202", "2"}},
	{"exfat", "mkfs.exfat -L exfät", Info{"exfat", "exfät", "FFBC-3F6D", "1.0"}},
	{"ntfs", "mkfs.ntfs -Q -L 'ntfs läbel'", Info{"ntfs", "ntfs läbel", "1382599F5E8D1FA6", ""}},
	{"luks1", "cryptsetup luksFormat --type luks1", Info{"crypto_LUKS", "", "01b84037-0e60-43eb-bb94-d85fb3c66d68", "1"}},
	{"luks2", "cryptsetup luksFormat --type luks2 --label lukslabel", Info{"crypto_LUKS", "lukslabel", "0bad8865-9be5-491a-b5f2-17361c8bedc5", "2"}},
	{"luks2second", "the same with its first 4096 bytes overwritten", Info{"crypto_LUKS", "lukslabel", "0bad8865-9be5-491a-b5f2-17361c8bedc5", "2"}},
	{"cramfs", "mkfs.cramfs -n crlabel", Info{"cramfs", "crlabel", "", ""}},
	{"cramfsbe", "mkfs.cramfs -N big -n crbe", Info{"cramfs", "crbe", "", ""}},
	{"verity", "veritysetup format", Info{"DM_verity_hash", "", "cfed89e2-ca92-4d8c-a932-4d3bd77e7044", "1"}},
	{"lvm2", "lvm pvcreate", Info{"LVM2_member", "", "213Duv-alLi-WA4O-Rg1v-jIVs-T11x-w7dFVZ", "LVM2 001"}},
	{"iso", "genisoimage -V ISOLABEL", Info{"iso9660", "ISOLABEL", "2026-11-23-13-27-29-00", ""}},
	{"isojoliet", "genisoimage -J -r -V 'A label longer than sixteen'", Info{"iso9660", "A label longer than sixteen", "2026-11-23-13-27-30-00", "Joliet Extension"}},
	{"isoudf", "genisoimage -udf -V UDFBRIDGE", Info{"udf", "UDFBRIDGE", "6b043f4200000a60", "1.02"}},
	{"isoxorriso", "xorriso -as mkisofs -V XORLABEL -J -joliet-long", Info{"iso9660", "XORLABEL", "2026-11-23-13-27-30-00", "Joliet Extension"}},
	{"udf", "mkudffs -l 'udf label'", Info{"udf", "udf label", "6b043f6d53527efd", "2.01"}},
	{"udf2048", "mkudffs --utf8 -b 2048 -l Ünï", Info{"udf", "Ünï", "6b043fa76dfa08fe", "2.01"}},
}

func TestImagesOfOtherToolsHaveTheNamesBlkidGave(t *testing.T) {
	for _, f := range fixtures {
		t.Run(f.file, func(t *testing.T) {
			r, size := unpack(t, f.file)
			got, err := Identify(r, size)
			if err != nil || got != f.want {
				t.Errorf("%s: %q, %v, want %q", f.made, got, err, f.want)
			}
		})
	}
}

// sectors is a sparse image in memory.
type sectors struct {
	size int64
	data map[int64][]byte // by number, 512 bytes each
}

func (s sectors) ReadAt(b []byte, off int64) (int, error) {
	n := int64(len(b))
	if off >= s.size {
		return 0, io.EOF
	}
	var err error
	if off+n > s.size {
		n, err = s.size-off, io.EOF
	}
	clear(b[:n])
	for at := off &^ 511; at < off+n; at += 512 {
		if d, ok := s.data[at/512]; ok {
			if at < off {
				copy(b[:n], d[off-at:])
			} else {
				copy(b[at-off:n], d)
			}
		}
	}
	return int(n), err
}

func unpack(t testing.TB, name string) (sectors, int64) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "images", name))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(string(raw))))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(plain)
	size, err := binary.ReadUvarint(r)
	if err != nil {
		t.Fatal(err)
	}
	s := sectors{size: int64(size), data: map[int64][]byte{}}
	for r.Len() > 0 {
		no, err := binary.ReadUvarint(r)
		if err != nil {
			t.Fatal(err)
		}
		d := make([]byte, 512)
		if _, err := io.ReadFull(r, d); err != nil {
			t.Fatal(err)
		}
		s.data[int64(no)] = d
	}
	return s, s.size
}

// A string whose character set is not UDF's says nothing.
func TestAForeignCharacterSetHidesTheIdentifier(t *testing.T) {
	disc, size := unpack(t, "udf2048")
	const primary, charset = 96 * 2048 / 512, 200
	disc.data[primary][charset+1] = 'X'
	var parts []planted
	for no, d := range disc.data {
		parts = append(parts, planted{no * 512, d})
	}
	path := plant(t, size, parts...)
	if got, said := identify(t, path), blkid(t, path); got.UUID != "" || said.UUID != "" || got.Version != said.Version {
		t.Errorf("identified as %q, blkid says %q", got, said)
	}
}
