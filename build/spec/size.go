package spec

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// Size is a number of bytes.
type Size int64

// MiB is 2^20 bytes.
const MiB Size = 1 << 20

// maxBytes is the largest size that is taken, 2^60 bytes: the most that ext4
// holds at 4 KiB a block.
const maxBytes = 1 << 60

// sizePattern: digits, perhaps a fraction, perhaps a unit.
var sizePattern = regexp.MustCompile(`^([0-9]*)(?:\.([0-9]+))?(?:([KMGTPE])(?:i|iB)?)?$`)

// ParseSize reads a number of bytes as `numfmt --from=iec` does: the units K,
// M, G, T, P and E are powers of 1024, a fraction is rounded up to a whole
// byte. Ki and KiB and so on mean the same. KB and the like are refused,
// because readers disagree about them.
func ParseSize(text string) (Size, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil || m[1] == "" && m[2] == "" {
		return 0, fmt.Errorf("%q is not a size; write bytes, or a number with K, M, G or T (powers of 1024)", text)
	}
	if len(m[1])+len(m[2]) > 64 {
		return 0, fmt.Errorf("the size %.20s… has too many digits", text)
	}
	digits, fraction := strings.TrimLeft(m[1], "0"), m[2]
	n, _ := new(big.Int).SetString("0"+digits+fraction, 10)
	n.Lsh(n, uint(10*(strings.Index("KMGTPE", m[3])+1)*len(m[3])))
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil)
	n, rest := n.QuoRem(n, scale, new(big.Int))
	if rest.Sign() != 0 {
		n.Add(n, big.NewInt(1))
	}
	if n.Cmp(big.NewInt(maxBytes)) > 0 {
		return 0, fmt.Errorf("the size %s is larger than 1024P, the largest that can be built", text)
	}
	return Size(n.Int64()), nil
}

// DiskSize is how large the image is: a number of bytes, a whole number of
// MiB, or as large as its contents need where Auto is set.
type DiskSize struct {
	Auto  bool
	Bytes Size
}

// String is "auto" or the number of bytes.
func (d DiskSize) String() string {
	if d.Auto {
		return "auto"
	}
	return fmt.Sprint(int64(d.Bytes))
}

var plainNumber = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// ParseDiskSize reads "auto", a bare number of MiB as make-disk-image has it,
// or a number with a unit as ParseSize reads it.
func ParseDiskSize(text string) (DiskSize, error) {
	if text == "auto" {
		return DiskSize{Auto: true}, nil
	}
	with := text
	if plainNumber.MatchString(text) {
		with += "M"
	} else if !strings.ContainsAny(text, "KMGTPE") {
		return DiskSize{}, fmt.Errorf("%q is not a disk size; write auto, a number of MiB, or a number with M, G or T", text)
	}
	n, err := ParseSize(with)
	switch {
	case err != nil:
		return DiskSize{}, err
	case n == 0:
		return DiskSize{}, fmt.Errorf("a disk of size 0 holds nothing")
	case n%MiB != 0:
		return DiskSize{}, fmt.Errorf("%s is %d bytes, not a whole number of MiB", text, n)
	}
	return DiskSize{Bytes: n}, nil
}
