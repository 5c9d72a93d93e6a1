package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/reprodisk/reprodisk/internal/wholefile"
)

// maxPicture bounds a picture of the screen, in bytes: one of 1920 by 1200
// pixels has 7 MB.
const maxPicture = 64 << 20

// picture has QEMU write a picture of the screen, and puts it where it was
// wanted.
func (w *watch) picture() error {
	err := w.monitor.try(20*polite, "screendump", map[string]any{"filename": screenSet.String(), "format": w.c.pictureFormat()})
	if err != nil {
		return fmt.Errorf("there is no picture of the guest's screen: %w", err)
	}
	b, err := io.ReadAll(io.NewSectionReader(w.h.screen, 0, maxPicture))
	if err == nil && len(b) == 0 {
		err = errors.New("QEMU wrote none")
	}
	if err != nil {
		return fmt.Errorf("there is no picture of the guest's screen: %w", err)
	}
	dir, name := filepath.Split(w.c.Screendump)
	_, err = wholefile.Write(context.Background(), cmp.Or(dir, "."), name, func(f *wholefile.File) error {
		_, err := f.Write(b)
		return err
	})
	return err
}
