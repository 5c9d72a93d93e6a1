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
    for name in sh ls cat cp echo mkdir mount poweroff rm; do $busybox ln -s $busybox $out/bin/$name; done
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
    # Makes the users, and what no two machines should have in common.
    { echo "#!$tools/bin/sh -e"; echo "$tools/bin/echo activating, data in $data"
      echo "PATH=$tools/bin"
      echo "mkdir -p /etc /var/lib"
      echo "echo root:x:0:0::/root:/bin/sh >/etc/passwd; echo alice:x:1000:100::/home/alice:/bin/sh >>/etc/passwd"
      echo "echo root:x:0: >/etc/group; echo users:x:100:alice >>/etc/group"
      echo "cat /proc/sys/kernel/random/uuid >/etc/machine-id"
    } > $out
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
    # Installs the boot loader, if it was given one and is told to.
    { echo "#!$tools/bin/sh -e"; echo "PATH=$tools/bin"
      echo "[ \"\$1 \$NIXOS_INSTALL_BOOTLOADER\" = 'boot 1' ] || exit 7"
      echo "[ -e $boot/loader.efi ] || exit 0"
      echo "mkdir -p /boot/EFI/BOOT /boot/EFI/nixos /boot/loader/entries"
      echo "cp $boot/loader.efi /boot/EFI/BOOT/BOOTX64.EFI"
      echo "cp $boot/bzImage $boot/initrd /boot/EFI/nixos/"
      echo "cat /proc/sys/kernel/random/uuid >/boot/loader/random-seed"
      echo "echo timeout 0 >/boot/loader/loader.conf"
      echo "{ echo title NixOS; echo linux /EFI/nixos/bzImage; echo initrd /EFI/nixos/initrd; echo options init=$out/init \$(cat $out/kernel-params); } >/boot/loader/entries/nixos.conf"
    } > $out/bin/switch-to-configuration
    $busybox chmod 755 $out/bin/switch-to-configuration
  '';
in
{ inherit toplevel data channel; }
