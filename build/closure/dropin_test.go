package closure

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge/nixstore"
)

// stub is as much of nixpkgs as the drop-in uses.
const stub = `
let
  make = name: attributes: script: derivation ({
    inherit name script; system = "x86_64-linux"; builder = "/bin/sh";
  } // attributes);
  fixed = name: builtins.toFile name name;
in rec {
  lib = {
    assertMsg = ok: message: if ok then true else throw message;
    cleanSource = path: path;
    escapeShellArg = text: "'${text}'";
  };
  pkgs = {
    path = fixed "nixpkgs";
    runCommand = make;
    closureInfo = { rootPaths }: make "closure-info" { inherit rootPaths; } "";
    OVMF.fd = { firmware = fixed "OVMF_CODE.fd"; variables = fixed "OVMF_VARS.fd"; };
    reprodisk = fixed "reprodisk";
    qemu = fixed "qemu";
  };
  config.system = {
    build.toplevel = make "nixos-system-demo" { } "";
    nixos = { version = "23.11demo"; versionSuffix = "demo"; };
  };
  image = arguments: import DROPIN ({ inherit pkgs lib config; } // arguments);
}
`

// dropIn evaluates an expression in which image is the drop-in, and decodes
// what it comes to.
func dropIn(t *testing.T, expression string, to any) error {
	t.Helper()
	file, err := filepath.Abs("../../docs/nix/make-disk-image.nix")
	if err != nil {
		t.Fatal(err)
	}
	expr := strings.ReplaceAll("with "+stub+"; "+expression, "DROPIN", file)
	out, said, err := nixstore.Store{Root: t.TempDir()}.Try(t, "", "nix-instantiate", "--eval", "--strict", "--json", "--expr", expr)
	if err != nil {
		return &dropInError{said}
	}
	if err := json.Unmarshal([]byte(out), to); err != nil {
		t.Fatal(err, out)
	}
	return nil
}

type dropInError struct{ said string }

func (e *dropInError) Error() string { return e.said }

func TestDropInTakesMakeDiskImagesArguments(t *testing.T) {
	var got map[string]bool
	if err := dropIn(t, "builtins.functionArgs (import DROPIN)", &got); err != nil {
		t.Fatal(err)
	}
	// true: it has a default.
	want := map[string]bool{"pkgs": false, "lib": false, "config": false, "reprodisk": true, "options": true}
	for _, name := range strings.Fields(`diskSize additionalSpace bootSize contents partitionTableType
		installBootLoader touchEFIVars OVMF efiFirmware efiVariables fsType label configFile postVM memSize
		onlyNixStore name format deterministic rootGPUID rootFSUID copyChannel additionalPaths`) {
		want[name] = true
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

// A spec that the drop-in writes is one that reprodisk reads, and says what the
// arguments say.
func TestDropInSpec(t *testing.T) {
	parse := func(arguments string) (*spec.Spec, map[string]any) {
		t.Helper()
		var text string
		if err := dropIn(t, "(image "+arguments+").spec", &text); err != nil {
			t.Fatal(err)
		}
		s, err := spec.Parse("/build/spec", []byte(text))
		if err != nil {
			t.Fatal(err, text)
		}
		var raw map[string]any
		if err := json.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatal(err)
		}
		return s, raw
	}
	s, raw := parse("{ }")
	if !s.InstallBootLoader || s.BootLoader != spec.LoaderGuest || !s.CopyChannel || !s.DiskSize.Auto || s.Label != "nixos" || *s.SourceDateEpoch != 1 || s.RootFSUID.String() != spec.DefaultRootGPUID {
		t.Errorf("%+v", s)
	}
	if !strings.HasSuffix(s.System, "-nixos-system-demo") || !strings.HasSuffix(s.Channel, "-nixos-23.11demo") || !strings.HasSuffix(s.Registration, "-closure-info/registration") {
		t.Errorf("%+v", s)
	}
	var names []string
	for n := range raw {
		names = append(names, n)
	}
	sort.Strings(names)
	if got := strings.Join(names, " "); got != "additionalPaths additionalSpace bootSize channel contents copyChannel deterministic diskSize format fsType installBootLoader label memSize name onlyNixStore partitionTableType registration rootFSUID rootGPUID sourceDateEpoch system" {
		t.Error(got)
	}

	s, _ = parse(`{
		diskSize = 2048; additionalSpace = "1G"; bootSize = "100M"; partitionTableType = "efi";
		contents = [ { source = pkgs.path; target = "/a"; mode = "644"; user = "root"; group = "root"; } { source = "/b/*"; target = "b"; user = null; group = null; } ];
		touchEFIVars = true; label = "x"; configFile = pkgs.path; name = "other"; rootGPUID = "11111111-2222-3333-4444-555555555555";
		copyChannel = false; additionalPaths = [ config.system.build.toplevel ];
		options = { bootLoader = "systemd-boot"; systemdBoot = { efi = "/boot.efi"; entries = [ { name = "a"; title = "A"; linux = "/k"; } ]; }; };
	}`)
	if s.DiskSize.Bytes != 2048<<20 || s.PartitionTableType != "efi" || s.Label != "x" || s.Name != "other" || s.CopyChannel || s.Channel != "" || !s.TouchEFIVars || len(s.AdditionalPaths) != 1 ||
		!strings.HasSuffix(s.ConfigFile, "-nixpkgs") || !strings.HasSuffix(s.EFIVariables, "-OVMF_VARS.fd") || !strings.HasSuffix(s.EFIFirmware, "-OVMF_CODE.fd") || s.BootLoader != spec.LoaderSystemdBoot {
		t.Errorf("%+v", s)
	}
	if len(s.Contents) != 2 || s.Contents[0].User != "root" || s.Contents[0].Mode != "644" || s.Contents[1].Source != "/b/*" || s.Contents[1].User != "" {
		t.Errorf("%+v", s.Contents)
	}
	s, _ = parse(`{ memSize = 2048; config = config // { boot.loader.grub = { enable = true; device = "/dev/sda"; }; }; }`)
	if s.BootLoaderDevice != "/dev/sda" || s.MemSize != 2048 || s.BootLoader != spec.LoaderGuest {
		t.Errorf("%+v", s)
	}
	s, _ = parse(`{ onlyNixStore = true; installBootLoader = false; partitionTableType = "none"; format = "vpc"; }`)
	if !s.OnlyNixStore || s.Label != "nix-store" || s.Format != "vpc" {
		t.Errorf("%+v", s)
	}
}

// The build calls reprodisk, and then what postVM says, with the image's name.
func TestDropInScript(t *testing.T) {
	for arguments, want := range map[string]string{"{ }": "reprodisk qemu", `{ options.bootLoader = "none"; }`: "reprodisk", "{ installBootLoader = false; }": "reprodisk"} {
		var tools []string
		if err := dropIn(t, "map (t: builtins.substring 33 99 (baseNameOf t)) (image "+arguments+").nativeBuildInputs", &tools); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(tools, " "); got != want {
			t.Errorf("%s wants %q, not %q", arguments, got, want)
		}
	}
	for format, want := range map[string]string{"raw": "nixos.img", "qcow2": "nixos.qcow2", "qcow2-compressed": "nixos.qcow2", "vdi": "nixos.vdi", "vpc": "nixos.vhd"} {
		var script string
		if err := dropIn(t, `(image { format = "`+format+`"; postVM = "sha256sum $diskImage"; }).script`, &script); err != nil {
			t.Fatal(err)
		}
		if want := "reprodisk build --output \"$out\" \"$specPath\"\ndiskImage=$out/" + want + "\nsha256sum $diskImage\n"; script != want {
			t.Errorf("%s, want %s", script, want)
		}
	}
}

// Make-disk-image's assertions hold before anything is built.
func TestDropInAssertions(t *testing.T) {
	for arguments, want := range map[string]string{
		`{ partitionTableType = "lagacy"; }`:                            `partitionTableType: "lagacy" is not one of legacy, legacy+gpt, efi, hybrid, none, efixbootldr`,
		`{ rootFSUID = null; }`:                                         "rootFSUID: a deterministic ext4 filesystem needs one; leave it out and it equals rootGPUID",
		`{ fsType = "xfs"; }`:                                           "fsType: xfs needs partitionTableType: none; in a partition table the root filesystem is ext4",
		`{ touchEFIVars = true; }`:                                      "touchEFIVars: EFI variables need partitionTableType hybrid, efi, efixbootldr or legacy+gpt, not legacy",
		`{ onlyNixStore = true; }`:                                      "onlyNixStore: an image of only the Nix store has no contents, no configFile and no boot loader",
		`{ contents = [ { source = ""; target = ""; user = "a"; } ]; }`: "contents: a user without a group, or a group without a user: set both or neither",
	} {
		err := dropIn(t, "(image "+arguments+").spec", new(any))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", arguments, err, want)
		}
	}
}
