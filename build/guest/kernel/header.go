package kernel

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const (
	x86Magic, x86MagicAt     = "HdrS", 0x202
	arm64Magic, arm64MagicAt = "ARM\x64", 56
	zbootMagic, zbootMagicAt = "zimg", 4 // drivers/firmware/efi/libstub/zboot-header.S

	x86HeaderAt   = 0x1f1
	x86BootFlag   = 0xaa55
	x86LoadedHigh = 1 << 0 // of loadflags: a bzImage, not a zImage
	x86Kernel64   = 1 << 0 // of xloadflags
	x86XLoadFlags = 0x20c  // the version of the boot protocol from which on there are xloadflags
	x86Sector     = 512    // bytes
	x86Paragraph  = 16     // bytes, of syssize

	maxVersion = 64        // bytes of a version: __NEW_UTS_LEN of the kernel's utsname.h
	maxImage   = 512 << 20 // bytes of an Image that are searched for its version
)

// x86Header is "The Real-Mode Kernel Header" of boot.rst, as far as it is read.
type x86Header struct {
	SetupSects        uint8  `disk:"setup_sects"`
	RootFlags         uint16 `disk:"root_flags"`
	Syssize           uint32 `disk:"syssize"`
	RAMSize           uint16 `disk:"ram_size"`
	VidMode           uint16 `disk:"vid_mode"`
	RootDev           uint16 `disk:"root_dev"`
	BootFlag          uint16 `disk:"boot_flag,hex"`
	Jump              uint16 `disk:"jump,hex"`
	Header            uint32 `disk:"header,hex"`
	Version           uint16 `disk:"version,hex"`
	RealmodeSwtch     uint32 `disk:"realmode_swtch"`
	StartSysSeg       uint16 `disk:"start_sys_seg"`
	KernelVersion     uint16 `disk:"kernel_version"`
	TypeOfLoader      uint8  `disk:"type_of_loader"`
	Loadflags         uint8  `disk:"loadflags,hex"`
	SetupMoveSize     uint16 `disk:"setup_move_size"`
	Code32Start       uint32 `disk:"code32_start"`
	RamdiskImage      uint32 `disk:"ramdisk_image"`
	RamdiskSize       uint32 `disk:"ramdisk_size"`
	BootsectKludge    uint32 `disk:"bootsect_kludge"`
	HeapEndPtr        uint16 `disk:"heap_end_ptr"`
	ExtLoaderVer      uint8  `disk:"ext_loader_ver"`
	ExtLoaderType     uint8  `disk:"ext_loader_type"`
	CmdLinePtr        uint32 `disk:"cmd_line_ptr"`
	InitrdAddrMax     uint32 `disk:"initrd_addr_max"`
	KernelAlignment   uint32 `disk:"kernel_alignment"`
	RelocatableKernel uint8  `disk:"relocatable_kernel"`
	MinAlignment      uint8  `disk:"min_alignment"`
	Xloadflags        uint16 `disk:"xloadflags,hex"`
}

var x86Layout = field.MustOf[x86Header](binary.LittleEndian)

func decodeX86(r io.ReaderAt, size int64, begin []byte) (Kernel, error) {
	if len(begin) < x86HeaderAt+x86Layout.Size() {
		return Kernel{}, truncated(size)
	}
	h := x86Layout.Decode(begin[x86HeaderAt : x86HeaderAt+x86Layout.Size()])
	setup := int64(h.SetupSects)
	if setup == 0 {
		setup = 4 // "For backwards compatibility"
	}
	setup *= x86Sector
	switch {
	case h.BootFlag != x86BootFlag:
		return Kernel{}, fmt.Errorf("is a damaged kernel: its boot_flag is 0x%04x", h.BootFlag)
	case h.Loadflags&x86LoadedHigh == 0:
		return Kernel{}, errors.New("is a zImage, which is older than what can be started: take a bzImage")
	case size < x86Sector+setup+int64(h.Syssize)*x86Paragraph:
		return Kernel{}, truncated(size)
	// "valid if non-zero and less than 0x200*setup_sects", without the first sector
	case h.KernelVersion == 0 || int64(h.KernelVersion) >= setup:
		return Kernel{}, errors.New("is a kernel that does not say its version")
	}
	text := make([]byte, maxVersion+1)
	n, err := r.ReadAt(text, int64(h.KernelVersion)+x86Sector)
	if err != nil && !errors.Is(err, io.EOF) {
		return Kernel{}, err
	}
	k := Kernel{Arch: I386}
	if h.Version >= x86XLoadFlags && h.Xloadflags&x86Kernel64 != 0 {
		k.Arch = X86_64
	}
	k.Version, err = version(text[:n])
	return k, err
}

// version is the first word of a text, unless that cannot be a version, which
// becomes a part of paths and of what people are told.
func version(text []byte) (string, error) {
	end := bytes.IndexAny(text, " \x00")
	word := text[:max(end, 0)]
	if end > maxVersion || len(word) == 0 || word[0] < '0' || word[0] > '9' || bytes.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("0123456789.-_+~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", r)
	}) {
		return "", fmt.Errorf("is a kernel whose version cannot be read: %q", text[:min(len(text), 32)])
	}
	return string(word), nil
}

// decodeArm64 reads the version from the kernel's banner, as the header of an
// Image has none.
func decodeArm64(r io.Reader) (Kernel, error) {
	v, err := banner(r)
	return Kernel{Arch: AArch64, Version: v}, err
}

// decodeGzip reads a packed Image, which QEMU unpacks.
func decodeGzip(r io.Reader) (Kernel, error) {
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return Kernel{}, fmt.Errorf("gzip: %w", err)
	}
	in := bufio.NewReader(z)
	head, err := in.Peek(arm64MagicAt + len(arm64Magic))
	if err != nil && !errors.Is(err, io.EOF) {
		return Kernel{}, fmt.Errorf("gzip: %w", err)
	}
	if len(head) < arm64MagicAt || string(head[arm64MagicAt:]) != arm64Magic {
		return Kernel{}, errors.New("is packed with gzip, and what is in it is not an arm64 Image")
	}
	k, err := decodeArm64(in)
	if err != nil {
		return Kernel{}, fmt.Errorf("gzip: %w", err)
	}
	return k, nil
}

// decodeUM tells user-mode Linux from other programs by its sections for
// options, .uml.setup.init and others (arch/um/include/shared/init.h).
func decodeUM(r io.ReaderAt, size int64) (Kernel, error) {
	f, err := elf.NewFile(io.NewSectionReader(r, 0, size))
	if err != nil {
		return Kernel{}, fmt.Errorf("is a damaged ELF file: %w", err)
	}
	for _, s := range f.Sections {
		if strings.HasPrefix(s.Name, ".uml.") {
			v, err := banner(io.NewSectionReader(r, 0, size))
			return Kernel{Arch: UM, Version: v}, err
		}
	}
	for _, s := range f.Sections {
		if s.Name == ".init.setup" || s.Name == "__ksymtab" {
			return Kernel{}, errors.New("is an unpacked kernel (vmlinux): name the bzImage or Image that was made of it")
		}
	}
	return Kernel{}, errNoKernel
}

// banner is the version in linux_banner (init/version.c), with which every
// kernel begins what it says.
func banner(r io.Reader) (string, error) {
	const before = "Linux version "
	in := bufio.NewReaderSize(io.LimitReader(r, maxImage), 1<<20)
	for {
		window, err := in.Peek(in.Size())
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		for rest := window; ; {
			_, after, found := bytes.Cut(rest, []byte(before))
			if !found || len(after) <= maxVersion && err == nil {
				break
			}
			// The same words stand in formats of messages, with a %s behind them.
			if v, err := version(after[:min(len(after), maxVersion+1)]); err == nil {
				return v, nil
			}
			rest = after
		}
		if err != nil {
			return "", errors.New("is a kernel that does not say its version")
		}
		// What is split by the window's end is seen whole in the next one.
		if _, err := in.Discard(len(window) - len(before) - maxVersion - 1); err != nil {
			return "", err
		}
	}
}
