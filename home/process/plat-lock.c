/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sleeping locks over futex(2). The mutex is the spinlock with less spinning.
 * The readers-writer lock lets a waiting writer go before new readers: the
 * memslots' writer must get in between two KVM_RUN of a busy vCPU. A reader
 * must therefore not take the lock a second time.
 */
#include <errno.h>
#include <linux/futex.h>
#include "home.h"

#define WRITER 0x80000000u

#ifdef ANYKVM_SAN
/* Threads of a process may sleep whenever they like; the home of unit tests looks. */
void plat_spin_held(int n)
{
}
#endif

static void futex_wait(u32 *word, u32 val)
{
	sys4(SYS_futex, word, FUTEX_WAIT_PRIVATE, val, 0);
}

static void futex_wake(u32 *word, int n)
{
	sys3(SYS_futex, word, FUTEX_WAKE_PRIVATE, n);
}

void plat_mutex_init(struct plat_mutex *m)
{
	m->v = 0;
}

void plat_mutex_lock(struct plat_mutex *m)
{
	int i;

	for (i = 0; i < 20; i++) {
		if (!READ_ONCE(m->v) && !plat_atomic_cmpxchg32(&m->v, 0, 1))
			return;
		plat_pause();
	}
	while (plat_atomic_xchg32(&m->v, 2))
		futex_wait(&m->v, 2);
}

void plat_mutex_unlock(struct plat_mutex *m)
{
	if (plat_atomic_xchg32(&m->v, 0) == 2)
		futex_wake(&m->v, 1);
}

void plat_rwlock_init(struct plat_rwlock *l)
{
	*l = (struct plat_rwlock){ 0 };
}

static bool try_read(struct plat_rwlock *l)
{
	u32 s = READ_ONCE(l->state);

	while (!(s & WRITER) && !READ_ONCE(l->writers)) {
		u32 seen = plat_atomic_cmpxchg32(&l->state, s, s + 1);

		if (seen == s)
			return true;
		s = seen;
	}
	return false;
}

static bool try_write(struct plat_rwlock *l)
{
	return !READ_ONCE(l->state) && !plat_atomic_cmpxchg32(&l->state, 0, WRITER);
}

/*
 * A release moves seq after it changed the state, so a sleeper that saw the old state can not
 * miss it.
 */
static void rw_sleep(struct plat_rwlock *l, bool (*try)(struct plat_rwlock *))
{
	plat_atomic_add32(&l->sleepers, 1);
	for (;;) {
		u32 seq = __atomic_load_n(&l->seq, __ATOMIC_SEQ_CST);

		if (try(l))
			break;
		futex_wait(&l->seq, seq);
	}
	plat_atomic_add32(&l->sleepers, -1u);
}

static void rw_moved(struct plat_rwlock *l)
{
	plat_atomic_add32(&l->seq, 1);
	if (READ_ONCE(l->sleepers))
		futex_wake(&l->seq, 0x7fffffff);
}

void plat_read_lock(struct plat_rwlock *l)
{
	if (!try_read(l))
		rw_sleep(l, try_read);
}

void plat_read_unlock(struct plat_rwlock *l)
{
	if (plat_atomic_add32(&l->state, -1u) == 1)
		rw_moved(l);
}

void plat_write_lock(struct plat_rwlock *l)
{
	if (try_write(l))
		return;
	plat_atomic_add32(&l->writers, 1);
	rw_sleep(l, try_write);
	plat_atomic_add32(&l->writers, -1u);
}

void plat_write_unlock(struct plat_rwlock *l)
{
	plat_atomic_and32(&l->state, ~WRITER);
	rw_moved(l);
}
