# SPDX-License-Identifier: LGPL-2.1-or-later
# The emulator.
emulate-test-y := emulate emulate_env emulate_basic emulate_legacy emulate_long emulate_atomic \
	emulate_vector
test-y += tests/unit/emulate_native
san-test-y += tests/unit/emulate
tests/unit/emulate-y := $(emulate-test-y:%=tests/unit/%.o)
tests/unit/emulate-link := core
tests/unit/emulate_native-link := core
tests/unit/emulate_native-args := 400000

# The chips, over a clock of their own.
chips-test-y := tests/unit/chips_env.o core/string.o $(patsubst %,core/x86/%.o,lapic lapic-timer \
	lapic-state apic-map ioapic pic pit pit-irq irq kvmclock pv pv-async hypercall)
chips-tests := $(patsubst %,tests/unit/%,lapic ioapic pic pit kvmclock)
test-y += $(chips-tests)
san-test-y += $(chips-tests)
$(foreach t,$(chips-tests),$(eval $(t)-y := $(t).o $(chips-test-y)))
san-test-y += tests/fuzz/emulate
tests/fuzz/emulate-y := tests/fuzz/emulate.o tests/unit/emulate_env.o
tests/fuzz/emulate-link := core

# The KVM API over home/test, with an engine that interprets.
test-y += tests/unit/core
san-test-y += tests/unit/core
tests/unit/core-y := $(patsubst %,tests/unit/%.o,core core_env core_vm core_run core_tsc core_async core_fail)
tests/unit/core-link := core
san-test-y += tests/fuzz/ioctl
tests/fuzz/ioctl-y := tests/fuzz/ioctl.o tests/unit/core_env.o
tests/fuzz/ioctl-link := core
tests/fuzz/ioctl-args := 3000

# The page walk, alone.
test-y += tests/unit/walk
san-test-y += tests/unit/walk
tests/unit/walk-y := tests/unit/walk.o core/x86/walk.o core/string.o

# The translator's TLB and jump cache, against a model of what may be cached.
test-y += tests/unit/tlb
tests/unit/tlb-y := tests/unit/tlb.o core/x86/walk.o core/string.o $(addprefix engine/bt/,tlb.o tlb2.o jump.o window.o window-map.o)
tests/unit/tlb-cflags := -Iengine/bt

# What the AMD-V engine asks of a processor.
test-y += tests/unit/svm_usable
tests/unit/svm_usable-y := tests/unit/svm_usable.o engine/svm/usable.o
