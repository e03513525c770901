// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which processors the AMD-V engine takes, and that it says what is wrong with
 * the others: one line each, for the first thing that is missing.
 */
#include <stdio.h>
#include <string.h>
#include "engine/svm/usable.h"

static const struct {
	const char *name;
	bool svm;
	u64 vm_cr;
	bool npt;
	const char *says;
} rows[] = {
	{ "AMD-V with nested paging", true, 0, true, NULL },
	{ "VM_CR's other bits are no matter", true, ~VM_CR_SVMDIS, true, NULL },
	{ "no AMD-V", false, 0, false, "has no AMD-V" },
	{ "no AMD-V, whatever else it says", false, ~0ull, true, "has no AMD-V" },
	{ "locked", true, VM_CR_SVMDIS, true, "locked by the firmware" },
	{ "locked, and without nested paging", true, VM_CR_SVMDIS, false, "locked by the firmware" },
	{ "no nested paging", true, 0, false, "no nested paging" },
};

int main(void)
{
	unsigned int n = sizeof(rows) / sizeof(rows[0]), bad = 0;

	printf("1..%u\n", n);
	for (unsigned int i = 0; i < n; i++) {
		const char *why = svm_unusable(rows[i].svm, rows[i].vm_cr, rows[i].npt);
		bool ok = why && rows[i].says ? strstr(why, rows[i].says) && !strchr(why, '\n') :
						!why == !rows[i].says;

		if (!ok)
			printf("# it says: %s\n", why ? why : "nothing");
		printf("%s %u - %s\n", ok ? "ok" : "not ok", i + 1, rows[i].name);
		bad += !ok;
	}
	return bad != 0;
}
