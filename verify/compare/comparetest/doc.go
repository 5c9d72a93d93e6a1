// Package comparetest is what the tests of comparers share: a tree of files to
// make images of, changes to it, a comparison whose findings must add up to
// what cmp counts, and damage.
package comparetest
