// Package stage turns a spec's contents into the tree that a filesystem is
// written from, as make-disk-image's staging folder would have held it, but
// without one: nodes point at their sources, and nothing is copied.
//
// What an entry means (source, target, mode, user, group, globs) is
// make-disk-image's, which means rsync(1), chmod and chown by way of a shell;
// docs/make-disk-image.md lists where it differs and why. Above all, no target
// leads out of the root, whatever links the staged tree holds, and hard links,
// extended attributes, ACLs and capabilities stay.
//
// The tree depends on the sources' names, types, modes, contents, modification
// times and extended attributes, and on nothing else: not on the order in which
// a folder lists them, their owner, their access or change times, where they
// lie, who stages them, nor on umask, locale or processor count. Everything
// belongs to root:root unless an entry says otherwise. Modification times are
// clamped to the epoch, all other times are the epoch.
//
// It refuses a source that is missing or cannot be read, a duplicate target, a
// target below something that is no directory, links that loop, a mode that
// rsync would refuse, a user or group that the image does not know, and later,
// when content is read, a file that changed since it was staged.
//
// Data flows from the host's filesystem to a tree.Node. The package reads
// sources and writes nothing.
package stage
