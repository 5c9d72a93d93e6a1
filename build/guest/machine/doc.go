// Package machine runs one virtual machine from its start to its end: QEMU,
// with KVM where a guest really comes up under it and emulated where not, or
// user-mode Linux.
//
// QEMU is driven over QMP, its machine protocol, through
// digitalocean/go-qemu. All that the machine works on is handed over as open
// files: nothing has a name that could be left behind, and the kernel ends QEMU
// when this program ends. User-mode Linux is several processes: they end with
// the first in a process namespace, or, where the host allows none, in the group
// that is killed at the end.
//
// The machine ends in one of a few ways, each of which is told in one line: the
// guest is done; a step of the guest failed; its kernel panicked; nothing moved
// for too long; QEMU ended or stood still by itself; the caller's context ended.
package machine
