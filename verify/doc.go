// Package verify answers whether a builder makes the same image twice: it runs
// the builder in two worlds, hands both outputs to package compare, and finds
// out, where asked, which difference between the worlds each difference between
// the outputs follows.
//
// Data runs: Spec, Check, Command or Again makes a job of its arguments (job.go)
// and the worlds of its Options (plan.go); a lab builds (build.go), each time in
// a sandbox and a folder of its own; the outputs, a file or a folder each, are
// compared (pair.go), or counted (repeat.go), or built again and again with one
// thing varied at a time (attribute.go, package attribute). The report comes
// back, with the places where the outputs and the evidence (evidence.go, package
// buildinfo) are kept, if they are.
//
// By default the second world differs in everything that a builder has to bear
// and that costs nothing. What was asked for by name and cannot be varied is an
// error; what is varied by default and cannot be is passed over, and said to be.
// Where the clock cannot be set, the second build begins more than two seconds
// after the first has ended: that is the coarsest clock that an image stores
// (FAT's DIR_WrtTime).
//
// A verdict says that two builds agree in these two worlds on this machine, not
// that every machine would make them: other processors and other versions of
// tools are not tried.
//
// What a build leaves behind is ended and removed: by the sandbox when it ends,
// its folder when Spec, Check, Command or Again returns. Nothing is left of a
// run that failed.
package verify
