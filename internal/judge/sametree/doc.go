// Package sametree lets tests of filesystem writers hold a tree against what
// the kernel reads from the image: names, types, modes, owners, times, hard
// links, devices, targets, extended attributes and content. Its sample tree
// has one of everything that is easily got wrong.
package sametree
