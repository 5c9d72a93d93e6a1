// Package judge lets tests call the real tools that have the last word on an
// on-disk format: e2fsck, fsck.vfat, sgdisk and their like.
//
// A tool that is missing fails the test in CI (the variable CI is set),
// because `make test` installs them all there; elsewhere the test is skipped
// by the name of the Debian package that holds the tool.
package judge

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/program"
)

// Packages maps every tool that a test may call to the Debian package that
// installs it. The Makefile's list is checked against it by a test.
var Packages = map[string]string{
	"blkid":       "util-linux",
	"chromium":    "chromium",
	"btrfs":       "btrfs-progs",
	"cmp":         "diffutils",
	"debugfs":     "e2fsprogs",
	"diff":        "diffutils",
	"diffoscope":  "diffoscope-minimal",
	"dump.erofs":  "erofs-utils",
	"dumpe2fs":    "e2fsprogs",
	"e2fsck":      "e2fsprogs",
	"fdisk":       "fdisk",
	"gcc":         "gcc",
	"fsck.erofs":  "erofs-utils",
	"fsck.vfat":   "dosfstools",
	"getfacl":     "acl",
	"getfattr":    "attr",
	"genisoimage": "genisoimage",
	"isoinfo":     "genisoimage",
	"losetup":     "mount",
	"mattrib":     "mtools",
	"mcopy":       "mtools",
	"mdel":        "mtools",
	"mdeltree":    "mtools",
	"mdir":        "mtools",
	"minfo":       "mtools",
	"mlabel":      "mtools",
	"mkfs.btrfs":  "btrfs-progs",
	"mkfs.erofs":  "erofs-utils",
	"mkfs.ext4":   "e2fsprogs",
	"mkfs.xfs":    "xfsprogs",
	"mkfs.vfat":   "dosfstools",
	"mmd":         "mtools",
	"mren":        "mtools",
	"depmod":      "kmod",
	"modprobe":    "kmod",
	"mount":       "mount",
	"numfmt":      "coreutils",
	"printf":      "coreutils",
	"mtype":       "mtools",
	"parted":      "parted",
	"patch":       "patch",
	"qemu-img":    "qemu-utils",
	"qemu-io":     "qemu-utils",
	"resize2fs":   "e2fsprogs",
	"rsync":       "rsync",
	"gzip":        "gzip",
	"touch":       "coreutils",
	"xfs_db":      "xfsprogs",
	"xfs_repair":  "xfsprogs",
	"xz":          "xz-utils",
	"zstd":        "zstd",
	"setfacl":     "acl",
	"setfattr":    "attr",
	"sfdisk":      "fdisk",
	"shellcheck":  "shellcheck",
	"script":      "bsdutils",
	"sgdisk":      "gdisk",
	"sha256sum":   "coreutils",
	"tune2fs":     "e2fsprogs",
	"umount":      "mount",
	"setpriv":     "util-linux",
	"unshare":     "util-linux",
	"bwrap":       "bubblewrap",
	"newuidmap":   "uidmap",
	"mksquashfs":  "squashfs-tools",
	"sqfstar":     "squashfs-tools",
	"unsquashfs":  "squashfs-tools",
	"mkfs.minix":  "util-linux",
	"mkswap":      "util-linux",
	"fiwalk":      "sleuthkit",
	"mactime":     "sleuthkit",
	"xmllint":     "libxml2-utils",
	"ar":          "binutils",
	"cpio":        "cpio",
	"sqlite3":     "sqlite3",
	"tar":         "tar",
	"zip":         "zip",
	"as":          "binutils",
	"ld":          "binutils",
	"objcopy":     "binutils",

	"grub-install":       "grub2-common",
	"grub-mkimage":       "grub-common",
	"linux.uml":          "user-mode-linux",
	"grub-mkrelpath":     "grub-common",
	"grub-probe":         "grub-common",
	"qemu-system-x86_64": "qemu-system-x86",

	"/usr/lib/grub/i386-pc/grub-bios-setup": "grub-pc-bin",

	// Not tools but files that tests take as they are: see File.
	"/usr/lib/grub/i386-pc":                                      "grub-pc-bin",
	"/usr/lib/grub/x86_64-efi":                                   "grub-efi-amd64-bin",
	"/usr/lib/qemu/virtiofsd":                                    "qemu-system-common",
	"/usr/lib/systemd/boot/efi/systemd-bootx64.efi":              "systemd-boot-efi",
	"/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so": "libsystemd-shared",
	"/usr/share/OVMF/OVMF_CODE_4M.fd":                            "ovmf",
	"/usr/share/OVMF/OVMF_VARS_4M.fd":                            "ovmf",
	"/usr/share/OVMF/OVMF_VARS_4M.ms.fd":                         "ovmf",

	"busybox":         "busybox-static",
	"nix-build":       "nix-bin",
	"nix-env":         "nix-bin",
	"nix-instantiate": "nix-bin",
	"nix-store":       "nix-bin",
}

// What the Makefile gets for tests, by the variables that name it.
const (
	KernelVariable  = "REPRODISK_KERNEL"  // a Linux kernel for machines
	ModulesVariable = "REPRODISK_MODULES" // a folder with its modules in a folder of its version
	// BootctlVariable is for the program of that name. The package that has it
	// would install a boot loader onto a machine with an ESP, so the program is
	// taken out of it.
	BootctlVariable = "REPRODISK_BOOTCTL"
)

// targets of the Makefile that get it.
var targets = map[string]string{KernelVariable: "kernel", ModulesVariable: "kernel", BootctlVariable: "bootctl"}

// Given is the path in one of these variables. Where nothing is there the test
// fails in CI, and is skipped elsewhere.
func Given(t testing.TB, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if _, err := os.Stat(path); err != nil {
		say := t.Skipf
		if os.Getenv("CI") != "" {
			say = t.Fatalf
		}
		say("%s=%q: %v; make %s gets one", variable, path, err, targets[variable])
	}
	return path
}

// Unmount ends a mount of an image that is read afterwards. Another mount
// namespace that is born meanwhile, as those of sandboxes are, may keep the
// filesystem alive for a moment after umount has returned; made read-only it
// has written everything by then, and writes nothing more.
func Unmount(t testing.TB, folder string) {
	t.Helper()
	Must(t, "mount", "-o", "remount,ro", folder)
	Must(t, "umount", folder)
}

// Tool returns the path of a tool of Packages, or ends the test.
func Tool(t testing.TB, name string) string {
	t.Helper()
	pkg, ok := Packages[name]
	if !ok {
		t.Fatalf("judge: %s is not in judge.Packages", name)
	}
	if p, ok := program.Find(name); ok {
		return p
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: apt-get install %s", name, pkg)
	}
	t.Skipf("%s is missing: apt-get install %s", name, pkg)
	return ""
}

// File returns the path of a file or folder of Packages, which is its name
// there, or ends the test.
func File(t testing.TB, path string) string {
	t.Helper()
	pkg, ok := Packages[path]
	if !ok {
		t.Fatalf("judge: %s is not in judge.Packages", path)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: apt-get install %s", path, pkg)
	}
	t.Skipf("%s is missing: apt-get install %s", path, pkg)
	return ""
}

// Result is what a tool said.
type Result struct {
	Stdout, Stderr string
	Status         int
}

// Run calls a tool in the C locale and in UTC, and returns what it said,
// whatever its exit status.
func Run(t testing.TB, name string, args ...string) Result {
	t.Helper()
	return RunInput(t, "", name, args...)
}

// RunInput is Run with the given standard input.
func RunInput(t testing.TB, stdin, name string, args ...string) Result {
	t.Helper()
	cmd := exec.Command(Tool(t, name), args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "MTOOLS_SKIP_CHECK=1")
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return Result{Stdout: stdout.String(), Stderr: stderr.String(), Status: cmd.ProcessState.ExitCode()}
}

// Must is Run for a tool whose failure ends the test with all that it said.
func Must(t testing.TB, name string, args ...string) string {
	t.Helper()
	r := Run(t, name, args...)
	if r.Status != 0 {
		t.Fatalf("%s %s: exit status %d\n%s%s", name, strings.Join(args, " "), r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Root ends the test where it does not run as root, which mounting needs. CI
// runs as root, so it fails there.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("this test mounts an image and needs root")
	}
	t.Skip("this test mounts an image and needs root")
}
