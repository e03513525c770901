/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pages the guest has written: the bitmap, its clearing by halves, and the ring. */
#include "api.h"

#define LOG_GPA 0x10000000ull /* the hole becomes a logged slot */
#define LOG_PAGES 256

/* Writes one byte to the page whose number the host answers, until it says 0xffff. */
GUEST(dirty_writer, 64,
      "mov $0x10000000, %esi\n 1: xor %eax, %eax\n in $0x10, %ax\n cmp $0xffff, %ax\n je 2f\n"
      "shl $12, %eax\n incb (%rsi,%rax)\n jmp 1b\n 2: hlt");

struct logbox {
	struct box b;
	u8 *mem;
};

static void log_box(struct logbox *l, u32 flags)
{
	BOX(&l->b, IRQCHIP_NONE, LONG64, dirty_writer);
	l->mem = pages(LOG_PAGES * PAGE);
	OK(memslot(&l->b.vm, 5, flags, LOG_GPA, LOG_PAGES * PAGE, l->mem));
}

/* Answers the guest's questions with these page numbers, then rewinds it. */
static void write_pages(struct logbox *l, const u16 *list, int n)
{
	struct kvm_run *r = l->b.cpu.run;

	run_until(&l->b.cpu, KVM_EXIT_IO);
	for (int i = 0; i < n; i++) {
		*(u16 *)((u8 *)r + r->io.data_offset) = list[i];
		run_until(&l->b.cpu, KVM_EXIT_IO);
	}
	*(u16 *)((u8 *)r + r->io.data_offset) = 0xffff;
	finish(&l->b.cpu);
	mode_set(&l->b.cpu, LONG64, CODE);
}

static int get_log(struct vm *vm, u32 slot, u64 *bits)
{
	struct kvm_dirty_log d = { .slot = slot, .dirty_bitmap = bits };

	return ioctl(vm->fd, KVM_GET_DIRTY_LOG, &d);
}

static bool bit(const u64 *bits, int i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static int weight(const u64 *bits)
{
	int n = 0;

	for (int i = 0; i < LOG_PAGES; i++)
		n += bit(bits, i);
	return n;
}

static void log_refused(void)
{
	u64 bits[LOG_PAGES / 64];
	struct logbox l;

	log_box(&l, 0);
	REFUSED(get_log(&l.b.vm, 5, bits), ENOENT); /* not logged */
	REFUSED(get_log(&l.b.vm, 6, bits), ENOENT); /* not there */
	REFUSED(get_log(&l.b.vm, 100000, bits), EINVAL);
}

static void log_get(void)
{
	u64 bits[LOG_PAGES / 64] = { 0 };
	struct logbox l;

	log_box(&l, KVM_MEM_LOG_DIRTY_PAGES);
	OK(get_log(&l.b.vm, 5, bits));
	EQ(weight(bits), 0);
	write_pages(&l, (u16[]){ 3, 100, 255 }, 3);
	OK(get_log(&l.b.vm, 5, bits));
	EQ(weight(bits), 3);
	CHECK(bit(bits, 3) && bit(bits, 100) && bit(bits, 255));
	OK(get_log(&l.b.vm, 5, bits)); /* reading it has cleared it */
	EQ(weight(bits), 0);
	write_pages(&l, (u16[]){ 3, 3, 4 }, 3);
	OK(get_log(&l.b.vm, 5, bits));
	EQ(weight(bits), 2);
	EQ(l.mem[3 * PAGE], 3);
}

static void log_switched_on(void)
{
	u64 bits[LOG_PAGES / 64] = { 0 };
	struct logbox l;

	log_box(&l, 0);
	write_pages(&l, (u16[]){ 1, 2 }, 2);
	OK(memslot(&l.b.vm, 5, KVM_MEM_LOG_DIRTY_PAGES, LOG_GPA, LOG_PAGES * PAGE, l.mem));
	OK(get_log(&l.b.vm, 5, bits));
	EQ(weight(bits), 0);
	write_pages(&l, (u16[]){ 2, 7 }, 2); /* page 2 was writable already */
	OK(get_log(&l.b.vm, 5, bits));
	EQ(weight(bits), 2);
	OK(memslot(&l.b.vm, 5, 0, LOG_GPA, LOG_PAGES * PAGE, l.mem));
	REFUSED(get_log(&l.b.vm, 5, bits), ENOENT);
}

/* What the core itself writes into guest memory counts as well. */
GUEST(dirty_ins, 64, "cld\n mov $0x10003000, %edi\n mov $4, %ecx\n mov $0x12, %edx\n rep insl\n hlt");

static void log_ins(void)
{
	u64 bits[LOG_PAGES / 64] = { 0 };
	struct logbox l;
	struct kvm_run *r;

	log_box(&l, KVM_MEM_LOG_DIRTY_PAGES);
	LOAD(&l.b.vm, CODE, dirty_ins);
	r = l.b.cpu.run;
	for (u32 n = 0; n < 4; n += r->io.count)
		run_until(&l.b.cpu, KVM_EXIT_IO);
	finish(&l.b.cpu);
	OK(get_log(&l.b.vm, 5, bits));
	CHECK(bit(bits, 3));
}

/* Page-table A and D bits are writes, too. */
static void log_page_tables(void)
{
	u64 bits[RAM / PAGE / 64];
	struct logbox l;

	log_box(&l, 0);
	OK(memslot(&l.b.vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, RAM, l.b.vm.mem));
	OK(get_log(&l.b.vm, 0, bits));
	write_pages(&l, (u16[]){ 3 }, 1);
	OK(get_log(&l.b.vm, 0, bits));
	CHECK(bit(bits, PTS / PAGE + 2)); /* the page directory */
	CHECK(!bit(bits, DATA / PAGE));
}

static void clear_log(void)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 1 } };
	u64 bits[LOG_PAGES / 64] = { 0 };
	struct kvm_clear_dirty_log c = { .slot = 5, .first_page = 0, .num_pages = 64,
					 .dirty_bitmap = bits };
	struct logbox l;

	NEED(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	log_box(&l, 0);
	OK(ioctl(l.b.vm.fd, KVM_ENABLE_CAP, &e));
	OK(memslot(&l.b.vm, 5, KVM_MEM_LOG_DIRTY_PAGES, LOG_GPA, LOG_PAGES * PAGE, l.mem));
	write_pages(&l, (u16[]){ 3, 70 }, 2);
	OK(get_log(&l.b.vm, 5, bits));
	EQ(weight(bits), 2);
	OK(get_log(&l.b.vm, 5, bits)); /* reading does not clear */
	EQ(weight(bits), 2);
	OK(ioctl(l.b.vm.fd, KVM_CLEAR_DIRTY_LOG, &c)); /* the first 64 pages */
	OK(get_log(&l.b.vm, 5, bits));
	EQ(weight(bits), 1);
	CHECK(bit(bits, 70));
	c.first_page = 1; /* not a multiple of 64 */
	REFUSED(ioctl(l.b.vm.fd, KVM_CLEAR_DIRTY_LOG, &c), EINVAL);
	c.first_page = 0;
	c.num_pages = 10;
	REFUSED(ioctl(l.b.vm.fd, KVM_CLEAR_DIRTY_LOG, &c), EINVAL);
	c.num_pages = LOG_PAGES * 2;
	REFUSED(ioctl(l.b.vm.fd, KVM_CLEAR_DIRTY_LOG, &c), EINVAL);
	write_pages(&l, (u16[]){ 3 }, 1);
	OK(get_log(&l.b.vm, 5, bits));
	EQ(weight(bits), 2);
}

static void initially_set(void)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 3 } };
	u64 bits[LOG_PAGES / 64] = { 0 };
	struct logbox l;

	if (!(kvm_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) & 2))
		SKIP("KVM_DIRTY_LOG_INITIALLY_SET is not offered");
	log_box(&l, 0);
	e.args[0] = 8;
	REFUSED(ioctl(l.b.vm.fd, KVM_ENABLE_CAP, &e), EINVAL);
	e.args[0] = 3;
	OK(ioctl(l.b.vm.fd, KVM_ENABLE_CAP, &e));
	OK(memslot(&l.b.vm, 5, KVM_MEM_LOG_DIRTY_PAGES, LOG_GPA, LOG_PAGES * PAGE, l.mem));
	OK(get_log(&l.b.vm, 5, bits));
	EQ(weight(bits), LOG_PAGES);
}

/* --- The ring --------------------------------------------------------------------------------- */

static int ring_cap(struct vm *vm, u64 size)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { size } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &e);
}

static void ring_refused(void)
{
	int max = kvm_cap(KVM_CAP_DIRTY_LOG_RING);
	struct vm vm, late;
	struct vcpu c;

	if (!max)
		SKIP("KVM_CAP_DIRTY_LOG_RING is not offered");
	vm_bare(&vm);
	REFUSED(ring_cap(&vm, 0), EINVAL);
	REFUSED(ring_cap(&vm, 4096 + 16), EINVAL);
	REFUSED(ring_cap(&vm, (u64)max * 2), E2BIG);
	OK(ring_cap(&vm, 4096));
	REFUSED(ring_cap(&vm, 4096), EINVAL); /* once */
	vm_bare(&late);
	vcpu_make(&late, &c, 0);
	REFUSED(ring_cap(&late, 4096), EINVAL);
}

#define RING 4096 /* bytes: 256 entries */

static struct kvm_dirty_gfn *ring_box(struct logbox *l)
{
	struct kvm_dirty_gfn *ring;
	struct box *b = &l->b;

	if (!kvm_cap(KVM_CAP_DIRTY_LOG_RING))
		SKIP("KVM_CAP_DIRTY_LOG_RING is not offered");
	vm_bare(&b->vm);
	OK(ring_cap(&b->vm, RING));
	b->vm.size = RAM;
	b->vm.mem = pages(RAM);
	OK(memslot(&b->vm, 0, 0, 0, RAM, b->vm.mem));
	vcpu_make(&b->vm, &b->cpu, 0);
	cpuid_all(&b->cpu);
	LOAD(&b->vm, CODE, dirty_writer);
	mode_set(&b->cpu, LONG64, CODE);
	l->mem = pages(LOG_PAGES * PAGE);
	OK(memslot(&b->vm, 5, KVM_MEM_LOG_DIRTY_PAGES, LOG_GPA, LOG_PAGES * PAGE, l->mem));
	ring = mmap(NULL, RING, PROT_READ | PROT_WRITE, MAP_SHARED, b->cpu.fd,
		    KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	CHECK(ring != MAP_FAILED);
	return ring;
}

static void ring_entries(void)
{
	struct kvm_dirty_gfn *ring;
	struct logbox l;

	ring = ring_box(&l);
	write_pages(&l, (u16[]){ 9, 17, 9 }, 3);
	EQ(ring[0].flags, KVM_DIRTY_GFN_F_DIRTY);
	EQ(ring[0].slot, 5);
	EQ(ring[0].offset, 9);
	EQ(ring[1].flags, KVM_DIRTY_GFN_F_DIRTY);
	EQ(ring[1].offset, 17);
	EQ(ring[2].flags, 0);
	EQ(OK(ioctl(l.b.vm.fd, KVM_RESET_DIRTY_RINGS, 0)), 0); /* none harvested yet */
	ring[0].flags = ring[1].flags = KVM_DIRTY_GFN_F_RESET;
	EQ(OK(ioctl(l.b.vm.fd, KVM_RESET_DIRTY_RINGS, 0)), 2);
	EQ(ring[0].flags, 0);
	write_pages(&l, (u16[]){ 17 }, 1);
	EQ(ring[2].flags, KVM_DIRTY_GFN_F_DIRTY);
	EQ(ring[2].offset, 17);
}

static void ring_full(void)
{
	struct kvm_dirty_gfn *ring;
	struct logbox l;
	struct kvm_run *r;
	u32 n = 0;

	ring = ring_box(&l);
	r = l.b.cpu.run;
	for (u16 i = 0; i < LOG_PAGES; i++) {
		EQ(run_once(&l.b.cpu), 0);
		if (r->exit_reason == KVM_EXIT_DIRTY_RING_FULL)
			break;
		EQ(r->exit_reason, KVM_EXIT_IO);
		*(u16 *)((u8 *)r + r->io.data_offset) = i;
	}
	EQ(r->exit_reason, KVM_EXIT_DIRTY_RING_FULL);
	for (; n < RING / sizeof(*ring) && ring[n].flags == KVM_DIRTY_GFN_F_DIRTY; n++)
		ring[n].flags = KVM_DIRTY_GFN_F_RESET;
	CHECK(n > 64);
	EQ(OK(ioctl(l.b.vm.fd, KVM_RESET_DIRTY_RINGS, 0)), n);
	run_until(&l.b.cpu, KVM_EXIT_IO); /* and on it goes */
}

static void ring_excludes_bitmap(void)
{
	u64 bits[LOG_PAGES / 64];
	struct logbox l;

	ring_box(&l);
	REFUSED(get_log(&l.b.vm, 5, bits), ENXIO);
}

static const struct api_test rows[] = {
	{ "dirty/refused", log_refused, "slots that are not logged" },
	{ "dirty/get", log_get, "a bit for each page written since" },
	{ "dirty/switched-on", log_switched_on, "logging may begin and end at any time" },
	{ "dirty/ins", log_ins, "string input is a write" },
	{ "dirty/page-tables", log_page_tables, "accessed and dirty bits are writes" },
	{ "dirty/clear", clear_log, "manual protect: reading keeps, clearing clears, by 64 pages" },
	{ "dirty/initially-set", initially_set, "all ones at first" },
	{ "dirty/ring-refused", ring_refused, "power of two, limit, once, before vCPUs" },
	{ "dirty/ring", ring_entries, "entries in order, harvest, reset" },
	{ "dirty/ring-full", ring_full, "a full ring is an exit" },
	{ "dirty/ring-no-bitmap", ring_excludes_bitmap, "one or the other" },
};

SUITE(dirty_suite, rows);
