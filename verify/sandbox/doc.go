// Package sandbox runs one command in a world of the caller's choosing, and
// writes out nothing but what the command leaves at $out.
//
// There are levels, each by name, and none falls back to another:
//
//   - none: the machine as it is. Environment, umask, processors and address
//     layout are chosen; every process that is left over is ended.
//   - supervised: ptrace alone, for containers that refuse namespaces. What
//     package supervise makes is chosen too.
//   - isolated: new user, mount, pid, uts, ipc, network and cgroup namespaces,
//     a root of its own, no new privileges.
//   - vm: the level isolated, run inside of a virtual machine (package vm) whose
//     root is this machine's, read-only. The guest's init is this program again
//     (Guest), which calls Run with the caller's numbers; its result and what the
//     command prints come back as events, the output on the guest's disk.
//
// # Processes
//
//	thread of Run   one locked OS thread a sandbox: it starts and awaits init
//	└─ init         this program again (Main); pid 1 of the namespaces. It makes
//	   │            the root, reaps, and takes the output out when all is dead
//	   └─ exec      this program again: limits, user, supervision, then execve
//	      └─ the build
//
// Where user namespaces are allowed there are two, one in the other: init's,
// which owns the mounts, and the build's, whose copies of those mounts are
// locked (mount_namespaces(7), "Restrictions on mount namespaces"), so that a
// build that is root inside cannot make the machine's folders writable again,
// uncover what is hidden below a mount, or trace init. The build's own user is
// the caller under another number: what the caller may read, it may read. Other
// numbers exist where the caller is root, or newuidmap(1) gives it some; else
// chown(2) to others fails. Where root may not make user namespaces, the build
// runs without one, under its number for real, with the few capabilities that a
// container has.
//
// A build of root's has root's number on the machine too. What that number alone
// can steer is read-only for it (/proc/sys, /proc/sysrq-trigger, …), and it cannot
// mount a /proc of its own, which would uncover that: sandboxes inside of one
// (bwrap, Nix's) work for ordinary users only.
//
// # The root
//
// Either the whole machine, read-only, by one bind mount for each folder of /,
// or only what Request.Inputs names. On top: private /tmp, /var/tmp, /run, /dev
// and /proc, a /sys that shows the sandbox's network, the build folder, and the
// files in /proc, /sys and /etc that tell what the world says. A place for a
// mount that the machine does not have is made by putting a private folder,
// with all its entries bound, in the place of its parent (layout.go).
//
// The build folder holds tmp (TMPDIR) and, where the world names no other home,
// home; $out is the name "out" in it, which does not exist yet. On tmpfs the
// output is copied to Request.OutDir, holes kept; on disk the folder lies in
// Request.OutDir from the start, and the output is renamed.
//
// # What comes out
//
// Regular files and folders, and in a folder relative symbolic links that stay
// in it. Absolute links and links that lead out, several names for one file,
// devices, fifos and sockets are refused by name. Nothing is followed: init reads by descriptor
// (openat2(2), RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS), after the last process of
// the build has ended. From a virtual machine's disk it is read, with the same
// checks, when the machine is off.
//
// # Limits
//
// Memory and processes of the whole run are bound by a control group of either
// version where one can be made, else of single processes, which Result.Limits
// says. A tmpfs counts as memory.
//
// # What it does not do
//
// It is no defence against holes of the kernel, but for the level vm. Unix sockets
// that lie outside of /run and /tmp can be reached if the caller may (Nix's daemon
// is one).
// Processor features and the processor's own random instructions stay the
// machine's. One tracer a process: strace and gdb do not run in a supervised
// build.
package sandbox
