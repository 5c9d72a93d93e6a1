// Package wholefile makes files that appear whole or not at all: a file is
// written without a name on the filesystem of its place (O_TMPFILE), or under a
// name of its own there where that cannot be, synced, and put in its place.
// Where its writer fails nothing is left of it, nor of the folders made for it;
// where it is killed, nothing but empty folders, or the file with a name of its
// own, which the next writer takes away.
package wholefile
