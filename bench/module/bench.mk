# SPDX-License-Identifier: LGPL-2.1-or-later
#
# make bench-module: instructions per exit of the distribution's kvm-amd and of anykvm.ko, counted in
# an emulated machine. bench/module/run boots it and makes the table.

bm-out := $(B)/bench/module

.PHONY: bench-module
bench-module: bench-module-programs ## Instructions per exit: kvm-amd and anykvm.ko (BENCH='-m kvm-amd cpuid')
	@B='$(B)' bench/module/run $(BENCH)

.PHONY: bench-module-programs
bench-module-programs: $(bm-out)/host $(bm-out)/profiler.so
	@:

# The guest: no libc, no vector registers, one flat image at the address that guest.lds says.
$(bm-out)/guest.o: bench/module/guest.c bench/module/bench.h bench/module/bench.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-pic -fno-pie -mcmodel=small -mno-red-zone \
		-mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
		-fno-asynchronous-unwind-tables -c -o $@ $<

$(bm-out)/guest.elf: $(bm-out)/guest.o bench/module/guest.lds
	$(call say,LD,$@)
	$(Q)$(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
		-Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -T bench/module/guest.lds -o $@ $<

$(bm-out)/guest.bin: $(bm-out)/guest.elf
	$(Q)objcopy -O binary $< $@

# The host program: static and at fixed addresses, for the profiler to know them.
$(bm-out)/host: bench/module/host.c bench/module/image.S bench/module/bench.h $(bm-out)/guest.bin
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE -DGUEST_IMAGE='"$(bm-out)/guest.bin"' \
		-fno-pie -no-pie -static -pthread -o $@ bench/module/host.c bench/module/image.S

$(bm-out)/profiler.so: bench/module/profiler.c bench/module/bench.h bench/module/bench.mk
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -fPIC -shared -o $@ $<
