package treecmp

import "github.com/reprodisk/reprodisk/report"

// About is what is known of a field beforehand.
type About struct {
	Cause  report.Cause
	Remedy string
}

// Remedies that do not depend on the format.
const (
	RemedyContent = "find what writes this file, and pin its clock, randomness, order and paths"
	TouchFiles    = "set the source's times before the image is made: touch -h -d @$SOURCE_DATE_EPOCH"
	FreshBlocks   = "write the image to an empty file, not over an older one"
	PinUmask      = "pin the umask, and set modes in the source"
	SameTarget    = "make the link with the same target in both builds"
	SameFiles     = "make the same files in both builds"
)
