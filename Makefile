# make test      install what the tests judge with (as root), then every test
# make demo      the main job on the sample spec
# The other targets are explained beside them.

GO     ?= go
FUZZTIME ?= 20s

# The Debian packages whose tools the tests call: internal/judge maps each
# tool to its package, and a test keeps this list and that map equal.
JUDGES = acl attr binutils btrfs-progs bubblewrap busybox-static chromium cpio diffoscope-minimal diffutils dosfstools e2fsprogs erofs-utils fdisk gcc gdisk genisoimage grub-common grub-efi-amd64-bin grub-pc-bin gzip kmod libxml2-utils mount mtools nix-bin ovmf parted patch qemu-system-x86 qemu-utils rsync shellcheck sleuthkit sqlite3 squashfs-tools systemd-boot-efi tar uidmap util-linux xfsprogs xz-utils zip zstd

# The packages that share memory between goroutines: the race detector, which
# takes five to ten times as long, would find nothing in the others. A test
# keeps this list complete.
RACE = ./build/closure ./build/format ./build/stage ./cmd/reprodisk ./internal/mkfs/mkext4 ./internal/ondisk/ext4 ./internal/ondisk/qcow2 ./internal/ondisk/vmdk ./internal/wholefile ./verify ./verify/attribute ./verify/compare/digest ./verify/compare/scan ./verify/sandbox

# What the race detector needs to build.
TOOLCHAIN = gcc libc6-dev

# The kernel that the images of the tests boot in a virtual machine. Any Linux
# for x86-64 will do; by default it is Debian's for clouds, taken out of its
# package and not installed.
export REPRODISK_KERNEL ?= $(CURDIR)/bin/kernel/vmlinuz

.PHONY: build test lint fuzz bench demo install judges kernel

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
# fail in CI.
kernel: judges
	@if [ -e "$(REPRODISK_KERNEL)" ] || ! command -v apt-get >/dev/null; then exit 0; fi; \
	set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; chmod 755 "$$dir"; cd "$$dir"; \
	if [ "$$(id -u)" = 0 ]; then apt-get update -q; fi; \
	package=$$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p'); \
	if ! apt-get -o APT::Sandbox::User=root download -q "$$package"; then echo "no kernel to boot images with: name one with REPRODISK_KERNEL"; exit 0; fi; \
	dpkg-deb --fsys-tarfile *.deb | tar -xO --wildcards './boot/vmlinuz-*' >vmlinuz; \
	mkdir -p "$(dir $(REPRODISK_KERNEL))"; mv vmlinuz "$(REPRODISK_KERNEL)"

test: judges kernel lint
	$(GO) test -timeout 15m ./...
	$(GO) test -race -short -timeout 15m $(RACE)

lint:
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@unformatted=$$($(GO) tool gofumpt -l .); if [ -n "$$unformatted" ]; then \
	  echo "not formatted, run 'go tool gofumpt -w .':"; echo "$$unformatted"; exit 1; fi

# Every fuzz target of every package for FUZZTIME.
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg; done; done

# Figures are ratios against a real tool in the same run.
bench: judges
	$(GO) test -run '^$$' -bench . -benchtime 3x ./...
