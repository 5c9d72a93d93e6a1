// Package attribute finds out which part of a build's world each difference
// follows, by building again: pin everything, then vary one thing at a time.
//
// Data runs: the report of two builds that differ comes in, with a pinned world
// and the other values of its parts; Run asks a Lab for builds in worlds that
// it makes of them, compares their outputs with that of the pinned world, and
// matches what differs there to the findings of the report. Each root finding
// gets the variations that it follows, "race", or a note that none showed.
//
// What it takes for a blame:
//
//   - Three builds in the pinned world are compared first. What differs among
//     them follows nothing that can be varied: it is a race, and is taken out of
//     every list.
//   - A variation after which something differs is built a second time. A
//     difference that one of the two does not show is a race, too; one that both
//     show, but not the same, is made by a variation that is random by nature
//     (addresses), after two more builds in the pinned world agreed.
//   - Where the two builds could have come out so by chance, more of them are
//     made: of N builds that agree and k that do not, the k are just those of one
//     variation of V by chance in less than V/C(N+k, k) of all cases.
//   - What no single variation shows, all of them together may; then fewer and
//     fewer of them are varied, until none can be left out.
//
// Randomness is mixed into much that is not random: libuuid takes in the clock,
// the process id and the user. A finding that randomness alone changes in the
// same places is put down to randomness.
//
// It does not look at how a builder works. A finding that follows nothing that
// the sandbox can vary (the network, the processor's own random numbers, another
// version of a tool) stays without a variation.
package attribute
