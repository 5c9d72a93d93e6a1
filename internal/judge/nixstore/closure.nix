# A closure without nixpkgs. All that it is made with is a static busybox.
let
  busyboxFolder = builtins.path { path = ./busybox; name = "busybox"; };
  busybox = "${busyboxFolder}/bin/busybox";
  make = name: attributes: script: derivation ({
    inherit name busybox;
    system = builtins.currentSystem;
    builder = busybox;
    args = [ "sh" "-euc" script ];
  } // attributes);

  tools = make "tools-1.0" { } ''
    $busybox mkdir -p $out/bin
    for name in sh ls cat echo mount poweroff; do $busybox ln -s $busybox $out/bin/$name; done
  '';
  # Refers to itself, and holds a hard link.
  data = make "data-1.0" { } ''
    $busybox mkdir -p $out/share
    i=0; while [ $i -lt 100 ]; do echo "record $i of $out" > $out/share/f$i; i=$((i+1)); done
    $busybox ln $out/share/f0 $out/share/hardlink
    $busybox ln -s ../share/f1 "$out/share/a link"
  '';
  boot = builtins.path { path = ./boot; name = "linux-6.1"; };
  channel = make "nixos-23.11demo" { } ''
    $busybox mkdir -p $out/nixos
    echo "{ }" > $out/nixos/default.nix
    $busybox ln -s . $out/nixos/nixpkgs
    $busybox echo -n demo > $out/nixos/.version-suffix
  '';
  activate = make "activate" { inherit tools data; } ''
    { echo "#!$tools/bin/sh"; echo "$tools/bin/echo activating, data in $data"; } > $out
    $busybox chmod 755 $out
  '';
  toplevel = make "nixos-system-demo-23.11demo" { inherit tools data activate boot; } ''
    $busybox mkdir -p $out/bin
    $busybox ln -s $activate $out/activate
    $busybox ln -s $tools $out/sw
    $busybox ln -s $boot/bzImage $out/kernel
    $busybox ln -s $boot/initrd $out/initrd
    $busybox cp $boot/params $out/kernel-params
    { echo "#!$tools/bin/sh"
      echo "$tools/bin/echo \"REPRODISK: $out/init runs as process \$\$ and finds \$($tools/bin/cat $data/share/hardlink)\""
      echo "exec $tools/bin/poweroff -f"
    } > $out/init
    $busybox chmod 755 $out/init
    $busybox echo -n 23.11demo > $out/nixos-version
    { echo "#!$tools/bin/sh"; echo "$tools/bin/echo would switch to $out"; } > $out/bin/switch-to-configuration
    $busybox chmod 755 $out/bin/switch-to-configuration
  '';
in
{ inherit toplevel data channel; }
