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

// Where the firmware's two parts lie in a folder of OVMF's: nixpkgs' and
// Debian's names.
var (
	templates = []string{"FV/OVMF_VARS.fd", "OVMF_VARS_4M.fd", "OVMF_VARS.fd"}
	firmwares = []string{"FV/OVMF_CODE.fd", "OVMF_CODE_4M.fd", "OVMF_CODE.fd"}
)

// find opens the file that an option names, or that lies in OVMF's folder
// under one of the names. what is for messages.
func find(s *spec.Spec, option, named, what string, names []string) (*os.File, error) {
	path := s.Resolve(named)
	if path == "" {
		if s.OVMF == "" {
			return nil, s.Errorf("touchEFIVars", "it needs the firmware%s: name the file with %s, or OVMF's folder with OVMF", what, option)
		}
		option = "OVMF"
		for _, name := range names {
			whole := filepath.Join(s.Resolve(s.OVMF), name)
			if _, err := os.Stat(whole); err == nil {
				path = whole
				break
			} else if !errors.Is(err, fs.ErrNotExist) {
				return nil, s.Errorf(option, "%s: %v", whole, patherr.Bare(err))
			}
		}
		if path == "" {
			return nil, s.Errorf(option, "%s: holds none of %v", s.OVMF, names)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, s.Errorf(option, "%s: %v", path, patherr.Bare(err))
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		f.Close()
		return nil, s.Errorf(option, "%s: is not a file", path)
	}
	return f, nil
}

// Firmware opens the firmware that a virtual machine starts with, for whose
// variables touchEFIVars is.
func Firmware(s *spec.Spec) (*os.File, error) {
	return find(s, "efiFirmware", s.EFIFirmware, "", firmwares)
}

// Template is the firmware's variables that touchEFIVars starts from: the
// file that efiVariables names, or the one in OVMF's folder.
func Template(s *spec.Spec) ([]byte, error) {
	f, err := find(s, "efiVariables", s.EFIVariables, "'s variables", templates)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, efivars.MaxVolume+1))
	if err != nil {
		return nil, s.Errorf("touchEFIVars", "%s: %v", f.Name(), patherr.Bare(err))
	}
	return raw, nil
}
