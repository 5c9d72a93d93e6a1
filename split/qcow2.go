package split

import (
	"context"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/qcow2"
)

func openQcow2(ctx context.Context, s *source) (container.Image, error) {
	return qcow2.Open(s.Disk, qcow2.Options{
		Backing:  func(name, format string) (container.Disk, error) { return s.besideImage(ctx, name, format) },
		DataFile: s.besideRaw,
	})
}
