package forensic

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxComponent = 180  // bytes of a name in the folder
	maxRelative  = 1500 // bytes of a path in the folder
	maxFolders   = 100  // folders in one another
)

// names gives the paths of an image names in the folder of Extract: relative,
// of harmless characters, bounded, and different from each other, also where
// the case of letters does not count.
type names struct {
	folders map[string]string // folder and its path in the image → its name
	taken   map[string]bool   // in lower case
}

func newNames() *names { return &names{folders: map[string]string{}, taken: map[string]bool{}} }

// of is the name for a file of that path below a folder. It is given to no
// other file.
func (n *names) of(folder, file string) string {
	parts := strings.Split(strings.Trim(file, "/"), "/")
	dir := folder
	original := folder
	for _, p := range parts[:len(parts)-1] {
		original += "\x00" + p
		known, ok := n.folders[original]
		if !ok {
			known = n.free(dir, component(p))
			n.folders[original] = known
		}
		if dir = known; len(dir) > maxRelative || strings.Count(dir, "/") > maxFolders {
			break
		}
	}
	last := component(parts[len(parts)-1])
	if len(dir)+len(last) > maxRelative || strings.Count(dir, "/") > maxFolders {
		sum := sha256.Sum256([]byte(file))
		dir, last = folder+"/%deep", hex.EncodeToString(sum[:16])
	}
	return n.free(dir, last)
}

// free is a name in a folder that nobody has.
func (n *names) free(dir, name string) string {
	for i := 1; ; i++ {
		full := path.Join(dir, name)
		if i > 1 {
			full = fmt.Sprintf("%s~%d", full, i)
		}
		if key := strings.ToLower(full); !n.taken[key] {
			n.taken[key] = true
			return full
		}
	}
}

// reserved are names that Windows takes for devices.
var reserved = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true}

func init() {
	for i := range 10 {
		reserved[fmt.Sprintf("com%d", i)], reserved[fmt.Sprintf("lpt%d", i)] = true, true
	}
}

// component makes one name of a path safe: letters, digits and a few signs
// stay, every other byte becomes %XX. A long name is cut, and ends in a digest.
func component(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		last := i+size == len(s)
		switch {
		case r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+=@,()[]{}#", r)),
			r == '.' && !last && !(i == 0 && strings.Trim(s, ".") == ""),
			(r == '-' || r == ' ') && i > 0 && !last,
			r >= utf8.RuneSelf && size > 1 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			out.WriteString(s[i : i+size])
		default:
			for _, b := range []byte(s[i : i+size]) {
				fmt.Fprintf(&out, "%%%02X", b)
			}
		}
		i += size
	}
	safe := out.String()
	if stem, _, _ := strings.Cut(strings.ToLower(safe), "."); reserved[stem] {
		safe = "%" + fmt.Sprintf("%02X", safe[0]) + safe[1:]
	}
	if len(safe) > maxComponent {
		sum := sha256.Sum256([]byte(s))
		cut := safe[:maxComponent-34]
		if i := strings.LastIndexByte(cut, '%'); i >= len(cut)-2 {
			cut = cut[:i] // not in the middle of an escape
		}
		for !utf8.ValidString(cut) {
			cut = cut[:len(cut)-1]
		}
		safe = cut + "~" + hex.EncodeToString(sum[:16])
	}
	if safe == "" {
		safe = "%"
	}
	return safe
}
