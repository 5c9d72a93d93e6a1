// Package world describes the world in which a build runs, as plain data: all
// that a build may see of its surroundings and that can be chosen (the clock,
// the user, the order in which folders are listed, …), each part under the name
// of the variation that changes it.
//
// The names are those of reprotest where it has them; random, pid, memory,
// filesystem, inodes, input_times and load are what disk images need beyond.
//
// A World says what should be; package sandbox makes it so, at a level that
// can, or refuses. The zero value of each part leaves the machine's own alone.
//
// Data runs one way: this package imports nothing of the project, and every
// other that speaks of worlds imports it.
package world
