# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The module from the outer Makefile: `make module` and its kin. The kernel's build system puts what
# it makes beside the sources, so it gets a tree of links to them, $(B)/module, and the module comes
# out as $(B)/anykvm.ko. W=1 and C=1 are passed on.

KDIR ?= $(shell scripts/kdir)
KVERSION = $(shell sed -n 's/.*"\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)

module-dirs := include core core/x86 core/x86/emulate engine/svm home/linux
module-files := $(sort Kbuild $(foreach d,$(module-dirs),$(wildcard $(addprefix $(d)/,*.c *.h *.S \
	*.mk *.sh *.kbuild))))
MODULE_TREE := $(B)/module

# A link that points nowhere is a file that is no more.
define module-tree
mkdir -p $(addprefix $(1)/,$(module-dirs))
for f in $(module-files); do ln -sfn "$(CURDIR)/$$f" "$(1)/$$f"; done
find $(1) -xtype l -delete
endef

.PHONY: module
module: module-deps ## Build the kernel module $(B)/anykvm.ko (KDIR=kernel build tree, W=1, C=1)
	@$(call module-tree,$(MODULE_TREE))
	$(Q)+$(MAKE) --no-print-directory -j$(JOBS) -C $(KDIR) M=$(abspath $(MODULE_TREE)) \
		ANYKVM_VERSION=$(VERSION) modules
	@cp $(MODULE_TREE)/anykvm.ko $(B)/anykvm.ko

.PHONY: module-deps
module-deps:
	@[ -n "$(KDIR)" ] || scripts/deps module
	@[ -n "$(KDIR)" ] || [ -n "$$(scripts/kdir)" ] || \
		{ echo "module: no kernel headers (package linux-headers-amd64, or KDIR=)" >&2; exit 1; }

# What belongs beside an installed module: who may use the device, and who must not take it first.
define install-settings
install -D -m 644 packaging/60-anykvm.rules $(DESTDIR)/usr/lib/udev/rules.d/60-anykvm.rules
install -D -m 644 packaging/anykvm.conf $(DESTDIR)/etc/modprobe.d/anykvm.conf
endef

.PHONY: install-module
install-module: module ## Install the module, its udev rule and modprobe snippet (DESTDIR=)
	$(Q)+$(MAKE) --no-print-directory -C $(KDIR) M=$(abspath $(MODULE_TREE)) \
		INSTALL_MOD_PATH=$(DESTDIR) INSTALL_MOD_DIR=updates modules_install
	$(Q)$(install-settings)

DKMS_SRC = $(DESTDIR)/usr/src/anykvm-$(VERSION)

.PHONY: dkms
dkms: ## Put the module's sources where DKMS finds them (DESTDIR=), and without DESTDIR build them
	$(Q)rm -rf $(DKMS_SRC)
	$(Q)for f in $(module-files); do install -D -m 644 $$f $(DKMS_SRC)/$$f || exit; done
	$(Q)cp -r LICENSES $(DKMS_SRC)/
	$(Q)sed 's/@VERSION@/$(VERSION)/' packaging/dkms.conf.in > $(DKMS_SRC)/dkms.conf
	$(Q)$(install-settings)
ifeq ($(DESTDIR),)
	$(Q)dkms add anykvm/$(VERSION)
	$(Q)dkms install anykvm/$(VERSION)
endif

.PHONY: check-module
check-module: deps ## The module's tests, in emulated machines with AMD-V (at most ten minutes)
	@$(MAKE) --no-print-directory -j$(JOBS) all tests
	@$(MAKE) --no-print-directory module
	@$(MAKE) --no-print-directory guest GUESTS='amd64 686 modules source'
	@tests/run -j 1 --timeout 900 $(addprefix tests/packaging/,build dkms) tests/module/run

# tests/packaging/build looks at its warnings.
.PHONY: module-6.12
module-6.12: ## Build the module for kernel 6.12 of the distribution's security suite
	@scripts/deps module-6.12
	@$(MAKE) --no-print-directory module B=$(B)/6.12 KDIR="$$(scripts/kdir '6.12.*')"
