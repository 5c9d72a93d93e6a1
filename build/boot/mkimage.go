package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// makeImage has grub-mkimage make an image of the modules in a folder. The
// same modules give the same bytes: GRUB stores a fixed time in EFI programs.
func makeImage(ctx context.Context, platform, dir, prefix string, more []string) ([]byte, error) {
	// grub-mkimage takes what it does not find from the host's own folder.
	if fi, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, patherr.Bare(err))
	} else if !fi.IsDir() {
		return nil, fmt.Errorf("%s: is not a folder", dir)
	}
	temp, err := os.MkdirTemp("", "reprodisk-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	made := filepath.Join(temp, "image") // it syncs what it writes, which a pipe does not take
	args := append([]string{"-O", platform, "-d", dir, "-p", prefix, "-o", made}, modules...)
	cmd := exec.CommandContext(ctx, "grub-mkimage", append(args, more...)...)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("grub-mkimage is not installed (Debian: grub-common); install it, or name images that were made with it")
	}
	if err != nil {
		said, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		said = strings.TrimSuffix(strings.TrimPrefix(said, "grub-mkimage: error: "), ".")
		if said == "" {
			said = err.Error()
		}
		return nil, fmt.Errorf("grub-mkimage for %s: %.300s", platform, said)
	}
	return os.ReadFile(made)
}
