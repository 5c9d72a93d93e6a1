package main

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/reprodisk/reprodisk/report"
)

// scopeFlags say what of a comparison counts.
type scopeFlags struct {
	exclude, ignore []string
	partition       int
	maxFindings     int
}

func (f *scopeFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.exclude, "exclude", nil, "pass over files whose path matches `GLOB` (* matches slashes too; without\na slash, the name alone); may be given again")
	flags.StringArrayVar(&f.ignore, "ignore", nil, "pass over fields that match `GLOB`: s_uuid, i_?time, ext4/superblock/*,\nor a finding's id; may be given again")
	flags.IntVar(&f.partition, "partition", -1, "report partition `N` only; 0 is the disk itself")
	flags.IntVar(&f.maxFindings, "max-findings", 0, "show at most `N` causes in text and Markdown (50, or all with --verbose)")
}

// apply limits a report to the scope. What is passed over stays in it, with
// the reason.
func (f *scopeFlags) apply(r *report.Report) error {
	if f.partition < -1 || f.maxFindings < 0 {
		return fmt.Errorf("--partition and --max-findings take no number below zero")
	}
	if len(f.exclude) == 0 && len(f.ignore) == 0 && f.partition < 0 {
		return nil
	}
	if f.partition > 0 && !slices.ContainsFunc(r.Partitions, func(p report.Partition) bool { return p.Number == f.partition }) {
		return fmt.Errorf("--partition %d: neither %s nor %s has it", f.partition, r.A.Path, r.B.Path)
	}
	return r.Apply(report.Scope{Exclude: f.exclude, Ignore: f.ignore, Partition: f.partition})
}
