# make test      install what the tests judge with (as root), then every test
# make demo      the main job on the sample spec
# The other targets are explained beside them.

GO     ?= go
FUZZTIME ?= 20s

# The Debian packages whose tools the tests call: internal/judge maps each
# tool to its package, and a test keeps this list and that map equal.
JUDGES = acl attr binutils btrfs-progs bubblewrap busybox-static chromium cpio diffoscope-minimal diffutils dosfstools e2fsprogs erofs-utils fdisk gcc gdisk genisoimage grub-common grub-efi-amd64-bin grub-pc-bin grub2-common gzip kmod libsystemd-shared libxml2-utils mount mtools nix-bin ovmf parted patch qemu-system-common qemu-system-x86 qemu-utils rsync shellcheck sleuthkit sqlite3 squashfs-tools systemd-boot-efi tar uidmap user-mode-linux util-linux xfsprogs xz-utils zip zstd

# The packages that share memory between goroutines: the race detector, which
# takes five to ten times as long, would find nothing in the others. A test
# keeps this list complete.
RACE = ./build/closure ./build/format ./build/guest/inside ./build/guest/machine ./build/stage ./cmd/reprodisk ./internal/child ./internal/mkfs/mkext4 ./internal/ondisk/ext4 ./internal/ondisk/qcow2 ./internal/ondisk/vmdk ./internal/wholefile ./verify ./verify/attribute ./verify/compare/digest ./verify/compare/scan ./verify/sandbox ./verify/sandbox/vm

# What the race detector needs to build.
TOOLCHAIN = gcc libc6-dev

# The kernel that the images of the tests boot in a virtual machine, and a
# folder with its modules in a folder of its version. Any Linux for x86-64 will
# do; by default it is Debian's for clouds, taken out of its package and not
# installed.
export REPRODISK_KERNEL ?= $(CURDIR)/bin/kernel/vmlinuz
export REPRODISK_MODULES ?= $(CURDIR)/bin/kernel/modules

# The modules that a guest can need, with what those need.
MODULES = kernel/arch/*/crypto kernel/crypto kernel/lib kernel/drivers/virtio kernel/drivers/block/virtio_blk.ko* kernel/drivers/char/virtio_console.ko* \
  kernel/drivers/char/hw_random kernel/fs/efivarfs kernel/fs/ext4 kernel/fs/fat kernel/fs/jbd2 kernel/fs/mbcache.ko* kernel/fs/nls \
  kernel/fs/fuse kernel/fs/overlayfs kernel/fs/9p kernel/fs/fscache kernel/fs/netfs kernel/net/9p modules.*

# The installer of systemd-boot that the tests run, taken out of its package:
# installed, that package puts a boot loader onto a machine that has an ESP.
export REPRODISK_BOOTCTL ?= $(CURDIR)/bin/bootctl

.PHONY: build test lint fuzz bench demo install judges kernel bootctl

build:
	$(GO) build -o bin/reprodisk ./cmd/reprodisk

install:
	$(GO) install ./cmd/reprodisk

demo:
	$(GO) run ./cmd/reprodisk verify testdata/appliance.yaml

# As root the missing packages are installed; an ordinary user is told their
# names in one line, and the tests that need them are skipped by name.
judges:
	@missing=""; for p in $(JUDGES) $(TOOLCHAIN); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; \
	else echo "missing Debian packages, install them with: sudo apt-get install$$missing"; fi

# Where there is none to be had, the tests that boot images are skipped, or
# fail in CI. A kernel that is there is kept, as long as its package is to be
# had: its modules have to be of its very version. They are taken out anew where
# other ones are wanted by now.
kernel: judges
	@set -e; kernel="$(REPRODISK_KERNEL)"; modules="$(REPRODISK_MODULES)"; version=""; ours=""; \
	if [ "$$modules" = "$(CURDIR)/bin/kernel/modules" ]; then ours=yes; fi; \
	version() { tail -c +$$(($$(od -An -tu2 -j526 -N2 "$$1") + 513)) "$$1" | head -c 128 | tr '\0 ' '\n\n' | head -n 1; }; \
	if [ -e "$$kernel" ]; then version=$$(version "$$kernel"); \
	  if [ -e "$$modules/$$version" ] && { [ -z "$$ours" ] || [ "$$(cat "$$modules/$$version/taken" 2>/dev/null)" = '$(MODULES)' ]; }; then exit 0; fi; fi; \
	command -v apt-get >/dev/null || exit 0; \
	mkdir -p "$$(dirname "$$kernel")" "$$modules"; \
	dir=$$(mktemp -d "$$modules/.new.XXXXXX"); trap 'rm -rf "$$dir"' EXIT; trap 'exit 1' INT TERM; chmod 755 "$$dir"; cd "$$dir"; \
	if [ "$$(id -u)" = 0 ]; then apt-get update -q; fi; \
	get() { apt-get -o APT::Sandbox::User=root download -q "$$1"; }; \
	if [ -z "$$version" ] || ! get "linux-image-$$version" 2>/dev/null; then \
	  if [ -n "$$version" ] && [ "$$kernel" != "$(CURDIR)/bin/kernel/vmlinuz" ]; then echo "no modules of $$kernel, which is $$version: name a folder with REPRODISK_MODULES"; exit 0; fi; \
	  package=$$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p'); \
	  if ! get "$$package"; then echo "no kernel to boot images with: name one with REPRODISK_KERNEL"; exit 0; fi; version=""; fi; \
	dpkg-deb --fsys-tarfile *.deb | tar -x --no-same-owner; \
	tree=$$(ls -d "$$dir"/lib/modules/* "$$dir"/usr/lib/modules/* 2>/dev/null | head -n 1); \
	mkdir few; cd "$$tree"; for f in $(MODULES); do if [ -e "$$f" ]; then cp -r --parents "$$f" "$$dir/few"; fi; done; cd "$$dir"; echo '$(MODULES)' >few/taken; \
	if [ -n "$$ours" ]; then rm -rf "$$modules/$${tree##*/}"; fi; \
	[ -e "$$modules/$${tree##*/}" ] || mv -T few "$$modules/$${tree##*/}"; \
	if [ -z "$$version" ]; then mv -f boot/vmlinuz-* "$$kernel"; fi

# The program is of its library's version where that is to be had.
bootctl: judges
	@if [ -e "$(REPRODISK_BOOTCTL)" ] || ! command -v apt-get >/dev/null; then exit 0; fi; \
	set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; chmod 755 "$$dir"; cd "$$dir"; \
	if [ "$$(id -u)" = 0 ]; then apt-get update -q; fi; \
	version=$$(dpkg-query -W -f='$${Version}' libsystemd-shared 2>/dev/null || true); \
	get() { apt-get -o APT::Sandbox::User=root download -q "$$1"; }; \
	if ! get "systemd-boot=$$version" 2>/dev/null && ! get systemd-boot; then echo "no bootctl to install systemd-boot with: name one with REPRODISK_BOOTCTL"; exit 0; fi; \
	dpkg-deb --fsys-tarfile *.deb | tar -xO ./usr/bin/bootctl >bootctl; chmod 755 bootctl; \
	mkdir -p "$(dir $(REPRODISK_BOOTCTL))"; mv bootctl "$(REPRODISK_BOOTCTL)"

test: judges kernel bootctl lint
	umask 022; $(GO) test -timeout 15m ./...
	umask 022; $(GO) test -race -short -timeout 15m $(RACE)

lint:
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@unformatted=$$($(GO) tool gofumpt -l .); if [ -n "$$unformatted" ]; then \
	  echo "not formatted, run 'go tool gofumpt -w .':"; echo "$$unformatted"; exit 1; fi

# Every fuzz target of every package for FUZZTIME, whatever became of those
# before. On a busy machine Go's fuzzing now and then calls its own end a
# failure, "context deadline exceeded" without an input that fails: that is none.
fuzz:
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; bad=""; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; \
	    if $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg >"$$log" 2>&1; then tail -n 1 "$$log"; \
	    elif grep -q 'context deadline exceeded' "$$log" && ! grep -Eq 'Failing input|panic:' "$$log"; then echo "  ended late, without a finding"; \
	    else cat "$$log"; bad="$$bad $$pkg.$$target"; fi; done; done; \
	if [ -n "$$bad" ]; then echo "failed:$$bad"; exit 1; fi

# Figures are ratios against a real tool in the same run.
bench: judges
	$(GO) test -run '^$$' -bench . -benchtime 3x ./...
