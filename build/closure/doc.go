// Package closure puts Nix store paths, with all that they need, into an
// image's tree, as nixos-install does, but without Nix and without copying.
//
// Read finds out what belongs to a closure, from one of three sources: a
// registration (the file of that name that nixpkgs' closureInfo makes, which is
// what nix-store --dump-db prints), the database of a store on this machine, or
// the nix-store program. Install then adds the closure to a staged root; Store
// is the store alone, for onlyNixStore. Channel makes a store path of a source
// tree, as make-disk-image's channelSources is one.
//
// What a store path is named after, how its content is hashed and what its
// files look like is specified in the Nix manual ("Store path",
// "Nix Archive (NAR) format", "File System Object") and, for the layout of
// /nix/var/nix, by what nix-env leaves behind; docs/make-disk-image.md lists
// where the result differs and why.
//
// The result depends on the paths, their contents and their references, and on
// nothing else: not on where the information about them came from, which
// derivation made them, who signed them, or when. One thing of the host's store
// shows: files that are hard links of each other there (auto-optimise-store)
// are so in the image, and take their space once.
//
// It refuses a registration that is malformed, a reference to a path that is
// not registered, references in a circle, a path that is missing from the
// store, anything in the store but files, folders and links, and, where it is
// asked to verify, contents that do not have the hash that is registered.
//
// Data flows from a Source to a Closure to a tree.Node.
package closure
