package boot

import (
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// File is a file that a boot loader brings.
type File struct {
	On     partition.Role // the filesystem that it goes to
	Path   string         // there, with slashes
	Option string         // of the spec that asks for it, for messages

	Source string // the file that holds it, on this machine; empty: Data does
	Data   []byte
}

// Place adds the files to the trees of their filesystems. All their times are
// the epoch's, in seconds since 1970.
func Place(s *spec.Spec, trees map[partition.Role]*tree.Node, files []File, epoch int64) error {
	for _, f := range files {
		inode := &tree.Inode{Mode: tree.Regular | 0o644, Size: int64(len(f.Data)), Content: memory(f.Data), Origin: f.Option}
		if f.Source != "" {
			var err error
			if inode, err = stage.File(f.Source); err != nil {
				return s.Errorf(f.Option, "%v", err)
			}
			inode.Mode = tree.Regular | 0o644
		}
		path := f.Path
		if f.On != partition.Root {
			path = fold(trees[f.On], path)
		}
		if err := stage.Put(trees[f.On], path, inode, epoch); err != nil {
			return s.Errorf(f.Option, "%v", err)
		}
	}
	return nil
}

// fold gives a path's names the case that they have in the tree, as far as
// they are there: on FAT efi and EFI are one directory.
func fold(n *tree.Node, path string) string {
	names := strings.Split(strings.Trim(path, "/"), "/")
	for i, name := range names {
		at := slices.IndexFunc(n.Children, func(c *tree.Node) bool { return strings.EqualFold(c.Name, name) })
		if at < 0 {
			break
		}
		n = n.Children[at]
		names[i] = n.Name
	}
	return "/" + strings.Join(names, "/")
}

// onESP is a list of the places of one EFI program.
func onESP(option, source string, data []byte, paths ...string) (files []File) {
	for _, p := range paths {
		files = append(files, File{On: partition.ESP, Path: p, Option: option, Source: source, Data: data})
	}
	return files
}

// removable is where firmware looks that has no boot option for the disk
// (UEFI Specification 2.10, table 3.2).
const removable = "/EFI/BOOT/BOOTX64.EFI"
