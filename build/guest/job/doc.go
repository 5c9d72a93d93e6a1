// Package job is what the host and the guest say to each other: the job, which
// is a JSON file in the initramfs, and the events, which come back as one JSON
// object a line over a virtio serial port.
//
// The host takes what comes from the guest as it takes an image: anything may
// stand there. A line is at most MaxEvent bytes, and what is no event is an
// error of the guest.
package job
