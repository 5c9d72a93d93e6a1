package normalize

import (
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/probe"
)

// cannot is why a filesystem is not written anew. It is kept then.
type cannot struct{ why string }

func (c *cannot) Error() string { return c.why }

func cannotf(format string, args ...any) error { return &cannot{fmt.Sprintf(format, args...)} }

func asCannot(err error, to **cannot) bool { return errors.As(err, to) }

// recognize reads what a volume holds, or says why it is kept.
func (d *disk) recognize(v *volume) error {
	if v.Missing > 0 {
		return fmt.Errorf("%d of its bytes lie behind the end of the image", v.Missing)
	}
	info, err := probe.Identify(d.section(v), v.Length)
	if err != nil {
		return err
	}
	v.format = info.Type
	switch info.Type {
	case "ext4":
		v.fs, err = readExt4(d.ctx, d.section(v), v.Length)
	case "vfat":
		v.fs, err = readFAT(d.ctx, d.section(v), v.Length)
	case "ext2", "ext3":
		err = cannotf("%s is not written here, only ext4 is", info.Type)
	case "":
		err = cannotf("nothing is known of its bytes")
	default:
		err = cannotf("%s is not written here", info.Type)
	}
	var no *cannot
	if asCannot(err, &no) {
		v.keep = no.why
		return nil
	}
	return err
}
