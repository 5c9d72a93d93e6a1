package kernel

import (
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// Arch is the architecture that a kernel is for, as `uname -m` names it.
type Arch string

// The architectures that are recognised. UM is user-mode Linux, whose kernel is
// a program of this machine's.
const (
	X86_64  Arch = "x86_64"
	I386    Arch = "i386"
	AArch64 Arch = "aarch64"
	UM      Arch = "um"
)

// Kernel is a Linux kernel that a machine can be started with.
type Kernel struct {
	Path    string // of its file on this machine, in which no links are left
	Arch    Arch
	Version string // as `uname -r` has it: "6.1.0-49-cloud-amd64"
	// Folder is that of its modules on this machine, lib/modules/VERSION; empty:
	// none is known.
	Folder string

	modules root   // in which the folder lies
	folder  string // and where there
}

// Open reads the header of the kernel at path. The kernel of an x86 machine is
// a bzImage, that of an arm64 machine an Image or one packed with gzip, that of
// user-mode Linux an ELF program. Which modules it has is not looked for.
func Open(path string) (Kernel, error) {
	r, in, err := root("").split(path)
	if err != nil {
		return Kernel{}, err
	}
	return open(r, in)
}

func open(r root, path string) (Kernel, error) {
	at, err := r.resolve(path)
	if err != nil {
		return Kernel{}, err
	}
	f, size, err := r.open(at)
	if err != nil {
		return Kernel{}, err
	}
	defer f.Close()
	k, err := decode(f, size)
	if err != nil {
		return Kernel{}, patherr.At(r.on(path), err)
	}
	k.Path = r.on(at)
	return k, nil
}

var errNoKernel = errors.New("is not a Linux kernel: it is neither a bzImage nor an arm64 Image nor user-mode Linux")

// decode recognises a kernel by how it begins.
func decode(r io.ReaderAt, size int64) (Kernel, error) {
	begin := make([]byte, 4096)
	n, err := r.ReadAt(begin, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Kernel{}, err
	}
	begin = begin[:n]
	has := func(magic string, at int) bool {
		return len(begin) >= at+len(magic) && string(begin[at:at+len(magic)]) == magic
	}
	switch {
	case has(x86Magic, x86MagicAt):
		return decodeX86(r, size, begin)
	case has(arm64Magic, arm64MagicAt):
		return decodeArm64(io.NewSectionReader(r, 0, size))
	case has(zbootMagic, zbootMagicAt):
		return Kernel{}, errors.New("is an EFI zboot image, which only firmware can start: unpack the Image that is in it")
	case has("\x1f\x8b", 0):
		return decodeGzip(io.NewSectionReader(r, 0, size))
	case has("\x7fELF", 0):
		return decodeUM(r, size)
	}
	return Kernel{}, errNoKernel
}

func truncated(size int64) error {
	return fmt.Errorf("is a kernel that is cut off: it ends at byte %d", size)
}
