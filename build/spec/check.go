package spec

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// nameChars are what Nix takes for a store path's name, which is what
// make-disk-image's name becomes.
var nameChars = regexp.MustCompile(`^[0-9A-Za-z+_?=-][0-9A-Za-z+._?=-]*$`)

// maxStoreName is the length of such a name. As a count in the pattern it would
// take every start of the program 5 ms.
const maxStoreName = 211

// fixedGUIDs are what every image has: of the disk, as sgdisk reads the
// seed's misspelt one, and of the partitions before the root's.
var fixedGUIDs = []string{
	"97FD5997-F390-0B4A-A3F8-D106C1723AEA",
	"1C06F03B-704E-4657-B9CD-681A087A2FDC",
	"970C694F-AFD0-4B99-B750-CDB7A329AB6F",
}

// check is make-disk-image's assertions, in its order, and then what its tools
// would have refused, or done wrong without a word.
func (s *Spec) check() error {
	switch {
	case s.FSType == "ext4" && s.Deterministic && s.RootFSUID == nil:
		return s.Errorf("rootFSUID", "a deterministic ext4 filesystem needs one; leave it out and it equals rootGPUID")
	case s.PartitionTableType != TableNone && s.FSType != "ext4":
		return s.Errorf("fsType", "%s needs partitionTableType: none; in a partition table the root filesystem is ext4", s.FSType)
	case s.TouchEFIVars && !s.HasESP() && s.PartitionTableType != TableLegacyGPT:
		return s.Errorf("touchEFIVars", "EFI variables need partitionTableType hybrid, efi, efixbootldr or legacy+gpt, not %s", s.PartitionTableType)
	case s.OnlyNixStore && len(s.Contents) > 0:
		return s.Errorf("contents", "an image of only the Nix store (onlyNixStore) has no contents")
	case s.OnlyNixStore && s.ConfigFile != "":
		return s.Errorf("configFile", "an image of only the Nix store (onlyNixStore) has no configuration")
	case s.OnlyNixStore && s.InstallBootLoader:
		at := "installBootLoader"
		if _, ok := s.at["bootLoader"]; ok {
			at = "bootLoader"
		} else if _, ok := s.at[at]; !ok {
			at = "onlyNixStore"
		}
		return s.Errorf(at, "an image of only the Nix store has no boot loader; set installBootLoader: false")
	}
	// Beyond the assertions.
	if most, ok := map[string]int{Ext4: 16, VFAT: 11, EROFS: 15, Btrfs: 255, XFS: 12}[s.FSType]; ok && len(s.Label) > most {
		return s.Errorf("label", "%q has %d bytes; %s takes %d", shorten(s.Label), len(s.Label), s.FSType, most)
	}
	if s.PartitionTableType != TableNone && s.PartitionTableType != TableLegacy {
		for _, taken := range fixedGUIDs {
			if s.RootGPUID.String() == taken {
				return s.Errorf("rootGPUID", "%s is the GUID that make-disk-image gives the disk or another partition", taken)
			}
		}
	}
	if !nameChars.MatchString(s.Name) || len(s.Name) > maxStoreName {
		return s.Errorf("name", "%q is no name for Nix: letters, digits and +-._?= only, at most 211, no dot in front", shorten(s.Name))
	}
	if !s.HasESP() {
		for _, option := range []string{"espContents", "espFat"} {
			if _, given := s.at[option]; given {
				return s.Errorf(option, "the layout %s has no EFI System Partition", s.PartitionTableType)
			}
		}
	}
	if _, given := s.at["bootContents"]; given && s.PartitionTableType != TableEFIXBootldr {
		return s.Errorf("bootContents", "the layout %s has no XBOOTLDR partition; only efixbootldr has", s.PartitionTableType)
	}
	if err := s.checkFilesystem(); err != nil {
		return err
	}
	if err := s.checkClosure(); err != nil {
		return err
	}
	if err := s.checkLoader(); err != nil {
		return err
	}
	return s.checkGuest()
}

// Epoch is the time, in seconds since 1970, to which times in the image are
// clamped: sourceDateEpoch where the spec gives it, else environment, which is
// the value of the variable SOURCE_DATE_EPOCH where that is set, else 1, as
// the Nix store has it.
func (s *Spec) Epoch(environment string) (int64, error) {
	if s.SourceDateEpoch != nil {
		return *s.SourceDateEpoch, nil
	}
	if environment == "" {
		return 1, nil
	}
	v, err := strconv.ParseInt(strings.TrimSpace(environment), 10, 64)
	if err != nil || v < 0 || v > maxEpoch {
		return 0, fmt.Errorf("the environment's SOURCE_DATE_EPOCH %q is not a number of seconds between 0 and %d", shorten(environment), int64(maxEpoch))
	}
	return v, nil
}
