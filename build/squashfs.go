package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/reprodisk/reprodisk/internal/ondisk/squashfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// writeSquashfs has sqfstar of squashfs-tools make a filesystem of a tree, in
// an empty file. Same tree, same version of the tool and of its zlib: same
// bytes, however many processors there are.
func writeSquashfs(ctx context.Context, f *os.File, root *tree.Node, epoch tree.Time, progress func(done, total int64)) error {
	tool, err := exec.LookPath("sqfstar")
	if err != nil {
		return errors.New("squashfs needs sqfstar: apt-get install squashfs-tools")
	}
	if err := checkSquashfs(root); err != nil {
		return err
	}
	at := strconv.FormatInt(seconds32(epoch), 10)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, tool,
		"-force", "-quiet", "-no-progress", "-exit-on-error",
		// The root is no entry of the stream.
		"-root-mode", strconv.FormatUint(uint64(root.Mode&tree.PermMask), 8),
		"-root-uid", strconv.FormatUint(uint64(root.UID), 10),
		"-root-gid", strconv.FormatUint(uint64(root.GID), 10),
		"-root-time", at,
		"/proc/self/fd/3")
	// Version 4.5 reads -root-time but gives the root the clock's time, unless
	// that is later than SOURCE_DATE_EPOCH. Nothing else in the tree is.
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "SOURCE_DATE_EPOCH=" + at}
	cmd.ExtraFiles = []*os.File{f}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	sent := writeTar(ctx, in, root, progress)
	if sent != nil && !broken(sent) {
		stop() // what it has is no whole stream
	}
	in.Close()
	err = cmd.Wait()
	switch {
	case sent != nil && !broken(sent):
		return sent
	case err != nil:
		return fmt.Errorf("sqfstar: %s", complaint(said.String(), err))
	}
	return sent
}

// broken tells whether a stream ended because the tool reads no more.
func broken(err error) bool { return errors.Is(err, syscall.EPIPE) }

// pinned is an error where a squashfs holds the clock's time.
func pinned(f *os.File, epoch tree.Time) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	fs, err := squashfs.Open(f, fi.Size())
	if err != nil {
		return fmt.Errorf("what sqfstar made: %w", err)
	}
	root, err := fs.Root()
	if err != nil {
		return fmt.Errorf("what sqfstar made: %w", err)
	}
	super, _, err := squashfs.ReadSuperblock(f)
	if err != nil {
		return fmt.Errorf("what sqfstar made: %w", err)
	}
	if want := seconds32(epoch); int64(root.Mtime) != want || int64(super.MkfsTime) != want {
		return errors.New("this sqfstar stores the clock's time where that is before sourceDateEpoch; choose an earlier one, or deterministic: false")
	}
	return nil
}

// complaint is the line that says most of what a tool of squashfs-tools wrote.
func complaint(said string, err error) string {
	for line := range strings.Lines(said) {
		if _, text, fatal := strings.Cut(line, "FATAL ERROR:"); fatal {
			return fmt.Sprintf("%.300s", strings.TrimSpace(text))
		}
	}
	if line, _, _ := strings.Cut(strings.TrimSpace(said), "\n"); line != "" {
		return fmt.Sprintf("%.300s", line)
	}
	return err.Error()
}

// checkSquashfs refuses what squashfs, or the tool, has no place for.
func checkSquashfs(root *tree.Node) error {
	return root.Walk(func(path string, n *tree.Node) error {
		for _, x := range n.Xattrs {
			space, _, _ := strings.Cut(x.Name, ".")
			switch {
			case path == "/":
				return fmt.Errorf("the root has the extended attribute %s, which sqfstar has no place for; remove it", x.Name)
			case space != "user" && space != "trusted" && space != "security":
				return fmt.Errorf("%s has %s, which squashfs has no place for; remove it (an ACL: setfacl -b)", path, x.Name)
			case strings.Contains(x.Name, "="):
				return fmt.Errorf("%s has the extended attribute %q, whose name a tar stream cannot hold; remove it", path, x.Name)
			}
		}
		return nil
	})
}
