/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See plat-test.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "plat-test.h"
#include "vm.h"

static void die(const char *what)
{
	fprintf(stderr, "plat-test: %s\n", what);
	abort();
}

/*
 * ---- atomic context: a spinlock is held, or a timer's or an eventfd's function runs ----
 * (of spinlocks a build without sanitizers says nothing)
 */

static int atomic;

#ifdef ANYKVM_SAN
void plat_spin_held(int n)
{
	static int spins;

	spins += n;
	if (spins > 1) {
		fprintf(stderr, "a spinlock is taken under another one\n");
		abort();
	}
	atomic += n;
}
#endif

static void may_sleep(const char *what)
{
	if (!atomic)
		return;
	fprintf(stderr, "plat-test: %s in atomic context\n", what);
	abort();
}

static void call_atomic(void (*fn)(void *arg), void *arg)
{
	atomic++;
	fn(arg);
	atomic--;
}

/* ---- failures ---- */

static u64 allocs, alloc_fail, allocs_live, accesses, access_fail;
static u64 gone_lo, gone_hi;

u64 test_fail_alloc(u64 k)
{
	u64 was = allocs;

	allocs = 0;
	alloc_fail = k;
	return was;
}

u64 test_allocs_live(void)
{
	return allocs_live;
}

u64 test_fail_access(u64 k)
{
	u64 was = accesses;

	accesses = 0;
	access_fail = k;
	return was;
}

void test_vanish(const void *lo, const void *hi)
{
	gone_lo = (u64)lo;
	gone_hi = (u64)hi;
}

static bool alloc_fails(void)
{
	may_sleep("an allocation");
	return ++allocs == alloc_fail;
}

static bool access_fails(u64 addr, size_t n)
{
	may_sleep("an access to the host program's memory");
	return ++accesses == access_fail || (addr < gone_hi && addr + n > gone_lo) || addr < 4096;
}

void *plat_alloc(size_t size)
{
	void *p = NULL;

	if (alloc_fails() || posix_memalign(&p, 64, size ? size : 1))
		return NULL;
	memset(p, 0, size);
	allocs_live++;
	return p;
}

void plat_free(void *p)
{
	may_sleep("plat_free");
	allocs_live -= !!p;
	free(p);
}

void *plat_alloc_shared(struct plat_file *owner, u64 offset, size_t size)
{
	void *p = NULL;

	if (!alloc_fails() && !posix_memalign(&p, 4096, size)) {
		memset(p, 0, size);
		allocs_live++;
	}
	return p;
}

void plat_free_shared(void *p, size_t size)
{
	plat_free(p);
}

/* ---- guest and user memory ---- */

int plat_copy_from_user(void *dst, u64 uaddr, size_t n)
{
	if (access_fails(uaddr, n))
		return -EFAULT;
	memcpy(dst, (void *)uaddr, n);
	return 0;
}

int plat_copy_to_user(u64 uaddr, const void *src, size_t n)
{
	if (access_fails(uaddr, n))
		return -EFAULT;
	memcpy((void *)uaddr, src, n);
	return 0;
}

u64 plat_user_pointer(u64 val)
{
	return val;
}

void *plat_guest_page(struct vm *vm, u64 uaddr, bool write)
{
	return access_fails(uaddr, 1) ? NULL : (void *)uaddr;
}

int plat_guest_read(void *dst, const void *host, size_t n)
{
	return plat_copy_from_user(dst, (u64)host, n);
}

int plat_guest_write(void *host, const void *src, size_t n)
{
	return plat_copy_to_user((u64)host, src, n);
}

int plat_guest_cmpxchg(void *host, void *old, const void *val, size_t n, bool *done)
{
	*done = false;
	if (n > 16 || !n || n & (n - 1))
		return -EINVAL;
	if (access_fails((u64)host, n))
		return -EFAULT;
	*done = !memcmp(host, old, n);
	memcpy(old, host, n);
	if (*done)
		memcpy(host, val, n);
	return 0;
}

#define MAX_WATCH 1024
static struct {
	struct vm *vm;
	u64 page;
} watches[MAX_WATCH];

static int watch_find(u64 page)
{
	int i;

	for (i = 0; i < MAX_WATCH; i++)
		if (watches[i].page == page)
			return i;
	return -1;
}

int plat_watch_page(struct vm *vm, void *host)
{
	u64 page = (u64)host & PAGE_MASK;
	int i = watch_find(page);

	may_sleep("plat_watch_page");
	if (i < 0)
		i = watch_find(0);
	if (i < 0)
		return -ENOSPC;
	watches[i].vm = vm;
	watches[i].page = page;
	return 0;
}

void plat_unwatch_page(struct vm *vm, void *host)
{
	int i = watch_find((u64)host & PAGE_MASK);

	if (i >= 0)
		watches[i].page = 0;
}

void plat_guest_unmap(struct vm *vm, u64 uaddr, u64 len)
{
	int i;

	may_sleep("plat_guest_unmap");
	for (i = 0; i < MAX_WATCH; i++)
		if (watches[i].vm == vm && watches[i].page - uaddr < len)
			watches[i].page = 0;
}

bool test_watched(const void *host)
{
	return watch_find((u64)host & PAGE_MASK) >= 0;
}

/* Not every test that links this has the core's memory. */
void vm_code_written(struct vm *vm, u64 uaddr) __attribute__((weak));

bool test_write_watched(const void *host)
{
	int i = watch_find((u64)host & PAGE_MASK);

	if (i < 0)
		return false;
	watches[i].page = 0;
	if (vm_code_written)
		vm_code_written(watches[i].vm, (u64)host & PAGE_MASK);
	return true;
}

/* ---- locks: one thread, so a lock that is held can never be had ---- */

static int held;

void plat_mutex_init(struct plat_mutex *m)
{
	m->v = 0;
}

void plat_mutex_lock(struct plat_mutex *m)
{
	may_sleep("a mutex");
	if (m->v)
		die("a mutex is locked twice");
	m->v = 1;
	held++;
}

void plat_mutex_unlock(struct plat_mutex *m)
{
	if (!m->v)
		die("a mutex is unlocked that is not locked");
	m->v = 0;
	held--;
}

void plat_rwlock_init(struct plat_rwlock *l)
{
	*l = (struct plat_rwlock){ 0 };
}

void plat_read_lock(struct plat_rwlock *l)
{
	may_sleep("a read lock");
	if (l->state)
		die(l->state >> 31 ? "a lock is read while it is written" : "a lock is read twice");
	l->state++;
	held++;
}

void plat_read_unlock(struct plat_rwlock *l)
{
	if (l->state != 1)
		die("a lock is released that nobody reads");
	l->state = 0;
	held--;
}

void plat_write_lock(struct plat_rwlock *l)
{
	may_sleep("a write lock");
	if (l->state)
		die("a lock is written while it is held");
	l->state = 1u << 31;
	held++;
}

void plat_write_unlock(struct plat_rwlock *l)
{
	if (l->state != 1u << 31)
		die("a lock is released that nobody writes");
	l->state = 0;
	held--;
}

/* ---- time ---- */

static u64 now = 1000000000;
static struct plat_timer *armed[256];
u32 test_timers_fired, test_khz = 2000000;

u64 plat_time_ns(void)
{
	return now;
}
u64 plat_boot_ns(void)
{
	return now + 5000000000ull;
}
u64 plat_real_ns(void)
{
	return now + 1600000000ull * 1000000000;
}
u32 plat_tsc_khz(void)
{
	return test_khz;
}

static void call_timer(void *arg)
{
	struct plat_timer *t = arg;

	t->fn(t);
}

static struct plat_timer **earliest(void)
{
	struct plat_timer **best = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(armed); i++)
		if (armed[i] && (!best || armed[i]->deadline < (*best)->deadline))
			best = &armed[i];
	return best;
}

u64 test_next_timer(void)
{
	struct plat_timer **t = earliest();

	return t ? (*t)->deadline : ~0ull;
}

void test_advance(u64 ns)
{
	u64 end = now + ns;

	for (;;) {
		struct plat_timer **p = earliest(), *t;

		if (!p || (*p)->deadline > end)
			break;
		t = *p;
		*p = NULL;
		t->slot = 0;
		now = max(now, t->deadline);
		test_timers_fired++;
		t->running = 1;
		call_atomic(call_timer, t);
		t->running = 0;
	}
	now = end;
}

int plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t))
{
	*t = (struct plat_timer){ 0 };
	if (alloc_fails())
		return -ENOMEM;
	t->fn = fn;
	return 0;
}

void plat_timer_start(struct plat_timer *t, u64 deadline_ns)
{
	size_t i;

	if (!t->fn)
		die("a timer is started that was never made, or is destroyed");
	t->deadline = deadline_ns;
	if (t->slot)
		return;
	for (i = 0; i < ARRAY_SIZE(armed) && armed[i]; i++)
		;
	if (i == ARRAY_SIZE(armed))
		die("too many timers");
	armed[i] = t;
	t->slot = i + 1;
}

void plat_timer_cancel(struct plat_timer *t)
{
	may_sleep("plat_timer_cancel");
	if (t->slot)
		armed[t->slot - 1] = NULL;
	t->slot = 0;
}

void plat_timer_destroy(struct plat_timer *t)
{
	plat_timer_cancel(t);
	t->fn = NULL;
}

/* ---- the vCPU's thread ---- */

static bool signalled;
u32 test_waits;
void (*test_on_wait)(struct plat_thread *t);

void test_signal(void)
{
	signalled = true;
}

void plat_thread_enter(struct plat_thread *t, struct vcpu *vcpu)
{
	if (t->in_run)
		die("a vCPU runs twice at once");
	t->in_run = 1;
	t->vcpu = vcpu;
	signalled = false;
}

void plat_thread_leave(struct plat_thread *t)
{
	t->in_run = 0;
}

bool plat_signal_pending(void)
{
	return signalled;
}

void plat_thread_wait(struct plat_thread *t, u64 deadline)
{
	u64 until = test_next_timer();

	may_sleep("plat_thread_wait");
	if (!t->wake && !signalled) {
		test_waits++;
		if (deadline)
			until = min(until, deadline);
		if (test_on_wait)
			test_on_wait(t);
		else if (until == ~0ull)
			signalled = true; /* else it would sleep for ever */
		else
			test_advance(until > now ? until - now : 0);
	}
	t->wake = 0;
}

void plat_thread_wake(struct plat_thread *t)
{
	t->wake = 1;
}

int plat_set_sigmask(struct plat_thread *t, const void *mask, size_t len)
{
	t->mask_set = mask != NULL;
	return mask && len != 8 ? -EINVAL : 0;
}

void plat_yield(void)
{
	may_sleep("plat_yield");
}

void plat_yield_to(struct plat_thread *t)
{
	may_sleep("plat_yield_to");
}

u64 plat_run_delay_ns(void)
{
	return now / 100;
}

/* ---- files ---- */

struct plat_file {
	const struct plat_file_ops *ops;
	void *obj;
};
static struct plat_file *files[1024];
#define FIRST_FD 100

int plat_file_create(const char *name, const struct plat_file_ops *ops, void *obj,
		     struct plat_file **file)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files) && files[i]; i++)
		;
	if (i == ARRAY_SIZE(files))
		return -EMFILE;
	files[i] = plat_alloc(sizeof(**files));
	if (!files[i])
		return -ENOMEM;
	*files[i] = (struct plat_file){ ops, obj };
	*file = files[i];
	return FIRST_FD + i;
}

void plat_file_cancel(struct plat_file *file, int fd)
{
	if (files[fd - FIRST_FD] != file)
		die("a file is cancelled that is not open");
	files[fd - FIRST_FD] = NULL;
	plat_free(file);
}

void *test_file_obj(int fd, enum plat_file_kind *kind)
{
	struct plat_file *f = fd >= FIRST_FD && fd < FIRST_FD + 1024 ? files[fd - FIRST_FD] : NULL;

	if (f && kind)
		*kind = f->ops->kind;
	return f ? f->obj : NULL;
}

bool test_close(int fd)
{
	struct plat_file *f = fd >= FIRST_FD && fd < FIRST_FD + 1024 ? files[fd - FIRST_FD] : NULL;

	if (!f)
		return false;
	files[fd - FIRST_FD] = NULL;
	if (f->ops->release)
		f->ops->release(f->obj);
	plat_free(f);
	return true;
}

u32 test_files_open(void)
{
	u32 n = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		n += !!files[i];
	return n;
}

/* ---- eventfds ---- */

struct plat_eventfd {
	int fd;
};
#define FIRST_EVENTFD 5000
static struct {
	bool open;
	u64 count;
	struct plat_eventfd *e;
	void (*fn)(void *arg);
	void (*closed)(void *arg);
	void *arg;
} eventfds[64];

int test_eventfd(void)
{
	int i;

	for (i = 0; i < 64 && eventfds[i].open; i++)
		;
	if (i == 64)
		die("too many eventfds");
	eventfds[i].open = true;
	eventfds[i].count = 0;
	eventfds[i].fn = NULL;
	return FIRST_EVENTFD + i;
}

u64 test_eventfd_count(int fd)
{
	u64 n = eventfds[fd - FIRST_EVENTFD].count;

	eventfds[fd - FIRST_EVENTFD].count = 0;
	return n;
}

void test_eventfd_write(int fd)
{
	int i = fd - FIRST_EVENTFD;

	if (eventfds[i].fn)
		call_atomic(eventfds[i].fn, eventfds[i].arg);
	else
		eventfds[i].count++;
}

void test_eventfd_close(int fd)
{
	int i = fd - FIRST_EVENTFD;

	if (eventfds[i].fn)
		call_atomic(eventfds[i].closed, eventfds[i].arg);
}

struct plat_eventfd *plat_eventfd_get(int fd, int *err)
{
	struct plat_eventfd *e;

	*err = fd < FIRST_EVENTFD ? -EINVAL : -EBADF;
	if (fd < FIRST_EVENTFD || fd >= FIRST_EVENTFD + 64 || !eventfds[fd - FIRST_EVENTFD].open)
		return NULL;
	e = plat_alloc(sizeof(*e));
	*err = e ? 0 : -ENOMEM;
	if (e)
		e->fd = fd;
	return e;
}

void plat_eventfd_put(struct plat_eventfd *e)
{
	plat_free(e);
}

void plat_eventfd_signal(struct plat_eventfd *e)
{
	test_eventfd_write(e->fd);
}

bool plat_eventfd_same(struct plat_eventfd *a, struct plat_eventfd *b)
{
	return a->fd == b->fd;
}

int plat_eventfd_listen(struct plat_eventfd *e, void (*fn)(void *arg), void (*closed)(void *arg),
			void *arg)
{
	int i = e->fd - FIRST_EVENTFD;

	if (alloc_fails())
		return -ENOMEM;
	if (eventfds[i].fn)
		die("an eventfd has two listeners");
	eventfds[i].e = e;
	eventfds[i].fn = fn;
	eventfds[i].closed = closed;
	eventfds[i].arg = arg;
	return 0;
}

void plat_eventfd_unlisten(struct plat_eventfd *e, void *arg)
{
	int i = e->fd - FIRST_EVENTFD;

	may_sleep("plat_eventfd_unlisten");
	if (eventfds[i].e == e && eventfds[i].arg == arg)
		eventfds[i].fn = NULL;
}

/* ---- processor, code, words ---- */

void plat_cpuid(u32 leaf, u32 sub, u32 out[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
			 : "0"(leaf), "2"(sub));
}

void plat_random(void *buf, size_t n)
{
	static u64 state = 1;
	u8 *p = buf;

	while (n--) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		*p++ = (u8)(state >> 56);
	}
}

int plat_code_alloc(size_t size, void **rw, void **rx)
{
	if (alloc_fails())
		return -ENOMEM;
	*rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*rx = mremap(*rw, 0, size, MREMAP_MAYMOVE);
	return mprotect(*rx, size, PROT_READ | PROT_EXEC) ? -EACCES : 0;
}

void plat_code_free(void *rw, void *rx, size_t size)
{
	munmap(rw, size);
	munmap(rx, size);
}

void plat_forget(void *p, size_t size)
{
	memset(p, 0xcc, size);
}

void plat_code_range(struct plat_thread *t, u64 lo, u64 hi)
{
	t->code_lo = lo;
	t->code_hi = hi;
}

void *plat_stack_alloc(size_t size, size_t above)
{
	size_t total = ALIGN_UP(size, PAGE_SIZE) + ALIGN_UP(above, PAGE_SIZE) + PAGE_SIZE;
	u8 *p;

	if (alloc_fails())
		return NULL;
	p = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p, PAGE_SIZE, PROT_NONE);
	return p + PAGE_SIZE + ALIGN_UP(size, PAGE_SIZE);
}

void plat_stack_free(void *p, size_t size, size_t above)
{
	size = ALIGN_UP(size, PAGE_SIZE);
	if (p)
		munmap((u8 *)p - size - PAGE_SIZE, size + ALIGN_UP(above, PAGE_SIZE) + PAGE_SIZE);
}

char test_log[256];

void plat_log(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(test_log, sizeof(test_log), fmt, args);
	va_end(args);
}

bool plat_trace_on(const char *topic)
{
	return false;
}

void plat_trace(const char *fmt, ...)
{
}

int plat_snprintf(char *buf, size_t n, const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = vsnprintf(buf, n, fmt, args);
	va_end(args);
	return ret;
}

void plat_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "bug at %s:%d: %s\n", file, line, what);
	abort();
}

void test_home_reset(void)
{
	if (held || atomic)
		die("locks are still held");
	memset(armed, 0, sizeof(armed));
	memset(files, 0, sizeof(files));
	memset(eventfds, 0, sizeof(eventfds));
	memset(watches, 0, sizeof(watches));
	test_fail_alloc(0);
	test_fail_access(0);
	test_vanish(NULL, NULL);
	now = 1000000000;
	signalled = false;
	allocs_live = 0;
	test_on_wait = NULL;
	test_waits = test_timers_fired = 0;
	test_log[0] = 0;
}
