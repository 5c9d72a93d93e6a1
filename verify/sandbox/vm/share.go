package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/build/guest/kernel"
	"github.com/reprodisk/reprodisk/build/guest/machine"
	"github.com/reprodisk/reprodisk/internal/program"
)

// The ways in which a guest sees the host's files.
const (
	virtiofs = "virtiofs"
	ninep    = "9p"
)

// tag is the name of the host's files in the guest.
const tag = "host"

// share is one of the ways, ready to be used.
type share struct {
	name    string
	modules []kernel.Want // that the guest needs for it
	program string        // the daemon; empty: QEMU does it
	args    []string      // of the daemon, but the socket
	daemons []*daemon
	// lost is told why a daemon ended that nobody had end; may be nil.
	lost func(why string)
}

// chooseShare takes the first way that this host and the kernel have. The older
// daemon works for root only; to others QEMU's own way is the better one.
func chooseShare(ctx context.Context, k kernel.Kernel, root bool) (*share, error) {
	ways := []func(context.Context, kernel.Kernel, bool) (*share, error){byVirtiofs, by9p}
	if !root {
		ways[0], ways[1] = ways[1], ways[0]
	}
	var whys []string
	for _, way := range ways {
		s, err := way(ctx, k, root)
		if err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		whys = append(whys, err.Error())
	}
	return nil, fmt.Errorf("the virtual machine cannot see this host's files: %s", strings.Join(whys, "; "))
}

// by9p has QEMU serve the files.
func by9p(ctx context.Context, k kernel.Kernel, _ bool) (*share, error) {
	s := &share{name: ninep, modules: []kernel.Want{{Name: "9p"}, {Name: "9pnet_virtio"}}}
	if err := has(ctx, k, s.modules); err != nil {
		return nil, fmt.Errorf("by 9p: %w", err)
	}
	return s, nil
}

// byVirtiofs has a daemon serve them.
func byVirtiofs(ctx context.Context, k kernel.Kernel, root bool) (*share, error) {
	s := &share{name: virtiofs, modules: []kernel.Want{{Name: "virtiofs"}}}
	err := has(ctx, k, s.modules)
	if err == nil {
		s.program, err = findDaemon()
	}
	if err == nil {
		s.args, err = daemonArgs(ctx, s.program, root)
	}
	if err != nil {
		return nil, fmt.Errorf("by virtiofs: %w", err)
	}
	return s, nil
}

// has tells whether a kernel has modules.
func has(ctx context.Context, k kernel.Kernel, want []kernel.Want) error {
	_, err := k.Modules(ctx, want)
	var missing *kernel.MissingModuleError
	if errors.As(err, &missing) {
		return fmt.Errorf("the kernel %s has no module %s", k.Version, missing.Module)
	}
	return err
}

// DaemonPlaces are where distributions have virtiofsd, which is not on PATH.
var DaemonPlaces = []string{"/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd"}

// findDaemon finds virtiofsd.
func findDaemon() (string, error) {
	if p, ok := program.Find("virtiofsd", DaemonPlaces...); ok {
		return p, nil
	}
	return "", errors.New("virtiofsd is missing: apt-get install virtiofsd, or on Debian 12 qemu-system-common, or nixpkgs#virtiofsd")
}

// daemonArgs are what a daemon is started with, but its socket: QEMU's own one,
// which Debian 12 has, takes FUSE's options, the one in Rust that followed it
// has its own.
func daemonArgs(ctx context.Context, program string, root bool) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--help")
	cmd.WaitDelay = 10 * time.Second
	help, err := cmd.CombinedOutput()
	switch {
	case bytes.Contains(help, []byte("--shared-dir")):
		args := []string{"--cache=auto"}
		readonly := bytes.Contains(help, []byte("--readonly"))
		if readonly {
			args = append(args, "--readonly")
		}
		if root {
			return append(args, "--shared-dir="+servedRoot, "--sandbox=namespace"), nil
		}
		if !readonly {
			return nil, fmt.Errorf("%s has no --readonly, without which it would need root: take a newer one", program)
		}
		return append(args, "--shared-dir=/", "--sandbox=none"), nil
	case bytes.Contains(help, []byte("source=PATH")):
		if !root {
			return nil, fmt.Errorf("%s works for root alone, where that may mount: a newer one, in Rust, does not", program)
		}
		return []string{"-f", "-o", "source=" + servedRoot, "-o", "cache=auto", "-o", "sandbox=namespace", "-o", "log_level=err"}, nil
	case err != nil:
		return nil, fmt.Errorf("%s --help: %w", program, err)
	}
	return nil, fmt.Errorf("%s: is no virtiofsd that is known", program)
}

// machine is the share as a machine has it.
func (s *share) machine() machine.Share {
	m := machine.Share{Tag: tag, Folder: "/"}
	if s.program != "" {
		m.Connect = s.connect
	}
	return m
}

// connect starts a daemon for one start of the machine.
func (s *share) connect() (*os.File, error) {
	s.close() // of a start before
	d, conn, err := startDaemon(s.program, s.args)
	if err != nil {
		return nil, err
	}
	s.daemons = append(s.daemons, d)
	go func() {
		// Nobody else would end a guest that waits for its files.
		if why := d.failure(); why != "" && s.lost != nil {
			s.lost(why)
		}
	}()
	return conn, nil
}

// close ends the daemons.
func (s *share) close() {
	for _, d := range s.daemons {
		d.end()
	}
}

// failure says why the last daemon ended; empty where it was fine, or has said
// nothing.
func (s *share) failure() string {
	if len(s.daemons) == 0 {
		return ""
	}
	return s.daemons[len(s.daemons)-1].failure()
}
