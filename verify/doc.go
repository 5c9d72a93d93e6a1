// Package verify answers whether a builder makes the same image twice: it runs
// the builder two times and hands both outputs to package compare.
//
// Data runs: Spec, Check or Command makes two runs, each a process of its own
// with a TMPDIR and an output of its own; the outputs, a file or a folder each,
// are compared; the report comes back with the places where the outputs are
// kept, if they are.
//
// The second run begins more than two seconds after the first has ended, which
// is the coarsest clock that an image stores (FAT's DIR_WrtTime), so that a
// builder that writes the time into its image always differs. Everything else
// about the two runs is the same: the environment, the user, the working folder
// of a Command. So a verdict says that two runs on this machine agree, not that
// every machine would: varying the world is not done here.
//
// What a run leaves behind is ended and removed: its process group is killed
// when the run ends, its folder when Spec, Check or Command returns. Nothing
// is left of a run that failed.
package verify
