/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest of a few instructions, 32-bit and flat, that takes orders from a block in memory: read
 * and add up, write, or count: add 1 to a word in every page, round after round, until told to
 * stop. Then each word must be the number of rounds, whatever has been done to the pages
 * meanwhile: not one write may be lost, made twice, or be made to a page that is not there any
 * more. For programs of tests, each row a process of its own.
 */
#ifndef TESTS_MODULE_COUNTER_H
#define TESTS_MODULE_COUNTER_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE 4096ul
#define HUGE (2ul << 20)
#define MEGABYTE (1ul << 20)
#define MEM 0x10000000ul		/* the guest memory under test, in slot 1 */
#define LOAD (4 * MEGABYTE)		/* its size, where size does not matter */
#define ORDERS(id) (0x2000 + 0x100 * (id))
#define MADV_PAGEOUT_ 21		/* newer than some C libraries */
#define MADV_COLLAPSE_ 25

/* ---- checks: each ends the row when it does not hold ---- */

static inline void fail(int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# line %d: ", line);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

static inline void skip(const char *why)
{
	printf("# %s\n", why);
	fflush(stdout);
	_exit(77);
}

#define CHECK(cond) ((cond) ? (void)0 : fail(__LINE__, "%s does not hold", #cond))
#define EQ(a, b)                                                                                   \
	do {                                                                                       \
		u64 a_ = (a), b_ = (b);                                                            \
		if (a_ != b_)                                                                      \
			fail(__LINE__, "%s is %llx, not %s (%llx)", #a, (unsigned long long)a_,    \
			     #b, (unsigned long long)b_);                                          \
	} while (0)
#define OK(call)                                                                                   \
	({                                                                                         \
		long r_ = (call);                                                                  \
		if (r_ < 0)                                                                        \
			fail(__LINE__, "%s: %s", #call, strerror(errno));                          \
		r_;                                                                                \
	})

/* ---- the guest ---- */

enum { READ, WRITE, COUNT };

struct orders {
	u32 op, addr, count, stride, value;
	u32 result;			/* the sum; or rounds */
	u32 stop;
};

#define DONE KVM_EXIT_IO

extern const u8 guest_code[], guest_end[];
asm(".pushsection .rodata\n guest_code: .code32\n"
    "0:	out %al, $0x80\n"
    "	mov 4(%ebp), %edi\n	mov 8(%ebp), %ecx\n	mov 12(%ebp), %edx\n"
    "	mov 16(%ebp), %ebx\n	xor %esi, %esi\n"
    "	cmpl $1, (%ebp)\n	je 2f\n		ja 3f\n"
    "1:	add (%edi), %esi\n	add %edx, %edi\n	dec %ecx\n	jnz 1b\n"
    "	mov %esi, 20(%ebp)\n	jmp 0b\n"
    "2:	mov %ebx, (%edi)\n	add %edx, %edi\n	dec %ecx\n	jnz 2b\n	jmp 0b\n"
    "3:	mov 4(%ebp), %edi\n	mov 8(%ebp), %ecx\n"
    "4:	lock incl (%edi)\n	add %edx, %edi\n	dec %ecx\n	jnz 4b\n"
    "	incl 20(%ebp)\n		cmpl $0, 24(%ebp)\n	je 3b\n	jmp 0b\n"
    "guest_end: .code64\n .popsection");

#define GUEST_VCPUS 64

struct guest {
	int vm, vcpus, cpu[GUEST_VCPUS];
	bool chips;			/* with interrupts on: the vCPU can be made to wait */
	struct kvm_run *run[GUEST_VCPUS];
	u8 *low, *mem;
	u64 size;
	/* counting in the background */
	pthread_t thread[GUEST_VCPUS];
	u64 pages, stride;
	volatile u32 faults;		/* times that KVM_RUN gave -EFAULT */
	void (*on_exit)(struct guest *g, int id);
};

static inline int dev_kvm(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	return fd;
}

static inline int slot(struct guest *g, u32 id, u32 flags, u64 gpa, u64 size, void *host)
{
	struct kvm_userspace_memory_region r = { .slot = id, .flags = flags,
		.guest_phys_addr = gpa, .memory_size = size, .userspace_addr = (uintptr_t)host };

	return ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static inline void *map(u64 size, int flags, int fd)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		fail(__LINE__, "mmap: %s", strerror(errno));
	return p;
}

static inline void *anonymous(u64 size)
{
	return map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* Aligned for huge pages. */
static inline u8 *aligned(u64 size)
{
	u8 *p = anonymous(size + HUGE);

	return (u8 *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
}

static inline int finish(struct guest *g, int id)
{
	while (ioctl(g->cpu[id], KVM_RUN, 0)) {
		if (errno == EINTR)
			continue;
		return -errno;
	}
	return g->run[id]->exit_reason;
}

static inline void vcpu(struct guest *g, int id)
{
	struct kvm_regs regs = { .rflags = g->chips ? 0x202 : 2, .rip = 0x1000, .rbp = ORDERS(id) };
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs s;

	g->cpu[id] = OK(ioctl(g->vm, KVM_CREATE_VCPU, (long)id));
	g->run[id] = mmap(NULL, OK(ioctl(dev_kvm(), KVM_GET_VCPU_MMAP_SIZE, 0)),
			  PROT_READ | PROT_WRITE, MAP_SHARED, g->cpu[id], 0);
	CHECK(g->run[id] != MAP_FAILED);
	OK(ioctl(g->cpu[id], KVM_GET_SREGS, &s));
	s.ds = s.es = s.ss = (struct kvm_segment){ .limit = ~0u, .selector = 16, .type = 3,
		.present = 1, .s = 1, .db = 1, .g = 1 };
	s.cs = s.ds;
	s.cs.selector = 8;
	s.cs.type = 11;
	s.cr0 |= 1;
	OK(ioctl(g->cpu[id], KVM_SET_SREGS, &s));
	OK(ioctl(g->cpu[id], KVM_SET_REGS, &regs));
	if (g->chips)
		OK(ioctl(g->cpu[id], KVM_SET_MP_STATE, &runnable));
	EQ(finish(g, id), DONE);
}

static inline void vm_only(struct guest *g)
{
	*g = (struct guest){ .vm = OK(ioctl(dev_kvm(), KVM_CREATE_VM, 0)) };
	g->low = anonymous(16 * PAGE);
	memcpy(g->low + 0x1000, guest_code, guest_end - guest_code);
	OK(slot(g, 0, 0, 0, 16 * PAGE, g->low));
}

static inline void guest(struct guest *g, int vcpus, void *mem, u64 size, u32 flags)
{
	vm_only(g);
	g->mem = mem;
	g->size = size;
	OK(slot(g, 1, flags, MEM, size, mem));
	for (g->vcpus = 0; g->vcpus < vcpus; g->vcpus++)
		vcpu(g, g->vcpus);
}

static inline struct orders *orders(struct guest *g, int id)
{
	return (struct orders *)(g->low + ORDERS(id));
}

/* -errno, or the exit; DONE when it is done. */
static inline int order(struct guest *g, u32 op, u64 addr, u32 count, u32 stride, u32 value)
{
	*orders(g, 0) = (struct orders){ op, addr, count, stride, value, 0, 0 };
	return finish(g, 0);
}

static inline void write_pages(struct guest *g, u64 first, u32 n, u32 value)
{
	EQ(order(g, WRITE, MEM + first * PAGE, n, PAGE, value), DONE);
}

static inline u32 read_pages(struct guest *g, u64 first, u32 n)
{
	EQ(order(g, READ, MEM + first * PAGE, n, PAGE, 0), DONE);
	return orders(g, 0)->result;
}

/* ---- counting, in the background ---- */

struct counter {
	struct guest *g;
	int id;
};

static inline void *counting(void *arg)
{
	struct counter c = *(struct counter *)arg;
	int r;

	free(arg);
	while ((r = finish(c.g, c.id)) != DONE) {
		if (r == -EFAULT) {
			__sync_fetch_and_add(&c.g->faults, 1);
			sched_yield();
		} else if (r >= 0 && c.g->on_exit) {
			c.g->on_exit(c.g, c.id);
		} else {
			fail(__LINE__, "KVM_RUN: %d", r);
		}
	}
	return NULL;
}

static inline void count_start(struct guest *g, u64 pages, u64 stride)
{
	g->pages = pages;
	g->stride = stride;
	for (int id = 0; id < g->vcpus; id++) {
		struct counter *c = malloc(sizeof(*c));

		*c = (struct counter){ g, id };
		*orders(g, id) = (struct orders){ COUNT, MEM, pages, stride, 0, 0, 0 };
		pthread_create(&g->thread[id], NULL, counting, c);
	}
}

static inline u32 rounds(struct guest *g)
{
	u32 n = 0;

	for (int id = 0; id < g->vcpus; id++)
		n += *(volatile u32 *)&orders(g, id)->result;
	return n;
}

static inline void count_wait(struct guest *g)
{
	for (int id = 0; id < g->vcpus; id++)
		*(volatile u32 *)&orders(g, id)->stop = 1;
	for (int id = 0; id < g->vcpus; id++)
		pthread_join(g->thread[id], NULL);
}

static inline void count_end(struct guest *g)
{
	count_wait(g);
	CHECK(rounds(g));
	for (u64 i = 0; i < g->pages; i++) {
		u32 got = *(u32 *)(g->mem + i * g->stride);

		if (got != rounds(g))
			fail(__LINE__, "page %lu counts %u of %u rounds", (unsigned long)i, got,
			     rounds(g));
	}
}

/* Let the guest get somewhere: @n more rounds. */
static inline void let_run(struct guest *g, u32 n)
{
	u32 from = rounds(g);
	time_t late = time(NULL) + 20;

	while (rounds(g) - from < n) {
		usleep(1000);
		if (time(NULL) > late)
			fail(__LINE__, "the guest makes no progress");
	}
}

/* ---- the host ---- */

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static inline bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static inline long get(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return atol(text);
}

static inline u32 random_below(u32 n)
{
	static u32 x = 1;

	x = x * 1664525 + 1013904223;
	return (u64)x * n >> 32;
}

/* ---- the rows ---- */

struct test {
	void (*run)(void);
	const char *what;
};

/* All @n of them, or those whose sentence has argv[1] in it. */
static inline int run_tests(const struct test *tests, int n, int argc, char **argv)
{
	int failed = 0, status;

	setbuf(stdout, NULL);
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		pid_t pid;
		bool ok;

		if (argc > 1 && !strstr(tests[i].what, argv[1]))
			continue;
		pid = OK(fork());
		if (!pid) {
			alarm(60);
			tests[i].run();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		ok = WIFEXITED(status) && (!WEXITSTATUS(status) || WEXITSTATUS(status) == 77);
		if (WIFSIGNALED(status))
			printf("# signal %d\n", WTERMSIG(status));
		printf("%sok %d - %s%s\n", ok ? "" : "not ", i + 1, tests[i].what,
		       ok && WEXITSTATUS(status) ? " # SKIP" : "");
		failed += !ok;
	}
	return failed != 0;
}

#endif
