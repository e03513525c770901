// SPDX-License-Identifier: GPL-2.0
/*
 * The core's locks are the kernel's own, in the room that plat_inline.h keeps
 * for them: spinlock with interrupts off, mutex, rw_semaphore.
 *
 * For lockdep a lock's class is the place in the core that made it: every lock
 * passes through one of the three functions here, and one class for all would
 * see a deadlock wherever one lock is taken under another. The place's address
 * is in this module, and so as good a key as a static variable.
 */
#include <linux/spinlock.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/lockdep.h>
#include "plat.h"

struct spin_home {
	spinlock_t lock;
	unsigned long flags;	/* interrupts, of the one who holds it */
};

static inline struct spin_home *spin(struct plat_spinlock *l)
{
	BUILD_BUG_ON(sizeof(struct spin_home) > sizeof(*l));
	return (struct spin_home *)l->home;
}

static inline struct mutex *mutex(struct plat_mutex *m)
{
	BUILD_BUG_ON(sizeof(struct mutex) > sizeof(*m));
	return (struct mutex *)m->home;
}

static inline struct rw_semaphore *rwsem(struct plat_rwlock *l)
{
	BUILD_BUG_ON(sizeof(struct rw_semaphore) > sizeof(*l));
	return (struct rw_semaphore *)l->home;
}

#define CALLER ((struct lock_class_key *)__builtin_return_address(0))

noinline void plat_spin_init(struct plat_spinlock *l)
{
	spin_lock_init(&spin(l)->lock);
	lockdep_set_class_and_name(&spin(l)->lock, CALLER, "anykvm spinlock");
}

void plat_spin_lock(struct plat_spinlock *l)
{
	unsigned long flags;

	spin_lock_irqsave(&spin(l)->lock, flags);
	spin(l)->flags = flags;
	__release(lock);	/* sparse counts by function: another one drops it */
}

void plat_spin_unlock(struct plat_spinlock *l)
{
	__acquire(lock);
	spin_unlock_irqrestore(&spin(l)->lock, spin(l)->flags);
}

noinline void plat_mutex_init(struct plat_mutex *m)
{
	mutex_init(mutex(m));
	lockdep_set_class_and_name(mutex(m), CALLER, "anykvm mutex");
}

void plat_mutex_lock(struct plat_mutex *m)
{
	mutex_lock(mutex(m));
}

void plat_mutex_unlock(struct plat_mutex *m)
{
	mutex_unlock(mutex(m));
}

noinline void plat_rwlock_init(struct plat_rwlock *l)
{
	init_rwsem(rwsem(l));
	lockdep_set_class_and_name(rwsem(l), CALLER, "anykvm rwsem");
}

void plat_read_lock(struct plat_rwlock *l)
{
	down_read(rwsem(l));
}

void plat_read_unlock(struct plat_rwlock *l)
{
	up_read(rwsem(l));
}

void plat_write_lock(struct plat_rwlock *l)
{
	down_write(rwsem(l));
}

void plat_write_unlock(struct plat_rwlock *l)
{
	up_write(rwsem(l));
}
