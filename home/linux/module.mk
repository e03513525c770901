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
