# SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later
# The one list of the files of core; every home builds from it.

core-y += core/x86/emulate/decode.o core/x86/emulate/opcodes_1b.o core/x86/emulate/opcodes_0f.o
core-y += core/x86/emulate/opcodes_0f38.o core/x86/emulate/opcodes_x87.o core/x86/emulate/opcodes_vex.o
core-y += core/x86/walk.o core/x86/mmio.o core/x86/debug.o core/x86/vcpu-emulate.o
core-y += core/string.o
