/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Code watch: writes to guest RAM that the engine can not see, because the
 * host program or the kernel for it makes them, through its own mapping.
 *
 * A watched page is write-protected. Three ways, the first that this process
 * is allowed is taken (ANYKVM_WATCH=uffd, user-uffd or mprotect forces one):
 *
 *  uffd       userfaultfd(2) write protection, for the kernel's accesses too.
 *             A thread resolves the faults; nobody else notices anything.
 *  user-uffd  the same for accesses of this program only (needs no privilege),
 *             as a SIGBUS in the thread that writes.
 *  mprotect   PROT_READ and a SIGSEGV. Also the stop-gap for single pages that
 *             userfaultfd does not take (a private mapping of a file). Each
 *             run of such pages costs the process mappings, of which it has
 *             65530, so their number is bounded: then some are let go, as if
 *             they had been written.
 *
 * In the last two a system call that writes into a watched page would fail
 * with EFAULT. The shim brackets those calls with home_io_begin and
 * home_io_end: pages that they may write are let go before, and while a call
 * is in flight a new watch on them is a soft one: not protected, and reported
 * as written when the call returns.
 *
 * Each page has one state byte, changed by compare and exchange, with BUSY for
 * whoever changes the protection. No lock is held while anybody may fault, and
 * whoever holds BUSY has signals off, so a signal handler can wait for it.
 */
#include <errno.h>
#include <sys/mman.h>
#include "watch.h"
#include "vm.h"

#define MAX_REGIONS 4096
#define MAX_RUNS 12000 /* of separately mprotected pages */
#define IO_SPANS 8
#define MAX_IO 256

enum page_state {
	NONE,
	BUSY, /* somebody changes the protection, signals off */
	WATCHED_UFFD,
	WATCHED_PROT,
	SOFT, /* a system call is writing it: reported when that returns */
};

/* A memslot's memory. Entries are used again, never moved: readers hold `users`. */
struct region {
	u32 users; /* atomic */
	u32 active;
	struct vm *vm; /* NULL in a forked child: nobody to tell */
	u64 lo, hi;
	u8 *state; /* a byte a page */
	u8 shift; /* of the page: 12, 21, 30 (hugetlb) */
	u8 method;
	u32 protected_once;
	u64 changes; /* atomic: protections taken away */
};

static struct region regions[MAX_REGIONS];
static u32 nr_regions; /* high-water mark */
static u32 user_regions; /* atomic: those whose faults are the program's own */
static struct plat_mutex lock; /* of creation and removal */
static u32 runs; /* atomic, signed: about how many runs; pages in transition make it inexact */
static u32 shed_at;

struct io_slot {
	u32 used; /* atomic */
	u32 n;
	u64 lo[IO_SPANS], hi[IO_SPANS];
};
static struct io_slot io_slots[MAX_IO];

HOME_TLS u64 last_page, last_changes;

void home_watch_lock(void)
{
	plat_mutex_lock(&lock);
}

void home_watch_unlock(void)
{
	plat_mutex_unlock(&lock);
}

/* ---- regions ---- */

static struct region *region_hold(u32 i, u64 lo, u64 hi)
{
	struct region *r = &regions[i];

	if (!READ_ONCE(r->active) || r->lo >= hi || r->hi <= lo)
		return NULL;
	plat_atomic_add32(&r->users, 1);
	if (READ_ONCE(r->active) && r->lo < hi && r->hi > lo)
		return r;
	plat_atomic_add32(&r->users, -1u);
	return NULL;
}

static void region_put(struct region *r)
{
	plat_atomic_add32(&r->users, -1u);
}

static void set_method(struct region *r, enum watch_method m)
{
	if (r->method == UFFD && m != UFFD)
		plat_atomic_add32(&user_regions, 1);
	r->method = m;
}

static struct memslot *slot_of(struct vm *vm, u64 uaddr)
{
	int i;

	for (i = 0; i < VM_MAX_SLOTS; i++) {
		struct memslot *s = &vm->slot_table[i];

		if (s->npages && uaddr >= s->uaddr && uaddr - s->uaddr < s->npages << PAGE_SHIFT)
			return s;
	}
	return NULL;
}

/* Lock held. */
static int region_create(struct vm *vm, u64 uaddr)
{
	struct memslot *s = slot_of(vm, uaddr);
	enum watch_method r_method;
	struct region *r;
	u32 i;

	if (!s)
		return -EFAULT;
	for (i = 0; i < MAX_REGIONS && (regions[i].active || regions[i].users); i++)
		;
	if (i == MAX_REGIONS)
		return -ENOSPC;
	r_method = watch_choose();
	r = &regions[i];
	r->vm = vm;
	r->lo = s->uaddr;
	r->hi = s->uaddr + (s->npages << PAGE_SHIFT);
	r->shift = PAGE_SHIFT;
	r->protected_once = 0;
	r->state = home_mmap(NULL, s->npages, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!r->state)
		return -ENOMEM;
	r->method = r_method;
	if (r->method != MPROTECT && watch_uffd_register(r->lo, r->hi))
		r->method = MPROTECT;
	if (r->method != UFFD)
		plat_atomic_add32(&user_regions, 1);
	plat_mb();
	WRITE_ONCE(r->active, 1);
	if (i >= nr_regions)
		WRITE_ONCE(nr_regions, i + 1);
	return 0;
}

/* The region of @vm with @uaddr, held; made when there is none. */
static struct region *region_get(struct vm *vm, u64 uaddr, int *err)
{
	struct region *r;
	u32 i;

	for (;;) {
		for (i = 0; i < READ_ONCE(nr_regions); i++) {
			r = region_hold(i, uaddr, uaddr + 1);
			if (r && r->vm == vm)
				return r;
			if (r)
				region_put(r);
		}
		plat_mutex_lock(&lock);
		/* Somebody may have been faster. */
		for (i = 0; i < nr_regions; i++)
			if (regions[i].active && regions[i].vm == vm && uaddr >= regions[i].lo &&
			    uaddr < regions[i].hi)
				break;
		*err = i < nr_regions ? 0 : region_create(vm, uaddr);
		plat_mutex_unlock(&lock);
		if (*err)
			return NULL;
	}
}

/* ---- one page ---- */

static u64 page_index(const struct region *r, u64 addr)
{
	return (addr >> r->shift) - (r->lo >> r->shift);
}

static u64 page_addr(const struct region *r, u64 idx)
{
	return ((r->lo >> r->shift) + idx) << r->shift;
}

static u8 cas(u8 *p, u8 old, u8 new_)
{
	__atomic_compare_exchange_n(p, &old, new_, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

/* How many runs of protected pages come (or go) with page @idx alone. */
static u32 run_delta(const struct region *r, u64 idx)
{
	u64 last = page_index(r, r->hi - 1);
	u32 delta = 1;

	if (idx && READ_ONCE(r->state[idx - 1]) == WATCHED_PROT)
		delta--;
	if (idx < last && READ_ONCE(r->state[idx + 1]) == WATCHED_PROT)
		delta--;
	return delta;
}

static void unprotect(struct region *r, u64 idx, u8 how)
{
	u64 addr = page_addr(r, idx), size = 1ull << r->shift;

	if (how == WATCHED_UFFD) {
		watch_uffd_protect(addr, size, false);
	} else if (how == WATCHED_PROT) {
		home_mprotect((void *)addr, size, PROT_READ | PROT_WRITE);
		plat_atomic_add32(&runs, -run_delta(r, idx));
	}
	plat_atomic_add64(&r->changes, 1);
}

static void tell(struct region *r, u64 idx)
{
	u64 addr = page_addr(r, idx), end = addr + (1ull << r->shift);

	for (; r->vm && addr < end; addr += PAGE_SIZE)
		if (addr >= r->lo && addr < r->hi)
			vm_code_written(r->vm, addr);
}

/* Let page @idx go. Signals are off, or this is a signal handler. True: it was protected. */
static bool let_go(struct region *r, u64 idx, bool report, bool soft_too)
{
	u8 *p = &r->state[idx], s;

	for (;;) {
		s = READ_ONCE(*p);
		if (s == NONE || (s == SOFT && !soft_too))
			return false;
		if (s == BUSY)
			plat_yield();
		else if (cas(p, s, BUSY) == s)
			break;
	}
	if (report)
		tell(r, idx);
	if (s != SOFT)
		unprotect(r, idx, s);
	__atomic_store_n(p, NONE, __ATOMIC_SEQ_CST);
	return s != SOFT;
}

static u64 signals_off(void)
{
	u64 set = ~HOME_SYNC_SIGNALS, old;

	sys4(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 8);
	return old;
}

static void signals_back(u64 old)
{
	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
}

static void let_go_range(struct region *r, u64 lo, u64 hi, bool report, bool soft_too)
{
	u64 i = page_index(r, max(lo, r->lo)), last = page_index(r, min(hi, r->hi) - 1), old = 0;
	bool off = false;

	while (i <= last) {
		/* Mostly nothing is watched: eight at a time. */
		if (!(i & 7) && i + 8 <= last && !*(const volatile u64 *)&r->state[i]) {
			i += 8;
			continue;
		}
		if (READ_ONCE(r->state[i]) != NONE) {
			if (!off)
				old = signals_off();
			off = true;
			let_go(r, i, report, soft_too);
		}
		i++;
	}
	if (off)
		signals_back(old);
}

/* ---- system calls in flight ---- */

static bool io_in_flight(u64 lo, u64 hi)
{
	u32 i, k;

	for (i = 0; i < MAX_IO; i++) {
		struct io_slot *s = &io_slots[i];

		for (k = 0; READ_ONCE(s->used) == 2 && k < READ_ONCE(s->n); k++)
			if (READ_ONCE(s->lo[k]) < hi && READ_ONCE(s->hi[k]) > lo)
				return true;
	}
	return false;
}

static bool touches_region(u64 lo, u64 hi)
{
	u32 i;

	for (i = 0; i < READ_ONCE(nr_regions); i++)
		if (READ_ONCE(regions[i].active) && regions[i].method != UFFD &&
		    regions[i].lo < hi && regions[i].hi > lo)
			return true;
	return false;
}

static void sweep_span(u64 lo, u64 hi, bool soft)
{
	u32 i;

	for (i = 0; i < READ_ONCE(nr_regions); i++) {
		struct region *r = region_hold(i, lo, hi);

		if (!r)
			continue;
		if (r->method != UFFD)
			let_go_range(r, lo, hi, true, soft);
		region_put(r);
	}
}

static struct io_slot *io_claim(u32 *index)
{
	u32 i;

	for (;;) {
		for (i = 0; i < MAX_IO; i++) {
			if (!READ_ONCE(io_slots[i].used) &&
			    !plat_atomic_cmpxchg32(&io_slots[i].used, 0, 1)) {
				*index = i;
				return &io_slots[i];
			}
		}
		plat_yield();
	}
}

bool home_io_begin(struct home_io *io, const struct iovec *iov, int cnt)
{
	struct io_slot *s = NULL;
	int i;
	u32 k;

	if (!READ_ONCE(user_regions))
		return false;
	for (i = 0; i < cnt; i++) {
		u64 lo = (u64)iov[i].iov_base, hi = lo + iov[i].iov_len;

		if (hi <= lo || !touches_region(lo, hi))
			continue;
		if (!s) {
			s = io_claim(&io->first);
			s->n = 0;
		}
		if (s->n < IO_SPANS) {
			s->lo[s->n] = lo;
			s->hi[s->n++] = hi;
		} else {
			s->lo[IO_SPANS - 1] = min(s->lo[IO_SPANS - 1], lo);
			s->hi[IO_SPANS - 1] = max(s->hi[IO_SPANS - 1], hi);
		}
	}
	if (!s)
		return false;
	plat_atomic_xchg32(&s->used, 2);
	for (k = 0; k < s->n; k++)
		sweep_span(s->lo[k], s->hi[k], false);
	return true;
}

void home_io_end(struct home_io *io)
{
	struct io_slot *s = &io_slots[io->first], copy = *s;
	u32 k;

	plat_atomic_xchg32(&s->used, 0);
	for (k = 0; k < copy.n; k++)
		sweep_span(copy.lo[k], copy.hi[k], true);
}

/* ---- the core's side ---- */

static void recount(void)
{
	u32 i, n = 0;
	u64 k;

	for (i = 0; i < nr_regions; i++) {
		struct region *r = region_hold(i, 0, ~0ull);
		bool in = false;

		if (!r)
			continue;
		for (k = 0; k <= page_index(r, r->hi - 1); k++) {
			bool now = READ_ONCE(r->state[k]) == WATCHED_PROT;

			n += now && !in;
			in = now;
		}
		region_put(r);
	}
	WRITE_ONCE(runs, n);
}

/* Too many separately protected pages: some are given up, as if written. Signals are off. */
static void shed(void)
{
	u32 tried;
	u64 i;

	for (tried = 0; tried < nr_regions && (s32)READ_ONCE(runs) > MAX_RUNS / 2; tried++) {
		struct region *r = region_hold(shed_at++ % nr_regions, 0, ~0ull);

		if (!r)
			continue;
		for (i = 0; i <= page_index(r, r->hi - 1) && (s32)READ_ONCE(runs) > MAX_RUNS / 2;
		     i++)
			if (READ_ONCE(r->state[i]) == WATCHED_PROT)
				let_go(r, i, true, false);
		region_put(r);
	}
}

static int protect(struct region *r, u64 idx, u8 *how)
{
	u64 addr = page_addr(r, idx), size = 1ull << r->shift;
	int err = -EINVAL;

	*how = WATCHED_UFFD;
	if (r->method != MPROTECT) {
		err = watch_uffd_protect(addr, size, true);
		/* The host program may have mapped something new there since. */
		if (err && !watch_uffd_register(addr, addr + size))
			err = watch_uffd_protect(addr, size, true);
	}
	if (err) {
		*how = WATCHED_PROT;
		if ((s32)READ_ONCE(runs) >= MAX_RUNS)
			recount();
		if ((s32)READ_ONCE(runs) >= MAX_RUNS)
			shed();
		err = home_mprotect((void *)addr, size, PROT_READ);
		if (err == -ENOMEM) {
			shed();
			err = home_mprotect((void *)addr, size, PROT_READ);
		}
		if (!err) {
			plat_atomic_add32(&runs, run_delta(r, idx));
			set_method(r, MPROTECT);
		}
	}
	if (!err)
		r->protected_once = 1;
	return err;
}

/* Signals are off, the state is BUSY. The new state, or -errno. */
static int watch_busy(struct region *r, u64 idx)
{
	u64 addr = page_addr(r, idx);
	u8 how;
	int err;

	if (r->method != UFFD && io_in_flight(addr, addr + (1ull << r->shift)))
		return SOFT;
	err = protect(r, idx, &how);
	return err ? err : how;
}

int plat_watch_page(struct vm *vm, void *host)
{
	u64 addr = (u64)host & PAGE_MASK, idx, old;
	struct region *r;
	int ret = 0;
	u8 s, huge, byte;

	r = region_get(vm, addr, &ret);
	if (!r)
		return ret;
again:
	idx = page_index(r, addr);
	/*
	 * A page that can not be written needs no watch. This also makes sure
	 * that there is a page to protect; not while it is BUSY, since the
	 * handler of its fault would wait for ever.
	 */
	if (READ_ONCE(r->state[idx]) == NONE && home_touch_write((void *)addr)) {
		ret = home_copy1(&byte, (void *)addr);
		goto out_put;
	}
	old = signals_off();
	while ((s = cas(&r->state[idx], NONE, BUSY)) == BUSY)
		plat_yield();
	if (s != NONE) {
		ret = 0;
		goto out;
	}
	ret = watch_busy(r, idx);
	__atomic_store_n(&r->state[idx], ret < 0 ? NONE : ret, __ATOMIC_SEQ_CST);
out:
	signals_back(old);
	if (ret == -EINVAL && r->shift == PAGE_SHIFT && !r->protected_once) {
		huge = __builtin_ctzll(watch_kernel_page_size(addr));
		if (huge != PAGE_SHIFT) {
			r->shift = huge;
			goto again;
		}
	}
out_put:
	region_put(r);
	return ret < 0 ? ret : 0;
}

void plat_unwatch_page(struct vm *vm, void *host)
{
	u64 addr = (u64)host & PAGE_MASK, old;
	struct region *r, *own = NULL;
	u32 i, n = 0;

	for (i = 0; i < READ_ONCE(nr_regions); i++) {
		r = region_hold(i, addr, addr + 1);
		if (!r)
			continue;
		n++;
		if (r->vm == vm && !own)
			own = r;
		else
			region_put(r);
	}
	if (!own)
		return;
	/*
	 * Another VM may watch the same page, and other pages of a huge one may hold code: then
	 * it stays.
	 */
	if (n == 1 && own->shift == PAGE_SHIFT) {
		old = signals_off();
		let_go(own, page_index(own, addr), false, true);
		signals_back(old);
	}
	region_put(own);
}

static void region_remove(struct region *r)
{
	u64 pages = (r->hi - r->lo) >> PAGE_SHIFT;

	WRITE_ONCE(r->active, 0);
	plat_mb();
	while (READ_ONCE(r->users))
		plat_yield();
	if (r->method != UFFD)
		plat_atomic_add32(&user_regions, -1u);
	if (r->method != MPROTECT)
		watch_uffd_unregister(r->lo, r->hi);
	home_munmap(r->state, pages);
	r->vm = NULL;
}

void plat_guest_unmap(struct vm *vm, u64 uaddr, u64 len)
{
	u64 end = uaddr + len < uaddr ? ~0ull : uaddr + len;
	u32 i;

	plat_mutex_lock(&lock);
	for (i = 0; i < nr_regions; i++) {
		struct region *r = &regions[i];

		if (!r->active || r->vm != vm || r->lo >= end || r->hi <= uaddr)
			continue;
		let_go_range(r, uaddr, end, len != ~0ull, true);
		if (r->lo >= uaddr && r->hi <= end)
			region_remove(r);
	}
	plat_mutex_unlock(&lock);
}

/* ---- faults ---- */

bool watch_in_region(u64 addr)
{
	u32 i;

	for (i = 0; i < READ_ONCE(nr_regions); i++)
		if (READ_ONCE(regions[i].active) && addr >= regions[i].lo && addr < regions[i].hi)
			return true;
	return false;
}

bool home_watch_is_on(u64 addr)
{
	bool on = false;
	u32 i;

	for (i = 0; i < READ_ONCE(nr_regions) && !on; i++) {
		struct region *r = region_hold(i, addr, addr + 1);
		u8 s;

		if (!r)
			continue;
		s = READ_ONCE(r->state[page_index(r, addr)]);
		on = s == WATCHED_UFFD || s == WATCHED_PROT;
		region_put(r);
	}
	return on;
}

bool home_watch_fault(u64 addr, u64 rip)
{
	bool ours = false, maybe = false;
	u64 changes = 0;
	u32 i;

	for (i = 0; i < READ_ONCE(nr_regions); i++) {
		struct region *r = region_hold(i, addr, addr + 1);

		if (!r)
			continue;
		if (let_go(r, page_index(r, addr), true, false))
			ours = true;
		maybe = true;
		changes += READ_ONCE(r->changes);
		region_put(r);
	}
	if (ours || !maybe)
		return ours;
	/*
	 * Nothing is watched there, but between the fault and now another
	 * thread may have let the page go. Try again once for each such change;
	 * what still faults is the program's own.
	 */
	if (last_page == (addr & PAGE_MASK) && last_changes == changes)
		return false;
	last_page = addr & PAGE_MASK;
	last_changes = changes;
	return true;
}

/* ---- the host program changes its mappings, or forks ---- */

void home_watch_range_gone(u64 addr, u64 len)
{
	u32 i;

	if (addr + len <= addr)
		return;
	for (i = 0; i < READ_ONCE(nr_regions); i++) {
		struct region *r = region_hold(i, addr, addr + len);

		if (!r)
			continue;
		let_go_range(r, addr, addr + len, true, true);
		region_put(r);
	}
}

void home_watch_forked(void)
{
	u32 i;
	u64 k;

	/* Pages protected by mprotect are so in the child too. */
	watch_method_forked();
	memset(io_slots, 0, sizeof(io_slots));
	for (i = 0; i < nr_regions; i++) {
		struct region *r = &regions[i];

		r->users = 0;
		r->vm = NULL;
		if (!r->active)
			continue;
		if (r->method == UFFD) {
			r->active = 0;
			continue;
		}
		r->method = MPROTECT;
		for (k = 0; k <= page_index(r, r->hi - 1); k++)
			if (r->state[k] != WATCHED_PROT)
				r->state[k] = NONE;
	}
}
