// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * row: seconds=50
 *
 * What the host does with guest memory while a guest uses it, on any /dev/kvm.
 */
#include <sys/swap.h>
#include "counter.h"

/* ---- one after the other ---- */

static void dontneed(void)
{
	struct guest g;

	guest(&g, 1, anonymous(MEGABYTE), MEGABYTE, 0);
	for (int i = 0; i < 20; i++) {
		write_pages(&g, 0, 256, 5);
		EQ(read_pages(&g, 0, 256), 5 * 256);
		OK(madvise(g.mem + 64 * PAGE, 128 * PAGE, MADV_DONTNEED));
		EQ(read_pages(&g, 64, 128), 0);
		EQ(read_pages(&g, 0, 256), 5 * 128);
		EQ(*(u32 *)(g.mem + 64 * PAGE), 0);
		*(u32 *)(g.mem + 65 * PAGE) = 7; /* not the zero page any more */
		EQ(read_pages(&g, 64, 2), 7);
	}
}

/* One of the vCPU's statistics. */
static u64 vcpu_stat(struct guest *g, const char *name)
{
	int fd = ioctl(g->cpu[0], KVM_GET_STATS_FD, NULL);
	struct kvm_stats_header h;
	struct {
		struct kvm_stats_desc d;
		char name[48];
	} s;
	u64 val;

	if (fd < 0)
		skip("no binary statistics here");
	EQ(pread(fd, &h, sizeof(h), 0), sizeof(h));
	EQ(h.name_size, sizeof(s.name));
	for (u32 i = 0; i < h.num_desc; i++) {
		EQ(pread(fd, &s, sizeof(s), h.desc_offset + i * sizeof(s)), sizeof(s));
		if (strcmp(s.name, name))
			continue;
		EQ(pread(fd, &val, sizeof(val), h.data_offset + s.d.offset), sizeof(val));
		close(fd);
		return val;
	}
	skip("no such statistic");
	return 0;
}

/*
 * An emulated processor that forgets all translations at each entry shows no stale ones: so at
 * least it has to be seen that the guest's are asked to go.
 */
static void flushed(void)
{
	struct guest g;

	guest(&g, 1, anonymous(MEGABYTE), MEGABYTE, 0);
	for (int i = 0; i < 4; i++) {
		u64 before;

		write_pages(&g, 0, 256, 5);
		before = vcpu_stat(&g, "tlb_flush");
		OK(i & 1 ? madvise(g.mem + 7 * PAGE, PAGE, MADV_DONTNEED) :
			   mprotect(g.mem + 7 * PAGE, PAGE, PROT_READ));
		read_pages(&g, 0, 256);
		CHECK(vcpu_stat(&g, "tlb_flush") > before);
		OK(mprotect(g.mem, MEGABYTE, PROT_READ | PROT_WRITE));
	}
}

static void unmapped(void)
{
	struct guest g;

	guest(&g, 1, anonymous(MEGABYTE), MEGABYTE, 0);
	write_pages(&g, 0, 256, 3);
	OK(munmap(g.mem + 100 * PAGE, PAGE));
	EQ(read_pages(&g, 0, 100), 300);
	EQ(order(&g, READ, MEM, 256, PAGE, 0), -EFAULT);
	CHECK(mmap(g.mem + 100 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	EQ(finish(&g, 0), DONE); /* the same instruction again, and on */
	EQ(orders(&g, 0)->result, 255 * 3);
}

static void truncated(void)
{
	int fd = OK(memfd_create("memory", 0));
	struct guest g;

	OK(ftruncate(fd, MEGABYTE));
	guest(&g, 1, map(MEGABYTE, MAP_SHARED, fd), MEGABYTE, 0);
	write_pages(&g, 0, 256, 3);
	OK(ftruncate(fd, 10 * PAGE));
	EQ(read_pages(&g, 0, 10), 30);
	EQ(order(&g, READ, MEM + 10 * PAGE, 1, PAGE, 0), -EFAULT);
	OK(ftruncate(fd, MEGABYTE));
	EQ(finish(&g, 0), DONE);
	EQ(read_pages(&g, 0, 256), 30);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	EQ(read_pages(&g, 0, 256), 27);
	write_pages(&g, 1, 1, 9); /* and the file has what the guest wrote */
	u32 word;
	EQ(pread(fd, &word, 4, PAGE), 4);
	EQ(word, 9);
}

static void read_only_mapping(void)
{
	struct guest g;

	guest(&g, 1, anonymous(MEGABYTE), MEGABYTE, 0);
	write_pages(&g, 0, 256, 1);
	OK(mprotect(g.mem, MEGABYTE, PROT_READ));
	EQ(read_pages(&g, 0, 256), 256);
	EQ(order(&g, WRITE, MEM + 5 * PAGE, 1, PAGE, 8), -EFAULT);
	EQ(*(u32 *)(g.mem + 5 * PAGE), 1);
	OK(mprotect(g.mem, MEGABYTE, PROT_READ | PROT_WRITE));
	EQ(finish(&g, 0), DONE);
	EQ(*(u32 *)(g.mem + 5 * PAGE), 8);
	OK(mprotect(g.mem, MEGABYTE, PROT_NONE));
	EQ(order(&g, READ, MEM, 1, PAGE, 0), -EFAULT);
}

static void read_only_slot(void)
{
	struct guest g;

	guest(&g, 1, anonymous(MEGABYTE), MEGABYTE, KVM_MEM_READONLY);
	for (int i = 0; i < 3; i++) {
		EQ(read_pages(&g, 0, 256), i);
		EQ(order(&g, WRITE, MEM + 5 * PAGE, 1, PAGE, 8), KVM_EXIT_MMIO);
		EQ(g.run[0]->mmio.phys_addr, MEM + 5 * PAGE);
		CHECK(g.run[0]->mmio.is_write && g.run[0]->mmio.len == 4);
		EQ(finish(&g, 0), DONE);
		++*(u32 *)(g.mem + 5 * PAGE); /* the host may */
	}
}

static void slot_comes(void)
{
	u8 *late = anonymous(MEGABYTE);
	struct guest g;

	guest(&g, 1, anonymous(MEGABYTE), MEGABYTE, 0);
	for (u32 i = 1; i < 6; i++) {
		u64 at = 2 * MEM + (i & 1 ? 0 : MEGABYTE);

		for (int again = 0; again < 3; again++) {
			EQ(order(&g, READ, at + PAGE, 1, PAGE, 0), KVM_EXIT_MMIO);
			EQ(g.run[0]->mmio.phys_addr, at + PAGE);
			*(u32 *)g.run[0]->mmio.data = 77;
			EQ(finish(&g, 0), DONE);
			EQ(orders(&g, 0)->result, 77);
		}
		*(u32 *)(late + PAGE) = i;
		OK(slot(&g, 2, 0, at, MEGABYTE, late));
		EQ(order(&g, READ, at + PAGE, 1, PAGE, 0), DONE);
		EQ(orders(&g, 0)->result, i);
		/* moved: nothing is left where it was */
		OK(slot(&g, 2, 0, at + 64 * MEGABYTE, MEGABYTE, late));
		EQ(order(&g, READ, at + 64 * MEGABYTE + PAGE, 1, PAGE, 0), DONE);
		EQ(orders(&g, 0)->result, i);
		EQ(order(&g, READ, at + PAGE, 1, PAGE, 0), KVM_EXIT_MMIO);
		finish(&g, 0);
		OK(slot(&g, 2, 0, at, 0, late));
		EQ(order(&g, READ, at + 64 * MEGABYTE + PAGE, 1, PAGE, 0), KVM_EXIT_MMIO);
		finish(&g, 0);
	}
}

static void two_slots(void)
{
	struct guest g;

	guest(&g, 1, anonymous(MEGABYTE), MEGABYTE, 0);
	OK(slot(&g, 2, 0, 2 * MEM, MEGABYTE, g.mem));
	write_pages(&g, 0, 256, 2);
	EQ(order(&g, WRITE, 2 * MEM, 128, PAGE, 4), DONE);
	EQ(read_pages(&g, 0, 256), 128 * 6);
	OK(madvise(g.mem, MEGABYTE, MADV_DONTNEED)); /* goes from both */
	EQ(order(&g, READ, 2 * MEM, 256, PAGE, 0), DONE);
	EQ(orders(&g, 0)->result, 0);
	EQ(read_pages(&g, 0, 256), 0);
}

static void merged(void)
{
	struct guest g;
	time_t late = time(NULL) + 30;

	if (!put("/sys/kernel/mm/ksm/sleep_millisecs", "0") ||
	    !put("/sys/kernel/mm/ksm/pages_to_scan", "2000"))
		skip("no KSM here");
	guest(&g, 1, anonymous(MEGABYTE), MEGABYTE, 0);
	OK(madvise(g.mem, MEGABYTE, MADV_MERGEABLE));
	for (int i = 1; i < 3; i++) {
		write_pages(&g, 0, 256, 0x1234 * i);
		/* Pages written since they were merged count as merged until KSM next comes by. */
		CHECK(put("/sys/kernel/mm/ksm/run", "2"));
		EQ(get("/sys/kernel/mm/ksm/pages_sharing"), 0);
		CHECK(put("/sys/kernel/mm/ksm/run", "1"));
		while (get("/sys/kernel/mm/ksm/pages_sharing") < 200 && time(NULL) < late)
			usleep(10000);
		CHECK(get("/sys/kernel/mm/ksm/pages_sharing") >= 200);
		EQ(read_pages(&g, 0, 256), 0x123400 * i);
		write_pages(&g, 7, 1, 1); /* is its own again */
		EQ(read_pages(&g, 7, 1), 1);
		EQ(read_pages(&g, 0, 256), 0x1234 * i * 255 + 1);
	}
	put("/sys/kernel/mm/ksm/run", "2");
}

static void hugetlb(void)
{
	u64 size = 4 * HUGE;
	struct guest g;
	u8 *p;

	put("/proc/sys/vm/nr_hugepages", "8");
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p == MAP_FAILED)
		skip("no huge pages to be had");
	guest(&g, 2, p, size, 0);
	count_start(&g, size / PAGE, PAGE);
	let_run(&g, 2);
	for (int i = 0; i < 4; i++) {
		OK(slot(&g, 1, KVM_MEM_LOG_DIRTY_PAGES, MEM, size, p));
		let_run(&g, 2);
		OK(slot(&g, 1, 0, MEM, size, p));
		let_run(&g, 2);
	}
	count_end(&g);
	EQ(order(&g, READ, MEM + HUGE, 1, PAGE, 0), DONE);
	CHECK(orders(&g, 0)->result);
	OK(madvise(p + HUGE, HUGE, MADV_REMOVE));
	EQ(order(&g, READ, MEM + HUGE, 512, PAGE, 0), DONE);
	EQ(orders(&g, 0)->result, 0);
}

/* ---- while it counts ---- */

static void swap_on(void)
{
	static u8 head[4096];
	int fd;

	if (get("/proc/sys/vm/swappiness") < 0 || access("/dev/vdc", W_OK))
		skip("no disk to swap to");
	swapoff("/dev/vdc"); /* of a row before */
	fd = OK(open("/dev/vdc", O_RDWR));
	*(u32 *)(head + 1024) = 1;
	*(u32 *)(head + 1028) = lseek(fd, 0, SEEK_END) / PAGE - 1;
	memcpy(head + 4086, "SWAPSPACE2", 10);
	EQ(pwrite(fd, head, PAGE, 0), PAGE);
	fsync(fd);
	close(fd);
	if (swapon("/dev/vdc", 0) && errno != EBUSY)
		skip("swapon is refused");
}

static long swapped_out(void)
{
	char line[100];
	long n = 0;
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "pswpout %ld", &n);
	fclose(f);
	return n;
}

static void swap_under_load(bool chips)
{
	struct guest g;
	double end = now() + 4;
	long before;

	swap_on();
	before = swapped_out();
	vm_only(&g);
	g.chips = chips;
	if (chips)
		OK(ioctl(g.vm, KVM_CREATE_IRQCHIP, 0));
	g.mem = anonymous(LOAD);
	madvise(g.mem, LOAD, MADV_NOHUGEPAGE);
	OK(slot(&g, 1, 0, MEM, LOAD, g.mem));
	for (int id = 0; id < 2; id++)
		vcpu(&g, g.vcpus++);
	count_start(&g, LOAD / PAGE, PAGE);
	for (u32 i = 0; now() < end; i++) {
		OK(madvise(g.mem + (i % 4) * MEGABYTE, MEGABYTE, MADV_PAGEOUT_));
		if (i % 8 == 7)
			let_run(&g, 1);
	}
	count_end(&g);
	if (swapped_out() == before)
		skip("the host swaps nothing out");
}

static void swapping(void)
{
	swap_under_load(false);
}

/* Where it could take an interrupt meanwhile, a vCPU does not wait for the disk itself. */
static void swapping_async(void)
{
	swap_under_load(true);
}

static void collapsing(void)
{
	struct guest g;
	double end = now() + 4;
	u32 collapsed = 0;

	guest(&g, 2, aligned(LOAD), LOAD, 0);
	OK(madvise(g.mem, LOAD, MADV_HUGEPAGE));
	count_start(&g, LOAD / PAGE, PAGE);
	while (now() < end) {
		let_run(&g, 2);
		/* The protection of one page of its own splits the host's huge page. */
		OK(mprotect(g.mem + HUGE + 5 * PAGE, PAGE, PROT_READ));
		OK(mprotect(g.mem + HUGE + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE));
		madvise(g.mem, PAGE, MADV_PAGEOUT_);
		let_run(&g, 2);
		collapsed += !madvise(g.mem, LOAD, MADV_COLLAPSE_);
	}
	count_end(&g);
	if (!collapsed)
		skip("the host collapses nothing");
}

static void protecting(void)
{
	struct guest g;
	double end = now() + 3;

	guest(&g, 2, aligned(LOAD), LOAD, 0);
	count_start(&g, LOAD / PAGE, PAGE);
	for (u32 i = 0; now() < end; i++) {
		u8 *p = g.mem + (i * 37 % 1024) * PAGE;

		OK(mprotect(p, PAGE, PROT_READ));
		u32 seen = *(volatile u32 *)p;
		usleep(500);
		EQ(*(volatile u32 *)p, seen); /* nobody has written it */
		OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
		if (i % 16 == 0)
			let_run(&g, 1);
	}
	count_end(&g);
}

/* The memory is elsewhere in the program for a while: no writes, and none of them lost. */
static void moving(void)
{
	struct guest g;
	double end = now() + 3;
	u8 *away = anonymous(MEGABYTE);

	guest(&g, 2, anonymous(LOAD), LOAD, 0);
	count_start(&g, LOAD / PAGE, PAGE);
	/* A slow machine's guest may be elsewhere each time: until it has met the hole once. */
	while (now() < end || (!g.faults && now() < end + 40)) {
		u8 *part = g.mem + MEGABYTE;
		u32 seen;

		CHECK(mremap(part, MEGABYTE, MEGABYTE, MREMAP_MAYMOVE | MREMAP_FIXED, away) ==
		      away);
		seen = *(volatile u32 *)away;
		usleep(g.faults ? 2000 : 20000);
		EQ(*(volatile u32 *)away, seen);
		CHECK(mremap(away, MEGABYTE, MEGABYTE, MREMAP_MAYMOVE | MREMAP_FIXED, part) ==
		      part);
		let_run(&g, 1);
	}
	count_end(&g);
	CHECK(g.faults);
}

/* A child of the host program sees its memory as it was, whatever the guest does. */
static void forking(void)
{
	struct guest g;
	double end = now() + 4;
	int status;

	guest(&g, 2, aligned(LOAD), LOAD, 0);
	madvise(g.mem, HUGE, MADV_HUGEPAGE);
	count_start(&g, LOAD / PAGE, PAGE);
	while (now() < end) {
		pid_t pid = OK(fork());

		if (!pid) {
			u64 sum[2] = { 0, 0 };

			for (int pass = 0; pass < 2; pass++, usleep(5000))
				for (u64 i = 0; i < LOAD; i += PAGE)
					sum[pass] += *(volatile u32 *)(g.mem + i);
			_exit(sum[0] != sum[1]);
		}
		let_run(&g, 1);
		CHECK(waitpid(pid, &status, 0) == pid && !status);
	}
	count_end(&g);
}

static void migrating(void)
{
	struct guest g;
	double end = now() + 3;

	if (access("/proc/sys/vm/compact_memory", W_OK))
		skip("this kernel does not compact");
	guest(&g, 2, anonymous(LOAD), LOAD, 0);
	count_start(&g, LOAD / PAGE, PAGE);
	while (now() < end) {
		put("/proc/sys/vm/compact_memory", "1");
		let_run(&g, 1);
	}
	count_end(&g);
}

static void ignore_exit(struct guest *g, int id)
{
	EQ(g->run[id]->exit_reason, KVM_EXIT_MMIO);
}

/* Slots come, go and move under two vCPUs; memory that was never a slot's stays as it is. */
static void slots_under_load(void)
{
	u8 *p = anonymous(LOAD + 2 * PAGE);
	double end = now() + 4;
	struct guest g;
	u32 n = 0;

	guest(&g, 2, p + PAGE, LOAD, 0);
	g.on_exit = ignore_exit;
	count_start(&g, LOAD / PAGE, PAGE);
	while (now() < end) {
		OK(slot(&g, 1, 0, MEM, 0, g.mem));
		OK(slot(&g, 1, n & 1 ? KVM_MEM_LOG_DIRTY_PAGES : 0, MEM, LOAD, g.mem));
		let_run(&g, 1);
		OK(slot(&g, 1, 0, MEM + 16 * LOAD, LOAD, g.mem));
		usleep(1000);
		u32 seen = *(volatile u32 *)(g.mem + LOAD / 2);
		usleep(1000);
		EQ(*(volatile u32 *)(g.mem + LOAD / 2), seen);
		OK(slot(&g, 1, 0, MEM, LOAD, g.mem));
		n++;
	}
	count_wait(&g);
	EQ(*(u32 *)p, 0);
	EQ(*(u32 *)(p + PAGE + LOAD), 0);
}

static void killed(void)
{
	pid_t pid = OK(fork());
	int status;

	if (!pid) {
		struct guest g;

		guest(&g, 2, aligned(LOAD), LOAD, 0);
		count_start(&g, LOAD / PAGE, PAGE);
		let_run(&g, 1);
		kill(getpid(), SIGKILL);
		pause();
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status));
}

/* ---- the table ---- */

static const struct test tests[] = {
	{ dontneed, "memory given back reads as zero at once" },
	{ flushed, "the guest's translations go with what the host takes away" },
	{ unmapped, "unmapped memory ends KVM_RUN with EFAULT, and goes on when it is back" },
	{ truncated, "a shared file truncated and punched under the guest" },
	{ read_only_mapping, "mprotect holds for the guest" },
	{ read_only_slot, "a read-only slot: reads are memory, writes are exits" },
	{ slot_comes, "memory appears where MMIO was, moves, and goes" },
	{ two_slots, "one memory in two slots" },
	{ merged, "merged pages are the guest's own again when it writes" },
	{ hugetlb, "huge pages, split for logging and whole again" },
	{ swapping, "swapped out while it counts" },
	{ swapping_async, "swapped out while it counts, with chips" },
	{ collapsing, "huge pages collapsed and split while it counts" },
	{ protecting, "protected page by page while it counts" },
	{ moving, "moved away and back while it counts" },
	{ forking, "a forked child has its memory to itself" },
	{ migrating, "pages migrated while it counts" },
	{ slots_under_load, "slots changed while it counts" },
	{ killed, "killed while it counts" },
};

int main(int argc, char **argv)
{
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
