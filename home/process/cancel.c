// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Threads that may be cancelled at any instruction (PTHREAD_CANCEL_ASYNCHRONOUS)
 * and are in one of our ioctls.
 *
 * In the kernel such a thread leaves KVM_RUN as for any signal, and ends then.
 * Here it would end in the midst of the library, its locks held. So the shim
 * makes cancellation wait until the ioctl is through, and pthread_cancel, which
 * then only leaves a mark that nobody looks at, also kicks the thread out of
 * KVM_RUN.
 */
#include "home.h"
#include "vcpu.h"

static struct plat_spinlock lock;
static struct home_cancel *list;
HOME_TLS struct home_cancel *mine;

void home_cancel_begin(struct home_cancel *c)
{
	*c = (struct home_cancel){ .thread = pthread_self(), .next = NULL };
	plat_spin_lock(&lock);
	c->next = list;
	list = c;
	plat_spin_unlock(&lock);
	mine = c;
}

void home_cancel_end(struct home_cancel *c)
{
	struct home_cancel **p;

	mine = NULL;
	plat_spin_lock(&lock);
	for (p = &list; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	plat_spin_unlock(&lock);
}

/* This thread enters KVM_RUN (@t) or leaves it (NULL). True: it has been cancelled already. */
bool home_cancel_running(struct plat_thread *t)
{
	bool cancelled;

	if (likely(!mine))
		return false;
	plat_spin_lock(&lock);
	mine->running = t;
	cancelled = mine->cancelled;
	plat_spin_unlock(&lock);
	return cancelled;
}

bool home_cancel_pending(void)
{
	return mine && READ_ONCE(mine->cancelled);
}

/* Another thread has called pthread_cancel for @thread. */
void home_cancel_kick(pthread_t thread)
{
	struct home_cancel *c;
	struct vcpu *v;

	plat_spin_lock(&lock);
	for (c = list; c; c = c->next) {
		if (!pthread_equal(c->thread, thread))
			continue;
		WRITE_ONCE(c->cancelled, true);
		if (!c->running)
			continue;
		plat_thread_wake(c->running);
		v = c->running->vcpu;
		if (v && v->vm && v->vm->engine && v->vm->engine->kick)
			v->vm->engine->kick(v);
	}
	plat_spin_unlock(&lock);
}

void home_cancel_forked(void)
{
	plat_spin_init(&lock);
	list = mine;
	if (mine)
		mine->next = NULL;
}
