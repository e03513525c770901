# SPDX-License-Identifier: LGPL-2.1-or-later
#
# anykvm: plain GNU make. Everything that is built lands under build/ (build-san/ with SAN=1).
#
# Which files belong to which part is said by the parts themselves: core/sources.mk (the same list
# that a kernel build reads), engine/bt/sources.mk, home/*/sources.mk, host/sources.mk,
# devices/sources.mk, and tests/*/tests.mk. Each adds .o paths relative to this directory:
#
#   core-y        the hypervisor core         freestanding, no floating point
#   bt-y          the binary translator       same restrictions
#   process-y     the process home            hosted C: libanykvm.{a,so}
#   process-so-y  of the process home, what belongs in the .so only (the preload shim)
#   process-exec-y  of the process home, anykvm-exec's own main
#   testhome-y    home/test: the failing plat for unit tests
#   host-y devices-y   the user-mode host `anykvm`
#   test-y        test programs, without suffix: tests/unit/foo (see "Tests" below)

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 0.1
CC      ?= cc
ifeq ($(origin CC),default)
CC      := gcc
endif
AR      ?= ar
ifeq ($(origin AR),default)
AR      := ar
endif
JOBS    ?= $(shell nproc 2>/dev/null || echo 1)

B := build
ifdef SAN
B := build-san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	    -fno-omit-frame-pointer -DANYKVM_SAN=1
endif

# Devices under libFuzzer (make fuzz-devices).
ifdef FUZZ
B := build-fuzz
CC := clang
SANFLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	    -fno-omit-frame-pointer -DANYKVM_SAN=1 -DLIBFUZZER
WERROR := 0
endif

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

core-y :=
bt-y :=
process-y :=
process-so-y :=
process-exec-y :=
testhome-y :=
host-y :=
devices-y :=
host-libs :=
test-y :=
san-test-y :=
prog-y :=
check-y :=
san-prog-y :=
san-check-y :=
-include $(wildcard core/sources.mk core/*/sources.mk engine/bt/sources.mk \
	home/process/sources.mk home/test/sources.mk host/sources.mk devices/sources.mk)
-include $(wildcard tests/*/tests.mk)
include home/linux/module.mk

# A main() or a shim that overrides libc's names must never come out of the archive.
process-exec-y := $(sort $(process-exec-y) $(filter home/process/exec.o,$(process-y)) \
	$(patsubst %.c,%.o,$(wildcard home/process/exec.c)))
process-so-y   := $(sort $(process-so-y) $(filter home/process/preload.o,$(process-y)))
process-y      := $(filter-out $(process-exec-y) $(process-so-y),$(process-y))

# --- Flags -------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wimplicit-fallthrough -Wmissing-prototypes -Wstrict-prototypes \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
ifneq ($(WERROR),0)
WARN += -Werror
endif
OPT  := -O2 -g
BASE := -std=gnu11 $(OPT) -fno-strict-aliasing -fno-common -fwrapv -MMD -MP $(WARN) \
	-DANYKVM_VERSION='"$(VERSION)"' $(SANFLAGS) $(EXTRA_CFLAGS)

# The core lives in a kernel too: no libc, no vector registers, small frames. gcc may still
# call memcpy, memset, memmove and memcmp by itself; every home has those four.
CORE_CFLAGS := $(BASE) -ffreestanding -fPIC -mgeneral-regs-only -mno-red-zone \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fvisibility=hidden \
	-I include -I core -I home/process
ifndef SAN
CORE_CFLAGS += -Wframe-larger-than=2048
endif
BT_CFLAGS   := $(CORE_CFLAGS) -I engine/bt
HOME_CFLAGS := $(BASE) -D_GNU_SOURCE -fPIC -pthread \
	-I include -I core -I home/process
HOST_CFLAGS := $(BASE) -D_GNU_SOURCE -fPIE -pthread -I include -I core -I .
TEST_CFLAGS := $(BASE) -D_GNU_SOURCE -fPIE -pthread -Wno-missing-prototypes \
	-I include -I core -I home/process -I home/test -I engine/bt -I .
LDFLAGS     := $(SANFLAGS) -pthread -Wl,-z,relro,-z,now,-z,noexecstack

obj = $(addprefix $(B)/,$(1))

# --- What is built -----------------------------------------------------------------------------

PRODUCTS := $(if $(process-y),$(B)/libanykvm.a $(B)/libanykvm.so) \
	$(if $(process-exec-y),$(B)/anykvm-exec) $(if $(host-y),$(B)/anykvm)

.PHONY: all
all: $(PRODUCTS) ## Build everything (the default): anykvm, anykvm-exec, libanykvm
ifeq ($(strip $(PRODUCTS)),)
all: objects
endif

.PHONY: objects
objects: $(call obj,$(core-y) $(bt-y) $(process-y) $(process-so-y) $(process-exec-y) \
	$(testhome-y) $(host-y) $(devices-y)) ## Compile every object, link nothing

define compile-rule
$(foreach o,$(sort $(1)),$(eval $(B)/$(o): CFLAGS_SET = $$($(2))))
endef
$(call compile-rule,$(core-y),CORE_CFLAGS)
$(call compile-rule,$(bt-y),BT_CFLAGS)
$(call compile-rule,$(process-y) $(process-so-y) $(process-exec-y),HOME_CFLAGS)
$(call compile-rule,$(testhome-y),TEST_CFLAGS)
$(call compile-rule,$(host-y) $(devices-y),HOST_CFLAGS)

# What is in none of the lists is a test's.
CFLAGS_SET = $(TEST_CFLAGS)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_SET) $(CFLAGS_$*) -c -o $@ $<

$(B)/%.o: %.S Makefile
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) $(filter-out -std=%,$(CFLAGS_SET)) -D__ASSEMBLY__ -c -o $@ $<

define archive
@mkdir -p $(@D)
$(call say,AR,$@)
$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)
endef

$(B)/lib/core.a: $(call obj,$(core-y))
	$(archive)
$(B)/lib/bt.a: $(call obj,$(bt-y))
	$(archive)
$(B)/lib/testhome.a: $(call obj,$(testhome-y))
	$(archive)
$(B)/libanykvm.a: $(call obj,$(core-y) $(bt-y) $(process-y))
	$(archive)

$(B)/libanykvm.so: $(call obj,$(core-y) $(bt-y) $(process-y) $(process-so-y))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,libanykvm.so $(if $(SAN),,-Wl,-z,defs) \
		-o $@ $^ -ldl

$(B)/anykvm-exec: $(call obj,$(process-exec-y)) | $(B)/libanykvm.so
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -pie -o $@ $^ -ldl

$(B)/anykvm: $(call obj,$(host-y) $(devices-y)) $(B)/libanykvm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -pie -o $@ $^ $(host-libs) -ldl

# --- Tests -------------------------------------------------------------------------------------
#
# tests/DIR/tests.mk names a program and, where they are not the obvious ones, its parts:
#
#   test-y += tests/unit/walk            from tests/unit/walk.c
#   tests/unit/walk-y    := tests/unit/walk.o tests/unit/mem.o     its objects
#   tests/unit/walk-link := core         what it is linked with: core (the core over the failing
#                                        plat of home/test), process (libanykvm.a), none
#   tests/unit/walk-libs := -lZydis      libraries
#   tests/unit/walk-args := --count 9    arguments under `make check`
#   tests/unit/walk-opts := timeout=60   words for tests/run: timeout=SECONDS, alone
#   san-test-y += tests/unit/walk        built and run with ASan and UBSan (too)
#   check-y += tests/guest/boot.sh       a script that is run as it is
#   prog-y += tests/api/api              a program that a script runs: built, not run by itself
#   san-prog-y, san-check-y              the same with ASan and UBSan: programs, and the scripts that
#                                        run them, with the arguments in tests/guest/boot.sh-san-args
#
# Each speaks TAP (ok / not ok / # SKIP why) or just exits 0, 1 or 77 (skipped).

link-core    = $(B)/lib/core.a $(B)/lib/testhome.a
link-bt      = $(B)/lib/core.a $(B)/lib/bt.a $(B)/lib/testhome.a
link-process = $(B)/libanykvm.a
link-none    =

define test-rule
$(B)/$(1): $$(call obj,$$(or $$($(1)-y),$(1).o)) $$(link-$$(or $$($(1)-link),none))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS) -pie -o $$@ $$(filter %.o,$$^) \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$($(1)-libs) -ldl
endef
$(foreach t,$(sort $(test-y) $(san-test-y) $(prog-y) $(san-prog-y)),$(eval $(call test-rule,$(t))))

# Per-program flags: tests/unit/foo-cflags := ...
$(foreach t,$(sort $(test-y) $(san-test-y) $(prog-y) $(san-prog-y)),$(foreach o,$(or $($(t)-y),$(t).o),\
	$(eval CFLAGS_$(o:.o=) += $($(t)-cflags))))

run-tests := $(if $(SAN),$(san-test-y),$(test-y))
run-checks := $(if $(SAN),$(san-check-y),$(check-y))

.PHONY: tests
tests: $(addprefix $(B)/,$(run-tests) $(if $(SAN),$(san-prog-y),$(prog-y))) ## Build every test program, run none
	@mkdir -p $(B)
	@: > $(B)/tests.list $(foreach t,$(run-tests),; echo '$($(t)-opts) $(B)/$(t) $($(t)-args)' >> $(B)/tests.list)
	@: $(foreach t,$(run-checks),; echo '$($(t)-opts) $(t) $($(t)-$(if $(SAN),san-)args)' >> $(B)/tests.list)

.PHONY: check
check: deps ## Build and run every test (about 20 minutes on two cores)
	@$(MAKE) --no-print-directory -j$(JOBS) all tests
	@$(MAKE) --no-print-directory -j$(JOBS) SAN=1 tests
	@[ -z "$$(scripts/kdir)" ] || $(MAKE) --no-print-directory module
	@$(MAKE) --no-print-directory guest GUESTS='amd64 686 memtest modules kernels source'
	@tests/run --list build/tests.list --list build-san/tests.list $(CHECK)

.PHONY: check-long
check-long: deps ## The kernel's KVM selftests in full size, the slow ones too (an hour)
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@tests/selftests/run --long --table

.PHONY: fuzz
fuzz: deps ## Run the differential and decoder fuzzers until stopped (FUZZ_SECONDS=n bounds)
	@$(MAKE) --no-print-directory -j$(JOBS) all tests
	@$(MAKE) --no-print-directory -j$(JOBS) SAN=1 tests
	@scripts/fuzz $(B)

.PHONY: fuzz-devices
fuzz-devices: ## Every device, and kernels' files, under libFuzzer, ten minutes each (FUZZ_SECONDS=n, DEVICES='rtc ...')
	@scripts/deps fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) FUZZ=1 $(addprefix build-fuzz/tests/fuzz/,device boot)
	@scripts/fuzz-devices build-fuzz/tests/fuzz/device $(DEVICES)

.PHONY: bench bench-quick
bench: deps ## All figures: native, the translator, QEMU's TCG (BENCH='--only cpu qsort'; -h)
	@scripts/deps bench
	@$(MAKE) --no-print-directory -j$(JOBS) all $(B)/bench/cpu $(B)/bench/real
	@$(MAKE) --no-print-directory guest
	@scripts/fetch-userland
	@bench/run $(BENCH)

bench-quick: deps ## The figures of the CPU programs alone
	@$(MAKE) --no-print-directory -j$(JOBS) all $(B)/bench/cpu
	@$(MAKE) --no-print-directory guest
	@bench/run --only cpu $(BENCH)

.PHONY: bench-host
bench-host: deps ## The PC beside QEMU on the same accelerator (BENCH='-q --only storage'; -h)
	@scripts/deps bench-host
	@$(MAKE) --no-print-directory -j$(JOBS) all $(B)/bench/host/traffic
	@$(MAKE) --no-print-directory guest GUESTS='amd64 modules'
	@bench/host/run $(BENCH)

# One static program on both ends of a guest's network.
$(B)/bench/host/traffic: $(call obj,bench/host/traffic.o)
	$(call say,LD,$@)
	$(Q)$(CC) -static -o $@ $^

# The processor's own instructions, no library of the system's choosing by what CPU it finds.
bench-y := $(patsubst %.c,%.o,$(wildcard bench/*.c))
$(B)/bench/cpu: $(call obj,$(bench-y))
	$(call say,LD,$@)
	$(Q)$(CC) -static -o $@ $^ -lm

$(B)/bench/real: $(call obj,$(patsubst %.c,%.o,$(wildcard bench/programs/*.c)))
	$(call say,LD,$@)
	$(Q)$(CC) -static -o $@ $^

-include bench/module/bench.mk

# --- Guests ------------------------------------------------------------------------------------

GUESTS ?= amd64
.PHONY: guest
guest: ## Fetch the distribution's kernels and busybox into build/guest/
	@scripts/fetch-guest $(GUESTS)
	@scripts/mkinitrd

.PHONY: run
run: ## Boot Linux on anykvm: a shell on the terminal, or (no terminal) its facts and off
	@scripts/deps build
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(MAKE) --no-print-directory guest
	@scripts/run

.PHONY: run-web
run-web: ## The same with its screen in the browser: prints the address to open
	@scripts/deps build web
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(MAKE) --no-print-directory guest
	@scripts/run-web

.PHONY: deps
deps: ## Install the Debian packages that are missing (as root), or say which
	@scripts/deps

# --- Keeping it clean --------------------------------------------------------------------------

.PHONY: lint
lint: ## Format, cppcheck, headers compile alone, the core reaches out through plat.h only
	@$(MAKE) --no-print-directory objects
	@CORE_OBJS='$(call obj,$(core-y))' BT_OBJS='$(call obj,$(bt-y))' \
	 CORE_CFLAGS='$(filter-out -MMD -MP,$(CORE_CFLAGS))' scripts/lint

.PHONY: devices-table
devices-table: all ## Write docs/devices.md from what the devices say of themselves
	$(Q)$(B)/anykvm -device help-table >$(B)/devices.md && mv $(B)/devices.md docs/devices.md

.PHONY: coverage-table
coverage-table: all ## Print which ioctls and capabilities are answered, from the code's own tables
	@$(B)/anykvm-exec --coverage-table

.PHONY: clean
clean: ## Remove what was built (keeps the fetched guests; distclean removes those too)
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name guest ! -name cache -exec rm -rf {} + 2>/dev/null || :
	$(Q)rm -rf build-san

.PHONY: distclean
distclean: ## Remove build/ altogether
	$(Q)rm -rf build build-san build-fuzz

.PHONY: help
help: ## This list
	@echo 'make TARGET [V=1] [SAN=1] [CC=clang] [WERROR=0]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(filter-out %.d,$(MAKEFILE_LIST)) | \
		awk -F'\t' '{ printf "  %-16s %s\n", $$1, $$2 }'

Makefile: ;
%.mk: ;

-include $(shell find $(B) -name '*.d' -not -path '*/guest/*' 2>/dev/null)
