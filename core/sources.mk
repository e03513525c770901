# SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later
# The one list of the files of core; every home builds from it.

core-y += core/x86/emulate/decode.o core/x86/emulate/opcodes_1b.o core/x86/emulate/opcodes_0f.o
core-y += core/x86/emulate/opcodes_0f38.o core/x86/emulate/opcodes_x87.o core/x86/emulate/opcodes_vex.o
core-y += core/x86/emulate/format.o
core-y += core/x86/walk.o core/x86/mmio.o core/x86/debug.o core/x86/vcpu-emulate.o
core-y += core/string.o
core-y += core/x86/emulate/exec.o core/x86/emulate/alu.o core/x86/emulate/muldiv.o core/x86/emulate/shift.o
core-y += core/x86/emulate/bits.o core/x86/emulate/move.o core/x86/emulate/flow.o core/x86/emulate/stack.o
core-y += core/x86/emulate/string.o core/x86/emulate/seg.o core/x86/emulate/segsys.o core/x86/emulate/far.o
core-y += core/x86/emulate/iret.o core/x86/emulate/task.o core/x86/emulate/event.o core/x86/emulate/fast.o
core-y += core/x86/emulate/sys.o core/x86/emulate/vector.o
core-y += core/x86/lapic.o core/x86/lapic-timer.o core/x86/lapic-state.o core/x86/apic-map.o
core-y += core/x86/ioapic.o core/x86/pic.o core/x86/pit.o core/x86/pit-irq.o core/x86/irq.o
core-y += core/x86/kvmclock.o core/x86/pv.o core/x86/pv-async.o core/x86/hypercall.o
core-y += core/ioctl.o core/system.o core/vm.o core/vcpu.o core/run.o core/event.o core/memslot.o core/dirty.o
core-y += core/bus.o core/irqroute.o core/eventfd.o core/coalesced.o core/caps.o core/stats.o
core-y += core/x86/cpuid.o core/x86/msr.o core/x86/msr-io.o core/x86/mtrr.o core/x86/mce.o core/x86/tsc.o
core-y += core/x86/decoded.o core/x86/cr.o core/x86/regs.o core/x86/fpu.o core/x86/vcpu-x86.o core/x86/vm-x86.o
