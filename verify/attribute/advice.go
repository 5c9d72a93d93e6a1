package attribute

import (
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/world"
)

// advice is how a builder is made not to follow a variation.
var advice = map[string]string{
	Race:                       "let the steps that run at the same time write in a fixed order: sort what they leave, or run one at a time",
	string(world.Time):         "take the time from SOURCE_DATE_EPOCH, not from the clock",
	string(world.Timezone):     "set TZ=UTC in the build",
	string(world.LocaleName):   "set LC_ALL=C.UTF-8 in the build",
	string(world.Environment):  "write no environment variables into the image, or run the build with env -i and those that it needs",
	string(world.ExecPath):     "do not write PATH into the image",
	string(world.Home):         "set HOME in the build, and write nothing of it into the image",
	string(world.BuildPath):    "do not write the build folder's path into the image (compilers: -ffile-prefix-map, -trimpath)",
	string(world.UserGroup):    "set the owners in the build, by number (mke2fs -E root_owner=0:0, tar --owner=0 --group=0 --numeric-owner)",
	string(world.Umask):        "set the umask in the build, or the modes of the files",
	string(world.DomainHost):   "do not write the host name into the image",
	string(world.FileOrdering): "sort what is listed (LC_ALL=C sort, tar --sort=name)",
	string(world.NumCPUs):      "do not let the number of processors decide (nproc, -j, threads of a compressor)",
	string(world.ASLRName):     "write no addresses, and do not sort or hash by them",
	string(world.KernelName):   "do not write what uname says into the image",
	string(world.RandomName):   "give the identifier, or the seed, to the tool",
	string(world.PID):          "write no process ids into the image, and make no names of them",
	string(world.Memory):       "do not let the size of memory decide (compressors, caches)",
	string(world.FilesystemOf): "do not depend on the filesystem that is built on (sizes of folders, free space, holes)",
	string(world.InodesName):   "write no inode or device numbers (cpio --renumber-inodes --ignore-devno)",
	string(world.InputTimesOf): "set or clamp the times of the files in the image: copying takes over their change and access times",
	string(world.Load):         "do not let the time that a step takes decide (timeouts, polling)",
}

// causeOf is what sort of thing a variation is, where the field itself did not
// tell.
func causeOf(n world.Name) report.Cause {
	switch n {
	case world.Time, world.InputTimesOf:
		return report.Time
	case world.RandomName:
		return report.Random
	case world.FileOrdering:
		return report.Order
	}
	return report.Environment
}

// refine enters what is known of a finding's cause now, and how to pin it.
func refine(f *report.Finding, names []world.Name) {
	known := f.Cause != report.Content && f.Cause != report.Unknown
	if f.Cause == report.Random && !slices.Contains(names, world.RandomName) {
		known = false // an identifier that is made of something else, as mkfs.vfat's of the clock
	}
	if !known {
		f.Cause = causeOf(names[0])
		for _, n := range names {
			if c := causeOf(n); c == report.Time || c == report.Random {
				f.Cause = c
				break
			}
		}
	}
	for _, n := range names {
		if known && causeOf(n) == f.Cause && f.Remedy != "" {
			continue // the remedy is about that already
		}
		advise(f, advice[string(n)])
	}
}

// advise adds to a finding's remedy.
func advise(f *report.Finding, text string) {
	switch {
	case text == "" || strings.Contains(f.Remedy, text):
	case f.Remedy == "":
		f.Remedy = text
	default:
		f.Remedy += "; " + text
	}
}

// note adds to a finding's note.
func note(f *report.Finding, text string) {
	if f.Note != "" {
		text = f.Note + "; " + text
	}
	f.Note = text
}
