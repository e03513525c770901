/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest of 12 MiB that goes over its pages from two CPUs, for squeeze.sh: at least two rounds. */
#include "walker.h"

#define HALF (5u << 20)
#define ROUNDS 2

int main(void)
{
	struct guest g;
	struct vcpu v[2];
	double end = seconds() + 120;
	bool good = true;

	guest_open(&g, 12 << 20, NULL);
	for (int i = 0; i < 2; i++) {
		uint32_t at = PAGES_AT + (uint32_t)i * HALF;

		vcpu_open(&v[i], &g, i, guest_walk, guest_walk_end, at, at + HALF, 0);
		vcpu_start(&v[i]);
	}
	while ((v[0].rounds < ROUNDS || v[1].rounds < ROUNDS) && !v[0].bad && !v[1].bad &&
	       seconds() < end)
		usleep(10000);
	for (int i = 0; i < 2; i++) {
		vcpu_stop(&v[i]);
		printf("# CPU %d: %u rounds, bad %u/%#x\n", i, v[i].rounds, v[i].bad,
		       v[i].bad_seen);
		good &= v[i].rounds >= ROUNDS && !v[i].bad;
	}
	/* The host program sees what the guest wrote: each page its own address. */
	for (uint32_t at = PAGES_AT; at < PAGES_AT + 2 * HALF; at += 4096)
		if ((*(uint32_t *)(g.mem + at) & ~0xfffu) != at) {
			printf("# the host sees %#x at %#x\n", *(uint32_t *)(g.mem + at), at);
			good = false;
			break;
		}
	guest_close(&g);
	return !good;
}
