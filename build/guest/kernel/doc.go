// Package kernel finds a Linux kernel for the guest, says which version it is,
// and collects the modules that the guest needs with all that those need, in
// the order in which they have to be loaded.
//
// What a module needs is read from modules.dep and modules.softdep where they
// are, else from the modules' own .modinfo sections (depends=, softdep=), as
// modprobe and depmod of kmod do. Soft dependencies are loaded where they can
// be; of the several modules that offer one algorithm it is the generic one.
// Modules that are compressed (xz, zstd, gzip) come out unpacked. What is built
// in, by modules.builtin, needs no file.
//
// A kernel's header is read as Documentation/arch/x86/boot.rst of the kernel
// and, for arm64, Documentation/arch/arm64/booting.rst specify it. Folders and
// kernels are input as any other: what is damaged is an error, never a panic.
package kernel
