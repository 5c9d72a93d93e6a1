package main

import (
	"github.com/spf13/pflag"

	"github.com/reprodisk/reprodisk/split"
)

// addOpenFlags adds the flags of every command that opens images.
func addOpenFlags(flags *pflag.FlagSet, opt *split.OpenOptions) {
	flags.BoolVar(&opt.AllowBacking, "allow-backing", false, "read the files that a qcow2 names for a part of its disk, as long as\nthey lie in its own folder or below")
}

// addDigestsFlag adds the flag of every command that compares images.
func addDigestsFlag(flags *pflag.FlagSet, digests *bool) {
	flags.BoolVar(digests, "digests", false, "compute the SHA-256 of both disks, of their partitions, and of files\nbeside them; takes one more pass")
}
