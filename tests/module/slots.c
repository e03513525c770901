/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory slots are added, removed, moved and switched to dirty logging while the
 * guest uses them. A CPU reads one address for ever: it sees the slot's word or,
 * without a slot, the host program's answer, and nothing else.
 */
/* row: seconds=15 boot=slub_debug=FZ,preempt=full */
#include "walker.h"

#define AT 0x10000000u
#define WORD 0x51075107u
#define MMIO 0x0e0e0e0eu
#define SIZE (2u << 20)
#define RUN_SECONDS 6.0

int main(void)
{
	struct guest g;
	struct vcpu peek, walk;
	double end;
	unsigned long changes = 0, wrong = 0;
	char *mem = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);

	for (unsigned int i = 0; i < 2 * SIZE; i += 4)
		*(uint32_t *)(mem + i) = WORD;
	guest_open(&g, 8 << 20, NULL);
	vcpu_open(&peek, &g, 0, guest_peek, guest_peek_end, AT + SIZE / 2, WORD, MMIO);
	peek.mmio_value = MMIO;
	vcpu_open(&walk, &g, 1, guest_walk, guest_walk_end, PAGES_AT, PAGES_AT + (16u << 12), 0);
	vcpu_start(&peek);
	vcpu_start(&walk);
	for (end = seconds() + RUN_SECONDS; seconds() < end && !peek.bad && !walk.bad; changes++) {
		int log = changes & 1 ? KVM_MEM_LOG_DIRTY_PAGES : 0;

		wrong += !!guest_slot(&g, 1, AT, SIZE, mem, log);
		/* Long enough for the guest to get to it, even on one processor with us. */
		if (changes % 4 == 3)
			usleep(2000);
		wrong += !!guest_slot(&g, 1, AT, SIZE, mem, KVM_MEM_LOG_DIRTY_PAGES - log);
		/* Elsewhere in the guest, where nobody looks, and away. */
		wrong += !!guest_slot(&g, 1, AT + 8 * SIZE, SIZE, mem, 0);
		wrong += !!guest_slot(&g, 1, AT, 0, mem, 0);
		if (changes % 4 == 1)
			usleep(2000); /* and to where nothing is */
		/* The same of the slot that the other CPU writes to. */
		wrong += !!guest_slot(&g, 0, 0, g.size, g.mem, log);
	}
	vcpu_stop(&peek);
	vcpu_stop(&walk);
	ok(!wrong, "%lu times five changes, %lu refused", changes, wrong);
	ok(changes > 8, "more than a few");
	ok(!peek.bad, "the reader saw memory or the host's answer (%#x, %u)", peek.bad_seen,
	   peek.bad);
	ok(peek.rounds > 0 && peek.mmio > 0, "both: %lu answers in %u rounds of 64", peek.mmio,
	   peek.rounds);
	ok(!walk.bad && walk.rounds > 0, "the other CPU's pages stayed its own (%u rounds)",
	   walk.rounds);
	guest_close(&g);
	return tap_end();
}
