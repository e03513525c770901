/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * What a processor must have, asked of what it says of itself.
 */
#ifndef ANYKVM_SVM_USABLE_H
#define ANYKVM_SVM_USABLE_H

#include "types.h"

#define MSR_VM_CR 0xc0010114
#define VM_CR_SVMDIS BIT_ULL(4)

/*
 * NULL: guests can be run here; else why not, in one line. @svm, @npt: the features' bits of CPUID;
 * @vm_cr: the MSR, 0 where there is none.
 */
const char *svm_unusable(bool svm, u64 vm_cr, bool npt);

#endif
