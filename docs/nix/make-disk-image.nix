# A drop-in for nixpkgs' nixos/lib/make-disk-image.nix: the same arguments, and
# an image made by reprodisk, with the same bytes each time, and with a virtual
# machine for nothing but the system's own boot loader installer.
# ../make-disk-image.md tells option by option what differs.
#
#     import ./make-disk-image.nix {
#       inherit pkgs lib config;
#       reprodisk = …;                      # the package, with bin/reprodisk
#       partitionTableType = "efi";
#       options = {                         # reprodisk's own, under their names
#         bootLoader = "systemd-boot";
#         systemdBoot = { … };
#       };
#     }
{ pkgs
, lib
, config
, diskSize ? "auto"
, additionalSpace ? "512M"
, bootSize ? "256M"
, contents ? [ ]
, partitionTableType ? "legacy"
, installBootLoader ? true
, touchEFIVars ? false
, OVMF ? pkgs.OVMF.fd
, efiFirmware ? OVMF.firmware
, efiVariables ? OVMF.variables
, fsType ? "ext4"
, label ? if onlyNixStore then "nix-store" else "nixos"
, configFile ? null
, postVM ? ""
, memSize ? 1024
, onlyNixStore ? false
, name ? "nixos-disk-image"
, format ? "raw"
, deterministic ? true
, rootGPUID ? "F222513B-DED1-49FA-B591-20CE86A2FE7F"
, rootFSUID ? if fsType == "ext4" then rootGPUID else null
, copyChannel ? true
, additionalPaths ? [ ]
  # Beyond make-disk-image's:
, reprodisk ? pkgs.reprodisk
, options ? { }
}:

# These need no build to be told; reprodisk checks them, and more, once again.
assert lib.assertMsg
  (builtins.elem partitionTableType [ "legacy" "legacy+gpt" "efi" "hybrid" "none" "efixbootldr" ])
  "partitionTableType: \"${partitionTableType}\" is not one of legacy, legacy+gpt, efi, hybrid, none, efixbootldr";
assert lib.assertMsg
  (fsType == "ext4" && deterministic -> rootFSUID != null)
  "rootFSUID: a deterministic ext4 filesystem needs one; leave it out and it equals rootGPUID";
assert lib.assertMsg
  (partitionTableType != "none" -> fsType == "ext4")
  "fsType: ${fsType} needs partitionTableType: none; in a partition table the root filesystem is ext4";
assert lib.assertMsg
  (touchEFIVars -> builtins.elem partitionTableType [ "hybrid" "efi" "efixbootldr" "legacy+gpt" ])
  "touchEFIVars: EFI variables need partitionTableType hybrid, efi, efixbootldr or legacy+gpt, not ${partitionTableType}";
assert lib.assertMsg
  (onlyNixStore -> contents == [ ] && configFile == null && !installBootLoader)
  "onlyNixStore: an image of only the Nix store has no contents, no configFile and no boot loader";
assert lib.assertMsg
  (builtins.all (entry: (entry.user or null == null) == (entry.group or null == null)) contents)
  "contents: a user without a group, or a group without a user: set both or neither";

let
  system = config.system.build.toplevel;

  # nixpkgs as a channel. It is made by Nix, and not left to reprodisk, because
  # only here the version is known.
  nixpkgs = lib.cleanSource pkgs.path;
  channel = pkgs.runCommand "nixos-${config.system.nixos.version}" { } ''
    mkdir $out
    cp -prd ${nixpkgs} $out/nixos
    chmod -R u+w $out/nixos
    [ -e $out/nixos/nixpkgs ] || ln -s . $out/nixos/nixpkgs
    rm -rf $out/nixos/.git
    printf %s ${lib.escapeShellArg config.system.nixos.versionSuffix} > $out/nixos/.version-suffix
  '';

  # What all store paths need; Nix's own database cannot be read in a build.
  closure = pkgs.closureInfo {
    rootPaths = [ system ] ++ additionalPaths ++ (if copyChannel then [ channel ] else [ ]);
  };

  given = attributes: builtins.listToAttrs (builtins.filter (a: a.value != null)
    (map (n: { name = n; value = attributes.${n}; }) (builtins.attrNames attributes)));

  # Whether the system installs its own boot loader, in a virtual machine.
  guest = installBootLoader && (options.bootLoader or "guest") == "guest";
  grubDevice =
    if config.boot.loader.grub.enable or false
    then config.boot.loader.grub.device or "nodev"
    else "nodev";

  spec = {
    inherit additionalSpace bootSize partitionTableType fsType label name format
      deterministic rootGPUID rootFSUID onlyNixStore copyChannel;
    diskSize = toString diskSize;
    contents = map given contents;
    system = "${system}";
    additionalPaths = map (p: "${p}") additionalPaths;
    registration = "${closure}/registration";
    # Nix sets SOURCE_DATE_EPOCH to 1980; files in the store are older.
    sourceDateEpoch = 1;
  }
  // (if copyChannel then { channel = "${channel}"; } else { })
  // (if configFile != null then { configFile = "${configFile}"; } else { })
  // (if touchEFIVars then { inherit touchEFIVars efiFirmware efiVariables; } else { })
  # reprodisk's bootLoader says which one, and so whether.
  // (if options ? bootLoader then { } else { inherit installBootLoader; })
  // (if guest then { inherit memSize; } else { })
  // (if guest && grubDevice != "/dev/vda" && grubDevice != "nodev" then { bootLoaderDevice = grubDevice; } else { })
  // options;

  filename = "nixos." + ({
    raw = "img";
    qcow2-compressed = "qcow2";
    vpc = "vhd";
  }.${format} or format);
in
pkgs.runCommand name
{
  nativeBuildInputs = [ reprodisk ] ++ (if guest then [ pkgs.qemu ] else [ ]);
  spec = builtins.toJSON spec;
  passAsFile = [ "spec" ];
} ''
  reprodisk build --output "$out" "$specPath"
  diskImage=$out/${filename}
  ${postVM}
''
