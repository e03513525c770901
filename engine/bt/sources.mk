# SPDX-License-Identifier: LGPL-2.1-or-later
# The files of the translator.

bt-y += engine/bt/enter.o engine/bt/context.o engine/bt/cache.o engine/bt/chunk.o engine/bt/ring.o
bt-y += engine/bt/translate.o engine/bt/mem.o engine/bt/edge.o engine/bt/jump.o engine/bt/native.o
bt-y += engine/bt/insn.o engine/bt/system.o engine/bt/group.o
bt-y += engine/bt/form.o engine/bt/loop.o engine/bt/known.o engine/bt/hint.o
bt-y += engine/bt/engine.o engine/bt/run.o engine/bt/tlb.o engine/bt/smc.o engine/bt/fault.o
bt-y += engine/bt/fpu.o engine/bt/vector.o engine/bt/string.o engine/bt/bitstr.o engine/bt/syscall.o
bt-y += engine/bt/repeat.o
bt-y += engine/bt/tlb2.o engine/bt/stats.o engine/bt/count.o
bt-y += engine/bt/window.o engine/bt/window-map.o
