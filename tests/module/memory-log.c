// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * row: seconds=40
 *
 * Dirty logging, bitmap and ring, against a model and as a migration uses it, while the host takes
 * pages away. A page that the guest has only read may be reported as well: stock KVM maps those
 * writable where it can, and then calls them dirty.
 */
#include "counter.h"

/* ---- the bitmap ---- */

#define LOGGED 1000	/* pages: no multiple of 64, nor is the slot's place */
#define LOGGED_AT (MEM + 3 * PAGE)
#define WORDS ((LOGGED + 63) / 64)

static void get_log(struct guest *g, u32 id, u64 *bits)
{
	struct kvm_dirty_log d = { .slot = id, .dirty_bitmap = bits };

	OK(ioctl(g->vm, KVM_GET_DIRTY_LOG, &d));
}

static void clear_log(struct guest *g, u32 id, u64 first, u32 n, u64 *bits)
{
	struct kvm_clear_dirty_log c = { .slot = id, .num_pages = n, .first_page = first,
		.dirty_bitmap = bits };

	OK(ioctl(g->vm, KVM_CLEAR_DIRTY_LOG, &c));
}

static void manual(struct guest *g, u64 flags)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { flags } };

	if (flags)
		OK(ioctl(g->vm, KVM_ENABLE_CAP, &cap));
}

struct model {
	u64 written[WORDS], read[WORDS];
};

/* Some writes of the guest, and what the host does at the same time; @m learns of them. */
static void some_writes(struct guest *g, struct model *m)
{
	for (int i = 0; i < 12; i++) {
		u32 first = random_below(LOGGED), n = 1 + random_below(8);

		n = n < LOGGED - first ? n : LOGGED - first;
		EQ(order(g, random_below(3) ? WRITE : READ, LOGGED_AT + first * PAGE, n, PAGE, i),
		   DONE);
		for (u32 k = first; k < first + n; k++)
			(orders(g, 0)->op == WRITE ? m->written : m->read)[k / 64] |= 1ull << (k & 63);
		if (random_below(4) == 0)
			madvise(g->mem + (first & ~63u) * PAGE, 64 * PAGE,
				random_below(2) ? MADV_DONTNEED : MADV_PAGEOUT_);
	}
}

static void expect_log(struct guest *g, struct model *m)
{
	u64 bits[WORDS];

	get_log(g, 2, bits);
	for (int i = 0; i < WORDS; i++)
		if ((m->written[i] & ~bits[i]) || (bits[i] & ~(m->written[i] | m->read[i])))
			fail(__LINE__, "pages %d on: %llx, not %llx (read: %llx)", i * 64,
			     (unsigned long long)bits[i], (unsigned long long)m->written[i],
			     (unsigned long long)m->read[i]);
	memcpy(m->written, bits, sizeof(bits));
	memset(m->read, 0, sizeof(m->read));
}

static void log_exact(u64 flags)
{
	struct model m = { 0 };
	struct guest g;
	u64 part[WORDS];
	u8 *mem = aligned(4 * HUGE);

	vm_only(&g);
	manual(&g, flags);
	g.mem = mem + 3 * PAGE;
	madvise(mem, 4 * HUGE, MADV_HUGEPAGE);
	memset(mem, 0, 4 * HUGE);
	OK(slot(&g, 2, 0, LOGGED_AT, LOGGED * PAGE, g.mem));
	vcpu(&g, g.vcpus++);
	EQ(order(&g, WRITE, LOGGED_AT, LOGGED, PAGE, 1), DONE); /* huge, and dirty */
	OK(slot(&g, 2, KVM_MEM_LOG_DIRTY_PAGES, LOGGED_AT, LOGGED * PAGE, g.mem));
	for (int i = 0; (flags & KVM_DIRTY_LOG_INITIALLY_SET) && i < LOGGED; i++)
		m.written[i / 64] |= 1ull << (i & 63);
	for (int round = 0; round < 40; round++) {
		u32 first = random_below(WORDS) * 64, n = (1 + random_below(6)) * 64;

		expect_log(&g, &m);
		n = first + n > LOGGED ? LOGGED - first : n;
		for (u32 i = 0; flags && i < (n + 63) / 64; i++) {
			part[i] = (u64)random_below(~0u) << 32 | random_below(~0u);
			m.written[first / 64 + i] &= ~part[i];
		}
		if (flags) {
			clear_log(&g, 2, first, n, part);
			expect_log(&g, &m);
		} else {
			m = (struct model){ 0 }; /* reading it has cleared it */
		}
		some_writes(&g, &m);
	}
}

static void log_get(void)
{
	log_exact(0);
}

static void log_clear(void)
{
	log_exact(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
}

static void log_all_set(void)
{
	log_exact(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);
}

/* As a migration does it: copy what is reported, until the guest stops; the copy is exact. */
static void log_copied(u64 flags)
{
	u64 npages = LOAD / PAGE, bits[LOAD / PAGE / 64];
	u8 *copy = anonymous(LOAD);
	struct guest g;
	double end = now() + 4;

	vm_only(&g);
	manual(&g, flags);
	g.mem = aligned(LOAD);
	madvise(g.mem, LOAD, MADV_HUGEPAGE);
	OK(slot(&g, 1, 0, MEM, LOAD, g.mem));
	vcpu(&g, g.vcpus++);
	vcpu(&g, g.vcpus++);
	count_start(&g, npages, PAGE);
	let_run(&g, 2);
	OK(slot(&g, 1, KVM_MEM_LOG_DIRTY_PAGES, MEM, LOAD, g.mem));
	memcpy(copy, g.mem, LOAD);
	for (bool last = false; ; last = now() > end) {
		if (last)
			count_end(&g);
		get_log(&g, 1, bits);
		for (u64 i = 0; flags && i < npages; i += 128)
			clear_log(&g, 1, i, 128, bits + i / 64);
		for (u64 i = 0; i < npages; i++)
			if (bits[i / 64] >> (i & 63) & 1)
				memcpy(copy + i * PAGE, g.mem + i * PAGE, PAGE);
		if (last)
			break;
		madvise(g.mem + random_below(4) * MEGABYTE, MEGABYTE, MADV_PAGEOUT_);
	}
	EQ(memcmp(copy, g.mem, LOAD), 0);
}

static void log_copied_get(void)
{
	log_copied(0);
}

static void log_copied_clear(void)
{
	log_copied(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
}

/* ---- the dirty ring ---- */

#define RING 1024

static struct ring {
	struct kvm_dirty_gfn *ring[2];
	u32 next[2];
	u8 *copy;
	pthread_mutex_t lock;
	u64 full, seen;
} rings = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Take what is there, hand it back, then copy the pages. */
static void ring_collect(struct guest *g)
{
	static u32 page[4 * RING];
	u32 n = 0;

	pthread_mutex_lock(&rings.lock);
	for (int id = 0; id < g->vcpus; id++) {
		for (;;) {
			struct kvm_dirty_gfn *e = &rings.ring[id][rings.next[id] % RING];

			if (!(__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY))
				break;
			CHECK(n < sizeof(page) / sizeof(page[0]));
			if (e->slot == 1)
				page[n++] = e->offset;
			__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
			rings.next[id]++;
		}
	}
	OK(ioctl(g->vm, KVM_RESET_DIRTY_RINGS, 0));
	for (u32 i = 0; i < n; i++)
		memcpy(rings.copy + page[i] * PAGE, g->mem + page[i] * PAGE, PAGE);
	rings.seen += n;
	pthread_mutex_unlock(&rings.lock);
}

static void ring_full(struct guest *g, int id)
{
	EQ(g->run[id]->exit_reason, KVM_EXIT_DIRTY_RING_FULL);
	__sync_fetch_and_add(&rings.full, 1);
	ring_collect(g);
}

static void ring_copied(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING,
		.args = { RING * sizeof(struct kvm_dirty_gfn) } };
	struct guest g;
	double end = now() + 4;

	vm_only(&g);
	if (ioctl(g.vm, KVM_ENABLE_CAP, &cap))
		skip("no dirty ring");
	g.mem = aligned(LOAD);
	g.on_exit = ring_full;
	rings.copy = anonymous(LOAD);
	madvise(g.mem, LOAD, MADV_HUGEPAGE);
	OK(slot(&g, 1, 0, MEM, LOAD, g.mem));
	for (int id = 0; id < 2; id++) {
		vcpu(&g, g.vcpus++);
		rings.ring[id] = mmap(NULL, cap.args[0], PROT_READ | PROT_WRITE, MAP_SHARED,
				      g.cpu[id], KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
		CHECK(rings.ring[id] != MAP_FAILED);
	}
	count_start(&g, LOAD / PAGE, PAGE);
	let_run(&g, 2);
	OK(slot(&g, 1, KVM_MEM_LOG_DIRTY_PAGES, MEM, LOAD, g.mem));
	memcpy(rings.copy, g.mem, LOAD);
	while (now() < end) {
		ring_collect(&g);
		madvise(g.mem + random_below(4) * MEGABYTE, MEGABYTE, MADV_PAGEOUT_);
	}
	count_end(&g);
	ring_collect(&g);
	CHECK(rings.seen);
	EQ(memcmp(rings.copy, g.mem, LOAD), 0);
}

/* ---- the table ---- */

static const struct test tests[] = {
	{ log_get, "the dirty bitmap is exact" },
	{ log_clear, "cleared by halves, it is exact" },
	{ log_all_set, "initially set, it is exact" },
	{ log_copied_get, "a copy by the dirty bitmap is exact" },
	{ log_copied_clear, "a copy by the bitmap and CLEAR is exact" },
	{ ring_copied, "a copy by the dirty ring is exact" },
};

int main(int argc, char **argv)
{
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
