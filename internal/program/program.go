// Package program finds programs of other people's: on PATH, in the folders for
// administrators' programs, which an ordinary user's PATH need not have, and in
// those of Nix.
//
// What a user names is not looked for here but taken as a shell would take it.
package program

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// folders are looked through behind PATH.
var folders = []string{
	"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin",
	"/run/current-system/sw/bin", "/nix/var/nix/profiles/default/bin",
}

// Find is the absolute path of the first program of the name that can be
// started. Further places, which are paths of files, are tried last.
func Find(name string, places ...string) (path string, ok bool) {
	path, err := exec.LookPath(name)
	if err == nil || errors.Is(err, exec.ErrDot) {
		if path, err = filepath.Abs(path); err == nil {
			return path, true
		}
	}
	var all []string
	for _, dir := range folders {
		all = append(all, filepath.Join(dir, name))
	}
	if home, err := os.UserHomeDir(); err == nil {
		all = append(all, filepath.Join(home, ".nix-profile/bin", name))
	}
	for _, p := range append(all, places...) {
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return p, true
		}
	}
	return "", false
}
