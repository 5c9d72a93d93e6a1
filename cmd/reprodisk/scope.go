package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/report/policy"
)

// scopeFlags say what of a comparison counts, and what may differ.
type scopeFlags struct {
	exclude, ignore []string
	partition       int
	maxFindings     int
	policy          string
	noPolicy        bool
	strict          bool
	baseline        string

	again bool // the report is a saved one, which has been judged
	set   *pflag.FlagSet
	gate  policy.Gate
}

func (f *scopeFlags) add(flags *pflag.FlagSet) {
	f.set = flags
	if f.again {
		flags.StringVar(&f.policy, "policy", "", "judge anew what may differ, and why: by the rules in `FILE`")
		flags.BoolVar(&f.noPolicy, "no-policy", false, "forget what was allowed")
	} else {
		flags.StringVar(&f.policy, "policy", "", "what may differ, and why: the rules in `FILE`; without it those in\n"+policy.FileName+", where this folder has it")
		flags.BoolVar(&f.noPolicy, "no-policy", false, "take no notice of "+policy.FileName)
	}
	flags.BoolVar(&f.strict, "strict", false, "fail where a rule is unused or has expired, and never allow bytes that\nno format claims")
	flags.StringVar(&f.baseline, "baseline", "", "let only decide what the earlier report in `REPORT.json` does not have")
	flags.StringArrayVar(&f.exclude, "exclude", nil, "pass over files whose path matches `GLOB` (* matches slashes too; without\na slash, the name alone); may be given again")
	flags.StringArrayVar(&f.ignore, "ignore", nil, "pass over fields that match `GLOB`: s_uuid, i_?time, ext4/superblock/*,\nor a finding's id; may be given again")
	flags.IntVar(&f.partition, "partition", -1, "report partition `N` only; 0 is the disk itself")
	flags.IntVar(&f.maxFindings, "max-findings", 0, "show at most `N` causes in text and Markdown (50, or all with --verbose)")
}

// open reads the policy and the baseline, so that a mistake in them is said
// before the work begins.
func (f *scopeFlags) open() error {
	if f.partition < -1 || f.maxFindings < 0 {
		return fmt.Errorf("--partition and --max-findings take no number below zero")
	}
	for _, name := range []string{"policy", "baseline"} {
		if flag := f.set.Lookup(name); flag.Changed && flag.Value.String() == "" {
			return fmt.Errorf("--%s: the name of the file is empty", name)
		}
	}
	if f.noPolicy && f.policy != "" {
		return fmt.Errorf("--policy and --no-policy do not go together")
	}
	f.gate = policy.Gate{Strict: f.strict, Today: time.Now()}
	var err error
	switch path := f.policy; {
	case path != "":
		f.gate.Policy, err = policy.Load(path)
	case !f.noPolicy && f.finds():
		f.gate.Policy, err = policy.Load(policy.FileName)
	}
	if err != nil {
		return err
	}
	for _, glob := range f.ignore {
		f.gate.Rules = append(f.gate.Rules, policy.Ignore(glob))
	}
	if len(f.exclude) > 0 {
		rule, err := policy.Exclude(f.exclude)
		if err != nil {
			return err
		}
		f.gate.Rules = append(f.gate.Rules, rule)
	}
	if f.baseline != "" {
		f.gate.BaselinePath = f.baseline
		if f.gate.Baseline, err = readReport(f.baseline); err != nil {
			return err
		}
	}
	return nil
}

// finds tells whether the working folder has a policy that goes for this
// command: one that compares. A saved report has been judged already.
func (f *scopeFlags) finds() bool {
	if f.again {
		return false
	}
	fi, err := os.Stat(policy.FileName)
	return err == nil && fi.Mode().IsRegular()
}

// apply judges a report and limits it to the scope. What is passed over stays
// in it, with the reason.
func (f *scopeFlags) apply(r *report.Report) error {
	if f.partition > 0 && !slices.ContainsFunc(r.Partitions, func(p report.Partition) bool { return p.Number == f.partition }) {
		return fmt.Errorf("--partition %d: neither %s nor %s has it", f.partition, r.A.Path, r.B.Path)
	}
	if f.again && (f.policy != "" || f.noPolicy || f.baseline != "") {
		r.Unjudge()
		if err := r.Finish(); err != nil {
			return err
		}
	}
	g := &f.gate
	if g.Policy != nil || len(g.Rules) > 0 || g.Baseline != nil || g.Strict {
		if err := g.Judge(r); err != nil {
			return err
		}
	}
	if f.partition < 0 {
		return nil
	}
	return r.KeepPartition(f.partition)
}
