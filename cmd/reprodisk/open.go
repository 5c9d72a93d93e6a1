package main

import (
	"github.com/spf13/pflag"

	"github.com/reprodisk/reprodisk/split"
)

// addOpenFlags adds the flags of every command that opens images.
func addOpenFlags(flags *pflag.FlagSet, opt *split.OpenOptions) {
	flags.BoolVar(&opt.AllowBacking, "allow-backing", false, "read the files that a qcow2 names for a part of its disk, as long as\nthey lie in its own folder or below")
}
