// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The host program: makes a small virtual machine for each row, lets the guest (guest.c) do the
 * operation, answers what the hypervisor leaves to user space, and prints
 *
 *	anykvm-module ROW MEDIAN LEAST MOST COUNT UNIT
 *
 * in time stamp counter ticks an operation, over the batches that were measured. It knows /dev/kvm
 * and nothing of what is behind it. Each row runs in a process of its own, so that none finds what
 * another left, and what a row needs of the machine is said in the table `rows`.
 *
 *	host [-b BATCHES] [-n COUNT] [-w WARMUP] [--list | --symbols | ROW...]
 *
 * Threads that wait for each other share one processor here. They run SCHED_FIFO, so that who runs
 * next is a rule and not the fair scheduler's history: a round costs the same each time.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE	      4096ul
#define HUGE	      (2ul << 20)
#define PORT_SYMBOLS  0xe9 /* QEMU's debug console */
#define IRQFD_GSI     24

#define CPUID_1_ECX_DEADLINE (1u << 24)
#define EFER_LME	     (1u << 8)
#define EFER_LMA	     (1u << 10)
#define CR0_PE		     1u
#define CR0_ET		     (1u << 4)
#define CR0_WP		     (1u << 16)
#define CR0_PG		     (1u << 31)
#define CR4_PAE		     (1u << 5)
#define CR4_MCE		     (1u << 6)
#define PTE_PRESENT_WRITE    3u
#define PTE_LARGE	     (1u << 7)

extern const unsigned char guest_image[], guest_image_end[];

struct cpu {
	int fd;
	struct kvm_run *run;
};

struct vm {
	int kvm, fd, cpus;
	struct cpu cpu[2];
	unsigned char *low;
	volatile struct shared *shared;
	unsigned char *region;
	size_t region_size;
};

struct row {
	const char *name;
	enum op op;
	unsigned int batches, count, warmup;
	unsigned int operations; /* in what the guest counts as one; 0: one */
	const char *unit;
	unsigned int flags;
	void (*drive)(struct vm *vm, const struct row *row);
};

#define X2APIC	 1u
#define TWO_CPUS 2u
#define POPULATE 4u /* the region has its memory already */
#define LARGE	 8u /* ... and is made of huge pages, touched once each */
#define LOG	 16u

static unsigned int set_batches, set_count, set_warmup;

static void die(const char *what, ...)
{
	va_list ap;

	fputs("bench: ", stderr);
	va_start(ap, what);
	vfprintf(stderr, what, ap);
	va_end(ap);
	fprintf(stderr, " (%s)\n", strerror(errno));
	_exit(1);
}

static int call(int fd, unsigned long request, const char *name, void *arg)
{
	int r = ioctl(fd, request, arg);

	if (r < 0)
		die("%s", name);
	return r;
}
#define CALL(fd, request, arg) call(fd, request, #request, (void *)(arg))

/* --- The machine ------------------------------------------------------------------------------- */

static void set_slot(struct vm *vm, int slot, unsigned long gpa, void *at, size_t size, int flags)
{
	struct kvm_userspace_memory_region m = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (unsigned long)at,
	};

	CALL(vm->fd, KVM_SET_USER_MEMORY_REGION, &m);
}

/* Address space with the alignment of a huge page, and pages of one size only. */
static void *reserve(size_t size, int advice)
{
	unsigned char *p = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	p = (unsigned char *)(((unsigned long)p + HUGE - 1) & -HUGE);
	if (madvise(p, size, advice))
		die("madvise");
	return p;
}

static void load_guest(struct vm *vm)
{
	unsigned long *table = (unsigned long *)(vm->low + GPA_TABLES);

	table[0] = (GPA_TABLES + PAGE) | PTE_PRESENT_WRITE;
	for (unsigned long i = 0; i < 4; i++)
		table[512 + i] = (GPA_TABLES + (2 + i) * PAGE) | PTE_PRESENT_WRITE;
	for (unsigned long i = 0; i < 4 * 512; i++)
		table[1024 + i] = i * HUGE | PTE_PRESENT_WRITE | PTE_LARGE;
	memcpy(vm->low + GPA_IMAGE, guest_image, guest_image_end - guest_image);
}

static void set_cpuid(struct vm *vm, int n)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));

	c->nent = 256;
	CALL(vm->kvm, KVM_GET_SUPPORTED_CPUID, c);
	for (unsigned int i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == 1) {
			e->ecx |= CPUID_1_ECX_DEADLINE;
			e->ebx = (e->ebx & 0xffffff) | (unsigned int)n << 24;
		} else if (e->function == 0xb) {
			e->edx = n;
		}
	}
	CALL(vm->cpu[n].fd, KVM_SET_CPUID2, c);
	free(c);
}

static void set_registers(struct vm *vm, int n)
{
	struct kvm_segment code = { .limit = ~0u, .selector = SELECTOR_CODE, .type = 11, .present = 1,
				    .s = 1, .l = 1, .g = 1 };
	struct kvm_segment data = { .limit = ~0u, .selector = SELECTOR_DATA, .type = 3, .present = 1,
				    .s = 1, .db = 1, .g = 1 };
	struct kvm_regs regs = { .rip = GPA_IMAGE, .rflags = 2, .rdi = n };
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs s;
	int fd = vm->cpu[n].fd;

	CALL(fd, KVM_GET_SREGS, &s);
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr0 = CR0_PE | CR0_ET | CR0_WP | CR0_PG;
	s.cr3 = GPA_TABLES;
	s.cr4 = CR4_PAE | CR4_MCE;
	s.efer = EFER_LME | EFER_LMA;
	CALL(fd, KVM_SET_SREGS, &s);
	CALL(fd, KVM_SET_REGS, &regs);
	CALL(fd, KVM_SET_MP_STATE, &runnable);
}

static void make_region(struct vm *vm, const struct row *row)
{
	size_t stride = row->flags & LARGE ? HUGE : PAGE;

	vm->region_size = (size_t)(row->batches + row->warmup) * row->count * stride;
	vm->region_size = (vm->region_size + HUGE - 1) & -HUGE;
	vm->region = reserve(vm->region_size, row->flags & LARGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	if (row->flags & POPULATE)
		memset(vm->region, 1, vm->region_size);
	set_slot(vm, 1, GPA_REGION, vm->region, vm->region_size,
		 row->flags & LOG ? KVM_MEM_LOG_DIRTY_PAGES : 0);
	vm->shared->stride = stride;
	vm->shared->region = vm->region_size;
}

static void make(struct vm *vm, const struct row *row)
{
	int size;

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		die("/dev/kvm");
	vm->fd = CALL(vm->kvm, KVM_CREATE_VM, 0);
	CALL(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000);
	CALL(vm->fd, KVM_CREATE_IRQCHIP, 0);
	vm->low = reserve(LOW_MEMORY, MADV_NOHUGEPAGE);
	vm->shared = (void *)(vm->low + GPA_SHARED);
	load_guest(vm);
	set_slot(vm, 0, 0, vm->low, LOW_MEMORY, 0);
	if (row->op == OP_TOUCH || row->op == OP_TOUCH_ALL)
		make_region(vm, row);

	size = CALL(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->cpus = row->flags & TWO_CPUS ? 2 : 1;
	for (int n = 0; n < vm->cpus; n++) {
		vm->cpu[n].fd = CALL(vm->fd, KVM_CREATE_VCPU, (long)n);
		vm->cpu[n].run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
				      vm->cpu[n].fd, 0);
		if (vm->cpu[n].run == MAP_FAILED)
			die("mmap of a vCPU");
		set_cpuid(vm, n);
		set_registers(vm, n);
	}
	vm->shared->op = row->op;
	vm->shared->batches = row->batches;
	vm->shared->count = row->count;
	vm->shared->warmup = row->warmup;
	vm->shared->x2apic = !!(row->flags & X2APIC);
}

/* Run until the guest says something to us: the port. What it asks of a device reads as zero. */
static int run(struct cpu *cpu)
{
	struct kvm_run *r = cpu->run;

	for (;;) {
		if (ioctl(cpu->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			die("KVM_RUN");
		}
		if (r->exit_reason == KVM_EXIT_IO) {
			if (r->io.port != PORT_NOTHING)
				break;
			if (r->io.direction == KVM_EXIT_IO_IN)
				*(unsigned int *)((char *)r + r->io.data_offset) = 0;
		} else if (r->exit_reason == KVM_EXIT_MMIO) {
			if (!r->mmio.is_write)
				memset(r->mmio.data, 0, sizeof(r->mmio.data));
		} else {
			die("KVM_RUN: exit reason %u", r->exit_reason);
		}
	}
	if (r->io.port == PORT_FAIL)
		die("the guest failed at check %u", *(unsigned int *)((char *)r + r->io.data_offset));
	return r->io.port;
}

static void *run_forever(void *arg)
{
	for (;;)
		run(arg);
	return NULL;
}

/* --- Figures ----------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, const char *unit, double *value, unsigned int n,
		   unsigned long count)
{
	qsort(value, n, sizeof(value[0]), ascending);
	printf("anykvm-module %s %.1f %.1f %.1f %lu %s\n", name,
	       n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2, value[0], value[n - 1],
	       count, unit);
}

/*
 * An interrupt taken twice. It is rare, spoils one batch and not the median, and happens to kvm-amd
 * (when the machine's own timer interrupts in the wrong moment), so it is said and not fatal.
 */
static void note_extra(const struct row *row, unsigned long long extra)
{
	if (extra)
		printf("anykvm-module-note %s: %llu interrupts more than were sent\n", row->name,
		       extra);
}

/* --- Rows that are more than one guest to its end ---------------------------------------------- */

static void drive_guest(struct vm *vm, const struct row *row)
{
	unsigned int operations = row->operations ? row->operations : 1;
	double value[BATCHES_MAX];

	run(&vm->cpu[0]);
	for (unsigned int i = 0; i < row->batches; i++)
		value[i] = (double)vm->shared->delta[i] / row->count / operations;
	note_extra(row, vm->shared->extra);
	report(row->name, row->unit, value, row->batches,
	       (unsigned long)row->batches * row->count * operations);
}

static pthread_t start_thread(struct cpu *cpu)
{
	struct sched_param p = { .sched_priority = 1 };
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setinheritsched(&a, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&a, SCHED_FIFO);
	pthread_attr_setschedparam(&a, &p);
	errno = pthread_create(&t, &a, run_forever, cpu);
	if (errno)
		die("a SCHED_FIFO thread");
	return t;
}

/* Both of one priority: the CPU that sends goes on to its HLT before the one that was woken runs. */
static void drive_pair(struct vm *vm, const struct row *row)
{
	struct sched_param p = { .sched_priority = 1 };

	start_thread(&vm->cpu[1]);
	while (!vm->shared->ready)
		sched_yield();
	if (sched_setscheduler(0, SCHED_FIFO, &p))
		die("SCHED_FIFO");
	drive_guest(vm, row);
}

/*
 * The vCPU's thread has priority over ours, so the write to the eventfd returns when the guest has
 * taken its interrupt and is halted again. An MSI, as a virtio device would send.
 */
static void drive_irqfd(struct vm *vm, const struct row *row)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.head.nr = 1,
		.entry = { .gsi = IRQFD_GSI, .type = KVM_IRQ_ROUTING_MSI,
			   .u.msi = { .address_lo = 0xfee00000, .data = VECTOR } },
	};
	struct kvm_irqfd irqfd = { .fd = eventfd(0, EFD_CLOEXEC), .gsi = IRQFD_GSI };
	unsigned long long one = 1, sent = 0;
	double value[BATCHES_MAX];

	CALL(vm->fd, KVM_SET_GSI_ROUTING, &routing);
	CALL(vm->fd, KVM_IRQFD, &irqfd);
	start_thread(&vm->cpu[0]);
	usleep(1000);
	for (unsigned int b = 0; b < row->warmup + row->batches; b++) {
		unsigned long long t;

		if (b == row->warmup)
			mark(MARK_START);
		t = rdtsc();
		for (unsigned int i = 0; i < row->count; i++, sent++) {
			mark(MARK_ROUND);
			if (write(irqfd.fd, &one, sizeof(one)) != sizeof(one))
				die("eventfd");
		}
		if (b >= row->warmup)
			value[b - row->warmup] = (double)(rdtsc() - t) / row->count;
	}
	mark(MARK_STOP);
	if (vm->shared->fired < sent)
		die("%llu interrupts sent, %llu taken", sent, vm->shared->fired);
	note_extra(row, vm->shared->fired - sent);
	report(row->name, row->unit, value, row->batches, (unsigned long)row->batches * row->count);
}

/* A round: the guest writes to every page, then the log is fetched. */
static void drive_dirty(struct vm *vm, const struct row *row)
{
	unsigned long pages = vm->region_size / PAGE;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = calloc(pages / 8, 1) };
	double round[BATCHES_MAX], page[BATCHES_MAX], get[BATCHES_MAX];

	for (unsigned int b = 0; b < row->warmup + row->batches; b++) {
		unsigned long set = 0;
		unsigned long long t0, t1, t2;

		if (b == row->warmup)
			mark(MARK_START);
		mark(MARK_ROUND);
		t0 = rdtsc();
		run(&vm->cpu[0]);
		t1 = rdtsc();
		CALL(vm->fd, KVM_GET_DIRTY_LOG, &log);
		t2 = rdtsc();
		if (b < row->warmup)
			continue;
		round[b - row->warmup] = t2 - t0;
		page[b - row->warmup] = (double)(t1 - t0) / pages;
		get[b - row->warmup] = t2 - t1;
		for (unsigned long i = 0; i < pages / 64; i++)
			set += __builtin_popcountl(((unsigned long *)log.dirty_bitmap)[i]);
		if (set != pages)
			die("%lu of %lu pages are in the log", set, pages);
	}
	mark(MARK_STOP);
	report("dirty-round", "64 MiB dirtied and fetched", round, row->batches, row->batches);
	report("dirty-page", "page dirtied", page, row->batches, row->batches * pages);
	report("dirty-get", "KVM_GET_DIRTY_LOG of 64 MiB", get, row->batches, row->batches);
}

/* Ticks an instruction, in the host and in the guest, and the guest's ticks in the host's. */
static void drive_clock(struct vm *vm, const struct row *row)
{
	unsigned long long t0, t1;
	double host, guest, rate;

	spin(1000);
	t0 = rdtsc();
	spin(100000);
	host = (double)(rdtsc() - t0) / 200000;
	run(&vm->cpu[0]);
	t0 = rdtsc();
	run(&vm->cpu[0]);
	t1 = rdtsc();
	guest = (double)vm->shared->delta[0] / 20000000;
	rate = (double)vm->shared->delta[0] / (t1 - t0);
	report("clock-host", row->unit, &host, 1, 1);
	report("clock-guest", row->unit, &guest, 1, 1);
	report("clock-rate", "guest's ticks a tick of the host", &rate, 1, 1);
}

/* --- The table --------------------------------------------------------------------------------- */

static const struct row rows[] = {
	/* name, operation, batches, count, warm-up batches */
	{ "clock", OP_SPIN, 1, 1, 1, .unit = "ticks an instruction", .drive = drive_clock },
	{ "nothing", OP_NOTHING, 20, 200, 3, .unit = "turn of the guest's loop" },
	{ "cpuid", OP_CPUID, 20, 200, 3, .unit = "CPUID" },
	{ "pio-in-kernel", OP_IN_KERNEL, 20, 200, 3, .unit = "IN from the kernel's PIC (ELCR)" },
	{ "pio-out-kernel", OP_OUT_KERNEL, 20, 200, 3, .unit = "OUT to the kernel's PIC (ELCR)" },
	{ "pio-in-user", OP_IN_USER, 20, 200, 3, .unit = "IN from the host program" },
	{ "pio-out-user", OP_OUT_USER, 20, 200, 3, .unit = "OUT to the host program" },
	{ "mmio-read-kernel", OP_MMIO_KERNEL, 20, 200, 3, .unit = "read of the kernel's IOAPIC" },
	{ "mmio-write-kernel", OP_MMIO_KERNEL_WRITE, 20, 200, 3,
	  .unit = "write to the kernel's IOAPIC" },
	{ "mmio-read-user", OP_MMIO_USER, 20, 200, 3, .unit = "read from the host program" },
	{ "mmio-write-user", OP_MMIO_USER_WRITE, 20, 200, 3, .unit = "write to the host program" },
	{ "msr-read", OP_MSR_READ, 20, 200, 3, .unit = "RDMSR TSC_ADJUST" },
	{ "msr-write", OP_MSR_WRITE, 20, 200, 3, .unit = "WRMSR TSC_ADJUST" },
	{ "msr-read-mtrr", OP_MTRR_READ, 20, 200, 3, .unit = "RDMSR MTRRphysBase0" },
	{ "msr-write-mtrr", OP_MTRR_WRITE, 20, 200, 3, .unit = "WRMSR MTRRphysBase0" },
	{ "hypercall", OP_HYPERCALL, 20, 200, 3, .unit = "VMMCALL that does nothing" },
	{ "eoi", OP_EOI, 20, 100, 3, .unit = "end of interrupt, x2APIC", .flags = X2APIC },
	{ "eoi-xapic", OP_EOI, 20, 100, 3, .unit = "end of interrupt, xAPIC" },
	{ "self-ipi-sti", OP_SELF_IPI, 20, 100, 3,
	  .unit = "self-IPI, STI, handler, EOI; x2APIC", .flags = X2APIC },
	{ "self-ipi-sti-xapic", OP_SELF_IPI, 20, 100, 3,
	  .unit = "self-IPI, STI, handler, EOI; xAPIC" },
	{ "ipi-halted", OP_IPI_HALTED, 20, 50, 3, 2, .unit = "IPI to a halted CPU, to its HLT",
	  .flags = X2APIC | TWO_CPUS, .drive = drive_pair },
	{ "tsc-deadline-past", OP_DEADLINE_PAST, 20, 100, 3,
	  .unit = "deadline now: write, interrupt, EOI", .flags = X2APIC },
	{ "tsc-deadline", OP_DEADLINE, 20, 100, 3,
	  .unit = "deadline ahead: arm, expire, interrupt, EOI", .flags = X2APIC },
	{ "cr0-wp", OP_CR0_WP, 20, 100, 3, .unit = "CR0.WP cleared and set" },
	{ "cr4-pge", OP_CR4_PGE, 20, 100, 3, .unit = "CR4.PGE cleared and set" },
	{ "fault-4k-fresh", OP_TOUCH, 12, 512, 2, .unit = "4 KiB page without memory" },
	{ "fault-4k-populated", OP_TOUCH, 12, 512, 2, .unit = "4 KiB page with memory",
	  .flags = POPULATE },
	{ "fault-2m-fresh", OP_TOUCH, 12, 2, 2, .unit = "2 MiB page without memory", .flags = LARGE },
	{ "fault-2m-populated", OP_TOUCH, 12, 2, 2, .unit = "2 MiB page with memory",
	  .flags = LARGE | POPULATE },
	{ "irqfd-halted", OP_HALT, 20, 50, 3, .unit = "eventfd, handler, EOI, to HLT",
	  .flags = X2APIC, .drive = drive_irqfd },
	/* 4 x 4096 pages = 64 MiB */
	{ "dirty", OP_TOUCH_ALL, 3, 4096, 1, .flags = POPULATE | LOG, .drive = drive_dirty },
};

static int run_row(const struct row *row)
{
	struct row mine = *row;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		struct vm vm = { 0 };

		if (!mine.drive) {
			mine.batches = set_batches ? set_batches : mine.batches;
			mine.count = set_count ? set_count : mine.count;
			mine.warmup = set_warmup ? set_warmup : mine.warmup;
			mine.drive = drive_guest;
		}
		if (mine.batches > BATCHES_MAX)
			die("at most %d batches", BATCHES_MAX);
		make(&vm, &mine);
		mine.drive(&vm, &mine);
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (status) {
		printf("anykvm-module-failed %s\n", row->name);
		return 1;
	}
	return 0;
}

/* The kernel's own symbols of code, for the profiler: out of the machine by QEMU's debug console. */
static int dump_symbols(void)
{
	static char out[8 << 20];
	char line[512], *at = out;
	size_t n;
	FILE *f = fopen("/proc/kallsyms", "r");

	if (!f || iopl(3))
		die("/proc/kallsyms or iopl");
	while (fgets(line, sizeof(line), f)) {
		char *type = strchr(line, ' ');

		if (!type || !strchr("tTwW", type[1]))
			continue;
		if (at + strlen(line) >= out + sizeof(out))
			break;
		at = stpcpy(at, line);
	}
	fclose(f);
	at = out;
	n = strlen(out);
	asm volatile("rep outsb" : "+S"(at), "+c"(n) : "d"(PORT_SYMBOLS) : "memory");
	return 0;
}

static const struct row *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	fprintf(stderr, "bench: no row %s; there are", name);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		fprintf(stderr, " %s", rows[i].name);
	fputs("\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	int failed = 0, c;

	while ((c = getopt(argc, argv, "b:n:w:ls")) >= 0) {
		switch (c) {
		case 'b': set_batches = atoi(optarg); break;
		case 'n': set_count = atoi(optarg); break;
		case 'w': set_warmup = atoi(optarg); break;
		case 'l':
			for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
				puts(rows[i].name);
			return 0;
		case 's': return dump_symbols();
		default: return 2;
		}
	}
	mark(MARK_ATTACH);
	for (int i = optind; i < argc; i++)
		failed |= run_row(find(argv[i]));
	for (size_t i = 0; i < ARRAY_SIZE(rows) && optind == argc; i++)
		failed |= run_row(&rows[i]);
	return failed;
}
