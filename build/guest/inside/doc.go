// Package inside is the guest's side: this program as the first process of a
// virtual machine, where it loads modules, mounts the disk's filesystems, does
// the steps of its job one by one, unmounts, and turns the machine off.
//
// It is started by the kernel as /init. Main notices that and never returns;
// everywhere else it returns at once. Nothing here runs on the host.
//
// A job that is a task is done by a function of the program's, which Main is
// given, in place of all that but the modules and the end.
//
// Order and meaning of the steps are the job's. What is told to the host goes
// over the serial port as events, and, so that a person can read it, to the
// console as well.
package inside
