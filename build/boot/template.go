package boot

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/ondisk/efivars"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// Where the variables lie in a folder of OVMF's: nixpkgs' and Debian's names.
var templates = []string{"FV/OVMF_VARS.fd", "OVMF_VARS_4M.fd", "OVMF_VARS.fd"}

// Template is the firmware's variables that touchEFIVars starts from: the
// file that efiVariables names, or the one in OVMF's folder.
func Template(s *spec.Spec) ([]byte, error) {
	option, path := "efiVariables", s.Resolve(s.EFIVariables)
	if path == "" {
		option = "OVMF"
		if s.OVMF == "" {
			return nil, s.Errorf("touchEFIVars", "it needs the firmware's variables: name the file with efiVariables, or OVMF's folder with OVMF")
		}
		for _, name := range templates {
			whole := filepath.Join(s.Resolve(s.OVMF), name)
			if _, err := os.Stat(whole); err == nil {
				path = whole
				break
			} else if !errors.Is(err, fs.ErrNotExist) {
				return nil, s.Errorf(option, "%s: %v", whole, patherr.Bare(err))
			}
		}
		if path == "" {
			return nil, s.Errorf(option, "%s: holds none of %v", s.OVMF, templates)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, s.Errorf(option, "%s: %v", path, patherr.Bare(err))
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, efivars.MaxVolume+1))
	if err != nil {
		return nil, s.Errorf(option, "%s: %v", path, patherr.Bare(err))
	}
	return raw, nil
}
