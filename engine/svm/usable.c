/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Why guests can't be run on a processor (APM vol. 2, 15.4). In a file of its
 * own because no emulated processor can be locked: its test says what it is told.
 */
#include "usable.h"

const char *svm_unusable(bool svm, u64 vm_cr, bool npt)
{
	if (!svm)
		return "this processor has no AMD-V (SVM): the module needs one that has, or 'nested' virtualization where this is a guest";
	if (vm_cr & VM_CR_SVMDIS)
		return "AMD-V is locked by the firmware: enable 'SVM mode' in its setup";
	if (!npt)
		return "this processor's AMD-V has no nested paging (Opteron and Phenom of 2007 were the first): guests can't be run without it";
	return NULL;
}
