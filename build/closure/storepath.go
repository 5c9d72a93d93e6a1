package closure

import (
	"crypto/sha1" // Nix names indirect roots by it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// StoreDir is where the Nix store lies in the image, and, below the store's
// root, on the host.
const StoreDir = "/nix/store"

const (
	// digits are the 32 of Nix's base 32: digits and letters without e, o, t, u.
	digits = "0123456789abcdfghijklmnpqrsvwxyz"
	// hashLen is the length of a store path's hash: 160 bits in base 32.
	hashLen = 32
	maxName = 211 // the longest name of a store path, in bytes
)

// base32 is bytes in Nix's base 32: the last bits first.
func base32(b []byte) string {
	n := (len(b)*8 + 4) / 5
	out := make([]byte, 0, n)
	for d := n - 1; d >= 0; d-- {
		i, shift := d*5/8, d*5%8
		v := uint16(b[i]) >> shift
		if i+1 < len(b) {
			v |= uint16(b[i+1]) << (8 - shift)
		}
		out = append(out, digits[v&31])
	}
	return string(out)
}

// unbase32 reads size bytes in Nix's base 32.
func unbase32(s string, size int) ([]byte, error) {
	if len(s) != (size*8+4)/5 {
		return nil, errors.New("wrong length")
	}
	out := make([]byte, size)
	for n := range len(s) {
		d := strings.IndexByte(digits, s[len(s)-1-n])
		if d < 0 {
			return nil, fmt.Errorf("%q is no digit of Nix's base 32", s[len(s)-1-n])
		}
		i, shift := n*5/8, n*5%8
		out[i] |= byte(d << shift)
		if high := byte(d >> (8 - shift)); i+1 < size {
			out[i+1] |= high
		} else if high != 0 {
			return nil, errors.New("has bits past its end")
		}
	}
	return out, nil
}

// parseHash reads a SHA-256 as Nix writes it: in base 16, 32 or 64, with or
// without "sha256:" before it, or as "sha256-" and base 64.
func parseHash(s string) (h [sha256.Size]byte, err error) {
	text, sri := strings.CutPrefix(s, "sha256-")
	if !sri {
		text = strings.TrimPrefix(s, "sha256:")
	}
	var b []byte
	switch {
	case len(text) == 44:
		b, err = base64.StdEncoding.Strict().DecodeString(text)
	case sri:
		err = errors.New("wrong length")
	case len(text) == 52:
		b, err = unbase32(text, len(h))
	default:
		b, err = hex.DecodeString(text)
	}
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("%q is no SHA-256", shorten(s))
	}
	return [sha256.Size]byte(b), nil
}

// checkPath is what is wrong with a text as a store path, or nil.
func checkPath(p string) error {
	base, ok := strings.CutPrefix(p, StoreDir+"/")
	if !ok {
		return fmt.Errorf("%q does not lie in %s", shorten(p), StoreDir)
	}
	if len(base) < hashLen+2 || base[hashLen] != '-' || strings.Trim(base[:hashLen], digits) != "" {
		return fmt.Errorf("%q is no store path: %s/HASH-NAME is one", shorten(p), StoreDir)
	}
	return checkName(base[hashLen+1:])
}

// checkName is what is wrong with the name in a store path, or nil.
func checkName(name string) error {
	if name == "" || len(name) > maxName || name == "." || name == ".." {
		return fmt.Errorf("%q is no name for a store path", shorten(name))
	}
	for i := range len(name) {
		c := name[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte("+-._?=", c) < 0 {
			return fmt.Errorf("the name %q of a store path holds %q", shorten(name), c)
		}
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// Find is the store path that a path on this machine names: it lies in the
// store, or is a link that leads there ("./result"). StoreRoot is the folder
// that stands for /, "" for / itself.
func Find(storeRoot, p string) (string, error) {
	at := p
	for range 40 {
		if in, ok := strings.CutPrefix(path.Clean(at), StoreDir+"/"); ok {
			base, _, _ := strings.Cut(in, "/")
			found := StoreDir + "/" + base
			if err := checkPath(found); err != nil {
				return "", err
			}
			return found, nil
		}
		if in, ok := strings.CutPrefix(at, storeRoot+StoreDir+"/"); ok && storeRoot != "" {
			at = StoreDir + "/" + in
			continue
		}
		target, err := os.Readlink(at)
		if err != nil {
			if _, err := os.Lstat(at); err != nil {
				return "", fmt.Errorf("%s: %w", p, patherr.Bare(err))
			}
			return "", fmt.Errorf("%s: %w", p, errElsewhere)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(at), target)
		}
		at = target
	}
	return "", fmt.Errorf("%s: goes through more than 40 links: they loop", p)
}

var errElsewhere = errors.New("does not lie in the Nix store")

// sourcePath is the store path of a tree with the NAR's hash that is given and
// with no references, as nix-store --add-fixed --recursive sha256 names it.
func sourcePath(narHash [sha256.Size]byte, name string) string {
	full := sha256.Sum256([]byte("source:sha256:" + hex.EncodeToString(narHash[:]) + ":" + StoreDir + ":" + name))
	// 160 bits, into which the others are folded.
	var short [20]byte
	for i, b := range full {
		short[i%len(short)] ^= b
	}
	return StoreDir + "/" + base32(short[:]) + "-" + name
}

// indirectRoot is the name of the link in gcroots/auto for a link elsewhere.
func indirectRoot(link string) string {
	h := sha1.Sum([]byte(link))
	return base32(h[:])
}
