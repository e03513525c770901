# SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later
# The files of the AMD-V engine.

svm-y += engine/svm/svm.o engine/svm/cpu.o engine/svm/run.o engine/svm/enter.o
svm-y += engine/svm/state.o engine/svm/intercept.o engine/svm/msr.o engine/svm/inject.o
svm-y += engine/svm/exits.o engine/svm/decode.o engine/svm/debug.o engine/svm/usable.o
