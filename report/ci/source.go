package ci

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// Source is the file of a repository that makes the image: a spec, a script,
// a Makefile, a workflow. Findings are shown at its lines, because that is
// where a change pins them.
type Source struct {
	Path  string // relative to the repository, with slashes
	line  int    // every finding's, where it was given
	lines []string
	paths map[string]int // the lines of the paths that stand in it
	cache map[lineKey]int
}

// lineKey is what the line of a finding depends on, beside its file.
type lineKey struct {
	format, field string
	cause         report.Cause
}

// NewSource is a source with its text, in which the line of each finding is
// looked for.
func NewSource(name string, text []byte) *Source {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i, line := range lines {
		if isComment(line) {
			lines[i] = ""
		}
	}
	return &Source{Path: name, lines: lines, paths: pathsOf(lines), cache: map[lineKey]int{}}
}

// NewSourceAt is a source whose one line stands for all findings.
func NewSourceAt(name string, line int) *Source {
	return &Source{Path: name, line: max(line, 1)}
}

func isComment(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//")
}

// tools are the programs that write a format, by their names in a script.
var tools = map[string][]string{
	"ext4":     {"mkfs.ext4", "mkfs.ext3", "mkfs.ext2", "mke2fs", "tune2fs", "genext2fs", "debugfs", "e2fsck", "resize2fs"},
	"fat":      {"mkfs.vfat", "mkfs.fat", "mkfs.msdos", "mkdosfs", "mformat", "mlabel", "mcopy", "mmd", "fatlabel"},
	"gpt":      {"sgdisk", "sfdisk", "parted", "gdisk", "cgpt", "genimage", "systemd-repart"},
	"mbr":      {"sfdisk", "parted", "fdisk", "sgdisk", "genimage", "grub-install", "grub-bios-setup"},
	"xfs":      {"mkfs.xfs", "xfs_admin", "xfs_repair"},
	"squashfs": {"mksquashfs", "sqfstar", "gensquashfs", "tar2sqfs"},
	"erofs":    {"mkfs.erofs"},
	"iso9660":  {"xorriso", "xorrisofs", "genisoimage", "mkisofs", "grub-mkrescue"},
	"gz":       {"gzip", "pigz"},
	"xz":       {"xz"},
	"zst":      {"zstd"},
}

// options are the options of a spec that a finding may follow from.
func options(f *report.Finding) []string {
	var out []string
	switch {
	case f.Field == "s_uuid" || f.Field == "sb_uuid" || f.Field == "BS_VolID" || f.Format == "erofs" && f.Field == "uuid":
		out = []string{"rootFSUID"}
	case f.Field == "s_volume_name" || f.Field == "sb_fname" || f.Field == "BS_VolLab" || f.Format == "erofs" && f.Field == "volume_name":
		out = []string{"label"}
	case f.Field == "UniquePartitionGUID":
		out = []string{"rootGPUID"}
	case f.Format == "gpt" || f.Format == "mbr":
		out = []string{"partitionTableType"}
	case isContainer(f.Format):
		out = []string{"format"}
	}
	switch f.Cause {
	case report.Time:
		out = append(out, "sourceDateEpoch", "deterministic")
	case report.Random:
		out = append(out, "deterministic")
	}
	switch f.Format {
	case "ext4", "fat", "squashfs", "xfs", "erofs":
		out = append(out, "fsType")
	case "gpt", "mbr":
		out = append(out, "partitionTableType")
	}
	return append(out, "fsType", "partitionTableType", "contents")
}

// Line is the line that a finding is shown at, counted from 1: of a file in
// the image, the one that names it, or the nearest folder above it; else the
// one that calls a tool which writes the format; else the option of a spec
// that decides it; else the first. It is 1 for a nil source.
func (s *Source) Line(f *report.Finding) int {
	switch {
	case s == nil:
		return 1
	case s.line > 0:
		return s.line
	}
	if n := s.nearest(f.File); n > 0 {
		return n
	}
	k := lineKey{f.Format, f.Field, f.Cause}
	n, ok := s.cache[k]
	if !ok {
		n = s.find(f)
		s.cache[k] = n
	}
	return n
}

// nearest is the line that has a path, or that of the nearest folder above it.
func (s *Source) nearest(file string) int {
	if !path.IsAbs(file) {
		return 0
	}
	for p := path.Clean(file); p != "/"; p = path.Dir(p) {
		if n := s.paths[p]; n > 0 {
			return n
		}
	}
	return 0
}

// find looks for the tool that writes a format, and for a spec's option.
func (s *Source) find(f *report.Finding) int {
	format := lastName(f.Format, '.')
	names := tools[format]
	if names == nil && isContainer(format) {
		names = []string{"qemu-img", "VBoxManage"}
	}
	best := 0
	for _, name := range names {
		// The first call in the file makes the structure; the others change it.
		if n := s.first(name); n > 0 && (best == 0 || n < best) {
			best = n
		}
	}
	if best > 0 {
		return best
	}
	for _, name := range options(f) {
		key := regexp.MustCompile(`^[\s{,-]*"?` + name + `"?\s*:`)
		if n := slices.IndexFunc(s.lines, key.MatchString); n >= 0 {
			return n + 1
		}
	}
	return 1
}

// first is the first line that has the word by itself.
func (s *Source) first(word string) int {
	beside := func(c byte) bool {
		return c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
	}
	for i, line := range s.lines {
		for at := 0; ; {
			j := strings.Index(line[at:], word)
			if j < 0 {
				break
			}
			j += at
			end := j + len(word)
			if (j == 0 || !beside(line[j-1])) && (end == len(line) || !beside(line[end])) {
				return i + 1
			}
			at = j + 1
		}
	}
	return 0
}
