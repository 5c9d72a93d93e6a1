package machine

import (
	"fmt"
	"os"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// Share is a folder of the host's that the guest can mount by its tag: with 9p,
// which QEMU itself serves, read-only and with the rights of this program; or,
// where there is Connect, with virtiofs, which a daemon serves that decides what
// may be written.
type Share struct {
	Tag    string
	Folder string // with 9p
	// Connect makes a connection with a daemon that speaks vhost-user, for one
	// start of the machine. The machine closes it.
	Connect func() (*os.File, error)
}

// memoryBackend is the memory of a machine that daemons share.
const memoryBackend = "ram"

// sharesMemory tells whether daemons work on the guest's memory.
func (c *Config) sharesMemory() bool {
	for _, s := range c.Shares {
		if s.Connect != nil {
			return true
		}
	}
	return false
}

// shares adds the folders that the guest can mount.
func (c *Config) shares(cmd *command, h *hardware) error {
	if c.sharesMemory() {
		cmd.add("-object", fmt.Sprintf("memory-backend-memfd,id=%s,size=%dM,share=on", memoryBackend, c.MemMiB))
	}
	for i, s := range c.Shares {
		if s.Connect == nil {
			cmd.add("-fsdev", fmt.Sprintf("local,id=share%d,path=%s,security_model=none,readonly=on,multidevs=remap", i, commas(s.Folder)),
				"-device", fmt.Sprintf("virtio-9p-pci,fsdev=share%d,mount_tag=%s", i, commas(s.Tag)))
			continue
		}
		f, err := s.Connect()
		if err != nil {
			return fmt.Errorf("guest: shared folder: %w", patherr.Bare(err))
		}
		h.opened = append(h.opened, f)
		cmd.add("-chardev", fmt.Sprintf("socket,id=share%d,fd=%d", i, cmd.give(f)),
			"-device", fmt.Sprintf("vhost-user-fs-pci,chardev=share%d,tag=%s", i, commas(s.Tag)))
	}
	return nil
}

// commas is a value as QEMU takes it in a list of options.
func commas(s string) string { return strings.ReplaceAll(s, ",", ",,") }
