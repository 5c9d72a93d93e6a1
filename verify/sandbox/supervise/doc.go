// Package supervise shows the processes of a build a world of our choice: their
// clock, the times of files, randomness, the order of folders, the kernel's
// version, the size of the memory, inode and device numbers. It works for
// dynamic and static programs alike, for raw system calls too, and needs no
// privilege but that of tracing one's own children.
//
// # How
//
// A seccomp filter (seccomp(2), SECCOMP_RET_TRACE) stops a process at those
// system calls, and with those arguments, that the world makes differ; all
// others run at full speed. The supervisor, a tracer of ptrace(2) that sits on
// one thread of the calling program, answers the call itself, or lets it run and
// changes its result. At each execve(2) it looks at the new program before its
// first instruction: it writes AT_RANDOM, and overwrites the functions of the
// vDSO, which answer without a system call: clock_gettime becomes "system call,
// then add the offset", with a mark in the sixth argument that the filter lets
// pass; getrandom is taken away. Where the vDSO is of a shape not known, it is
// hidden from the program (AT_SYSINFO_EHDR becomes AT_IGNORE), which is slower
// and otherwise the same. The vsyscall page asks the filter by itself. The stat
// family, of which a build makes more calls than of all others, goes by code in
// the vDSO too, at one stop a call, and from a C library, or a Go program, at
// none: see detour_amd64.go, site_amd64.go and gosite_amd64.go.
//
// Data runs one way: a World becomes controls (what has to be stopped at), these
// a filter, and Run turns each stop into an answer. Prepare is the other side: it
// installs the filter in the process that is about to become the build.
//
// # What is controlled
//
//   - time: CLOCK_REALTIME, its coarse, alarm and TAI forms, gettimeofday, time.
//     Absolute deadlines of these clocks (futexes, timers, sleeps, message
//     queues) are turned into the machine's time, so that waiting lasts as long
//     as it should; under a frozen clock a deadline lies as far ahead as it is
//     after the frozen time. Setting the clock is refused. File times that lie
//     between Options.Start and now were made by the kernel, and are shown as the
//     clock has them; what is stored stays as it is. CLOCK_MONOTONIC and
//     CLOCK_BOOTTIME, the processes' start times and the time since boot remain
//     the machine's: they are no date.
//   - random: getrandom, AT_RANDOM, reading /dev/random and /dev/urandom by any
//     descriptor, /proc/sys/kernel/random/uuid and boot_id. Each program has a
//     stream of its own: see stream.go.
//   - fileordering: getdents and getdents64, over the whole folder: see
//     readdir.go.
//   - kernel, domain_host: uname. What /proc says of them is the sandbox's part.
//   - memory: sysinfo.
//   - inodes: the inode and device numbers of the sandbox's own filesystems, in
//     stat, statx and folders.
//   - input_times: the times of files that the build has not touched.
//
// # What is not
//
//   - Instructions: RDTSC, RDRAND, RDSEED, CPUID. Few processors can be asked to
//     stop at them, and many programs execute them before they think.
//   - CLOCK_MONOTONIC as a source of randomness: mktemp of some versions of
//     coreutils names its files by its nanoseconds.
//   - Times inside of filesystems that the kernel itself writes (a loop device
//     that is mounted), of SysV IPC, of packets (SO_TIMESTAMP), /dev/rtc.
//   - A time that the build itself sets on a file, which lies between
//     Options.Start and now as the machine has it, is taken for one of the
//     kernel's. A build never sees such a time, so it can only hit it by chance,
//     or where its clock is off by less than it runs.
//   - Device and inode numbers in /proc/PID/maps, mountinfo and file handles;
//     inode generation numbers.
//   - Threads that draw from the program's one stream at the same time: who comes
//     first is a race, as it is without a seed.
//   - A /dev/urandom that is reached by a link of another name, or handed over a
//     socket.
//
// # What is refused
//
// A 32-bit (i386) program, or a system call of the i386 or x32 interface, ends
// the run, with the program's name. The build cannot trace its own processes
// (strace, gdb: one tracer a process): its ptrace calls fail with EPERM and are
// noted. io_uring_setup fails with ENOSYS where a ring could bypass something
// controlled. A seccomp filter of the build's own works as ever; where it hands a
// call to a notifier (SECCOMP_RET_USER_NOTIF) that lets it continue, the kernel
// does not stop at it again, and the call escapes.
//
// Processes of the build are hostile input: their memory is read with bounds,
// bad pointers give EFAULT as from the kernel, and nothing that they do stops
// the supervisor from ending them. All die with its thread
// (PTRACE_O_EXITKILL).
package supervise
