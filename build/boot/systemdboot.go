package boot

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
)

// SystemdBootPath is where systemd-boot lies on the EFI System Partition, and
// what its boot option names.
const SystemdBootPath = "/EFI/systemd/systemd-bootx64.efi"

// kernelFolder holds a folder for each entry that brings files.
const kernelFolder = "/kernels/"

// SystemdBoot is the files of systemd-boot with its menu. Entries and kernels
// are on the XBOOTLDR partition where the layout has one, else on the EFI
// System Partition.
func SystemdBoot(s *spec.Spec) []File {
	const option = "systemdBoot"
	b := s.SystemdBoot
	files := onESP(option, s.Resolve(b.EFI), nil, SystemdBootPath, removable)

	var conf strings.Builder
	if b.Timeout != nil {
		fmt.Fprintf(&conf, "timeout %d\n", *b.Timeout)
	}
	fmt.Fprintf(&conf, "default %s.conf\n", b.Default)
	files = append(files, File{On: partition.ESP, Path: "/loader/loader.conf", Option: option, Data: []byte(conf.String())})

	kernels := partition.ESP
	if s.PartitionTableType == spec.TableEFIXBootldr {
		kernels = partition.XBOOTLDR
	}
	placed := map[string]string{} // paths on the partition, by the sources'
	place := func(source, path string) string {
		if there, ok := placed[source]; ok {
			return there
		}
		placed[source] = path
		files = append(files, File{On: kernels, Path: path, Option: option, Source: s.Resolve(source)})
		return path
	}
	for _, e := range b.Entries {
		var conf strings.Builder
		fmt.Fprintf(&conf, "title %s\nlinux %s\n", e.Title, place(e.Linux, kernelFolder+e.Name+"/linux"))
		for i, source := range e.Initrd {
			fmt.Fprintf(&conf, "initrd %s\n", place(source, kernelFolder+e.Name+"/"+numbered("initrd", i)))
		}
		if e.Options != "" {
			fmt.Fprintf(&conf, "options %s\n", e.Options)
		}
		files = append(files, File{On: kernels, Path: "/loader/entries/" + e.Name + ".conf", Option: option, Data: []byte(conf.String())})
	}
	return files
}

func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, i+1)
}
