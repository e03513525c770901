# SPDX-License-Identifier: LGPL-2.1-or-later

# The decoder against Zydis.
test-y += tests/diff/decode
san-test-y += tests/diff/decode
tests/diff/decode-y := tests/diff/decode.o tests/diff/decode_zydis.o tests/diff/decode_known.o
tests/diff/decode-link := core
tests/diff/decode-libs := -lZydis

# The translator against the processor. It brings its own memory and slow paths.
test-y += tests/diff/bt
bt-alone-y := tests/diff/bt-plat.o tests/diff/bt-native.o core/string.o core/x86/debug.o \
	$(filter core/x86/emulate/%,$(core-y)) $(addprefix engine/bt/,enter.o context.o cache.o chunk.o ring.o \
	translate.o mem.o edge.o jump.o native.o insn.o system.o group.o bitstr.o syscall.o \
	repeat.o count.o form.o loop.o known.o hint.o)
tests/diff/bt-y := tests/diff/bt.o tests/diff/random.o $(bt-alone-y)
tests/diff/bt-cflags := -Iengine/bt -Wno-unused-parameter
tests/diff/bt-args := -n 60000

# Its control flow.
test-y += tests/diff/flow
tests/diff/flow-y := tests/diff/flow.o tests/diff/flow-make.o $(bt-alone-y)
tests/diff/flow-cflags := -Iengine/bt -Wno-unused-parameter
tests/diff/flow-args := -n 3000

# What the engine does in C, through the library, against the processor.
test-y += tests/diff/special
tests/diff/special-y := tests/diff/special.o tests/diff/xarea.o
tests/diff/special-link := process
tests/diff/special-args := -n 8000

# The code cache when it is too small.
test-y += tests/diff/evict
tests/diff/evict-y := tests/diff/evict.o $(bt-alone-y)
tests/diff/evict-cflags := -Iengine/bt -Wno-unused-parameter

# System instructions: generated code against the emulator.
test-y += tests/diff/system
tests/diff/system-link := process
tests/diff/system-args := -n 4000

# Whole programs, through the library, against the processor in a child process.
test-y += tests/diff/program
tests/diff/program-y := $(patsubst %,tests/diff/%.o,program program-make program-native program-guest \
	random)
tests/diff/program-link := process
tests/diff/program-cflags := -msse4.2
tests/diff/program-args := -n 6000
