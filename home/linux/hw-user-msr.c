// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs that the kernel does not look at and user mode does (TSC_AUX, those of
 * SYSCALL): the guest's value may stay in them until this processor returns to
 * user mode, whichever thread does. Most exits never get there.
 */
#include <linux/percpu.h>
#include <linux/user-return-notifier.h>
#include <asm/msr.h>
#include "plat.h"
#include "hw.h"
#include "module.h"

#define MAX_USER_MSRS 8

struct user_msrs {
	struct user_return_notifier notifier;
	bool registered;
	u32 n;
	struct user_msr {
		u32 index;
		u64 host, now;
	} msr[MAX_USER_MSRS];
};

static DEFINE_PER_CPU(struct user_msrs, user_msrs);

static void restore(struct user_msrs *u)
{
	u32 i;

	for (i = 0; i < u->n; i++) {
		if (u->msr[i].now == u->msr[i].host)
			continue;
		wrmsrl(u->msr[i].index, u->msr[i].host);
		u->msr[i].now = u->msr[i].host;
	}
}

/* Interrupts are off: a processor that is turned off comes here in one. */
void hw_user_msrs_restore(void)
{
	struct user_msrs *u = this_cpu_ptr(&user_msrs);

	if (u->registered) {
		u->registered = false;
		user_return_notifier_unregister(&u->notifier);
	}
	restore(u);
}

static void on_user_return(struct user_return_notifier *notifier)
{
	unsigned long flags;

	local_irq_save(flags);
	hw_user_msrs_restore();
	local_irq_restore(flags);
}

/* The first time: what is there is the host's, the same while the machine runs. */
static struct user_msr *find(struct user_msrs *u, u32 index)
{
	struct user_msr *m;
	u32 i;

	for (i = 0; i < u->n; i++)
		if (u->msr[i].index == index)
			return &u->msr[i];
	if (WARN_ON_ONCE(u->n == MAX_USER_MSRS))
		return NULL;
	m = &u->msr[u->n++];
	m->index = index;
	rdmsrl(index, m->host);
	m->now = m->host;
	return m;
}

/* Preemption is off. An engine with one such MSR pays for a look at that. */
void hw_user_msr(u32 index, u64 val)
{
	struct user_msrs *u = this_cpu_ptr(&user_msrs);
	struct user_msr *m = u->msr;

	if (likely(m->index == index && m->now == val))
		return;
	m = find(u, index);
	if (!m || m->now == val)
		return;
	wrmsrl(index, val);
	m->now = val;
	if (!u->registered) {
		u->registered = true;
		u->notifier.on_user_return = on_user_return;
		user_return_notifier_register(&u->notifier);
	}
}
