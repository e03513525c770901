/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* The 8254's two halves to each other: pit.c (registers) and pit-irq.c (channel 0's interrupt). */
#ifndef ANYKVM_PIT_H
#define ANYKVM_PIT_H

#include "vcpu.h"

struct pit {
	struct plat_spinlock lock;
	struct vm *vm;
	struct kvm_pit_channel_state ch[3];
	u64 held_ns[3];		/* since when a low gate holds the count; 0: it runs */
	bool speaker_on, has_speaker, hpet_legacy;
	struct io_device ports, speaker;

	/* pit-irq.c */
	struct plat_timer timer;
	u64 deadline_ns;	/* of the next tick; 0: none */
	u64 armed_ns;		/* when the plat_timer will call; 0: will not */
	u64 period_ns;		/* 0: one tick only */
	bool no_reinject;
	bool irq_acked;		/* the last tick has been acknowledged */
	u32 pending;		/* ticks that are due, the unacknowledged one included */
};

u64 pit_ticks_to_ns(u32 ticks);

/* With the lock held. */
void pit_irq_start(struct pit *p);
void pit_irq_stop(struct pit *p);

int pit_irq_init(struct pit *p);
void pit_irq_fini(struct pit *p);

#endif
