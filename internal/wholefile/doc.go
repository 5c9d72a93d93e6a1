// Package wholefile makes files that appear whole or not at all: a file is
// written under a name of its own beside its place, synced, and renamed. What
// is left out of a file when its writer fails, or of the folders made for it,
// is nothing.
package wholefile
