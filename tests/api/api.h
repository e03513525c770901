/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The conformance suite of the KVM API: what a row may use.
 *
 * A row is a function that talks to /dev/kvm as any program does: open(2), ioctl(2), mmap(2). It
 * knows nothing of what is behind, so the same binary holds the stock device, and under anykvm-exec
 * the library, to the same promises. A row runs in a process of its own and ends at the first
 * check that does not hold.
 */
#ifndef TESTS_API_H
#define TESTS_API_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

struct api_test {
	const char *name;
	void (*run)(void);
	const char *what; /* the promise, as a sentence */
};

struct api_suite {
	const struct api_test *rows;
	int count;
};

#define SUITE(name, array)                                                                         \
	const struct api_suite name = { array, sizeof(array) / sizeof((array)[0]) }

extern const struct api_suite sys_suite, fd_suite, mem_suite, vm_suite, state_suite, event_suite,
	run_suite, io_suite, mode_suite, fault_suite, irq_suite, eventfd_suite, dirty_suite,
	debug_suite, msr_suite, pv_suite, cap_suite, smp_suite, quirk_suite,
	deliver_suite;

/* --- Checks: each ends the row when it does not hold ------------------------------------------ */

void row_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void row_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define FAIL(...) row_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) row_skip(__VA_ARGS__)

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			FAIL("%s does not hold", #cond);                                           \
	} while (0)

#define EQ(got, want)                                                                              \
	do {                                                                                       \
		unsigned long long got_ = (unsigned long long)(got);                               \
		unsigned long long want_ = (unsigned long long)(want);                             \
		if (got_ != want_)                                                                 \
			FAIL("%s is 0x%llx, not %s (0x%llx)", #got, got_, #want, want_);           \
	} while (0)

/* A call that must succeed; its value. */
#define OK(call)                                                                                   \
	({                                                                                         \
		long r_ = (call);                                                                  \
		if (r_ < 0)                                                                        \
			FAIL("%s: %s", #call, strerror(errno));                                    \
		r_;                                                                                \
	})

/* A call that must be refused, and with which error. */
#define REFUSED(call, error)                                                                       \
	do {                                                                                       \
		long r_ = (call);                                                                  \
		if (r_ >= 0)                                                                       \
			FAIL("%s: was accepted (%ld), should be %s", #call, r_, #error);           \
		if (errno != (error))                                                              \
			FAIL("%s: %s, should be %s", #call, strerror(errno), #error);              \
	} while (0)

/* --- Machines --------------------------------------------------------------------------------- */

#define PAGE 4096ul

struct vm {
	int fd;
	u8 *mem; /* guest-physical 0..size */
	u64 size;
};

struct vcpu {
	struct vm *vm;
	int fd;
	int id;
	struct kvm_run *run;
	int run_size;
};

int kvm_fd(void);	  /* /dev/kvm, opened once a row */
int kvm_cap(int cap);	  /* CHECK_EXTENSION on /dev/kvm */
int kvm_cap_vm(struct vm *vm, int cap);
void need_cap(int cap, const char *name);
#define NEED(cap) need_cap(cap, #cap)

void *pages(u64 size); /* anonymous memory, zeroed */
int memslot(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 size, void *host);

enum { IRQCHIP_NONE, IRQCHIP_KERNEL, IRQCHIP_SPLIT };

void vm_bare(struct vm *vm);		     /* no memory, no irqchip */
void vm_make(struct vm *vm, int irqchip);   /* 4 MiB at 0 in slot 0 */
void vcpu_make(struct vm *vm, struct vcpu *c, int id);
void cpuid_all(struct vcpu *c); /* everything that is supported; x2APIC id as the vCPU's */
struct kvm_cpuid2 *cpuid_supported(void);
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *t, u32 fn, u32 index);
bool host_is_amd(void);

/* The usual beginning of a row: one VM, one vCPU, code at 0x1000 in the mode that is asked for. */
enum mode { REAL16, FLAT32, PAGED32, LONG64 };

struct box {
	struct vm vm;
	struct vcpu cpu;
};

void box_make(struct box *b, int irqchip, enum mode mode, const u8 *code, const u8 *end);
void mode_set(struct vcpu *c, enum mode mode, u64 rip);
void load(struct vm *vm, u64 gpa, const void *code, const void *end);
void idt_set(struct vm *vm, enum mode mode, int vector, u64 handler);

#define CODE 0x1000ul	/* guest code */
#define STACK 0x8000ul	/* its stack grows down from here */
#define GDT 0x9000ul	/* mode_set puts tables here */
#define IDT 0xa000ul
#define TSS 0xb000ul
#define PTS 0xc000ul	/* page tables: 0xc000..0xffff */
#define DATA 0x20000ul	/* free for the row */
#define HANDLERS 0x30000ul
#define RAM (4ul << 20)
#define HOLE 0x10000000ul /* no slot is there; mapped by the page tables of the paged modes */

#define SEL_CODE32 0x08
#define SEL_DATA 0x10
#define SEL_CODE64 0x18
#define SEL_UDATA 0x2b
#define SEL_UCODE64 0x33
#define SEL_UCODE32 0x23
#define SEL_TSS 0x40

/* KVM_RUN that must return 0, and the reason that it must return with. */
void run_until(struct vcpu *c, u32 reason);
int run_once(struct vcpu *c); /* 0 or -errno */
void finish(struct vcpu *c);  /* run_until(KVM_EXIT_HLT) */
const char *exit_name(u32 reason);
void catch_alarm(void); /* SIGALRM ends KVM_RUN and nothing else */

struct kvm_regs regs_get(struct vcpu *c);
void regs_set(struct vcpu *c, struct kvm_regs r);
struct kvm_sregs sregs_get(struct vcpu *c);
void sregs_set(struct vcpu *c, struct kvm_sregs s);
u64 msr_get(struct vcpu *c, u32 index);
int msr_set(struct vcpu *c, u32 index, u64 value); /* 1 accepted, 0 refused */

u16 rd16(struct vm *vm, u64 gpa);
u32 rd32(struct vm *vm, u64 gpa);
u64 rd64(struct vm *vm, u64 gpa);

/* An `out` to port, of this size and value, is the exit at hand. */
void expect_out(struct vcpu *c, u16 port, int size, u32 value);
void expect_in(struct vcpu *c, u16 port, int size, u32 answer);

/*
 * Guest code, assembled with the row: GUEST(name, 16, "movb $1, %al\n hlt").
 * It is linked nowhere: use relative references or addresses from the list above.
 */
#define GUEST(name, bits, text)                                                                    \
	extern const u8 guest_##name[], guest_##name##_end[];                                      \
	asm(".pushsection .rodata\n\t.balign 16\nguest_" #name ":\n\t.code" #bits "\n\t" text      \
	    "\nguest_" #name "_end:\n\t.code64\n\t.popsection\n")

#define BOX(b, irqchip, mode, name)                                                                \
	box_make(b, irqchip, mode, guest_##name, guest_##name##_end)
#define LOAD(vm, gpa, name) load(vm, gpa, guest_##name, guest_##name##_end)

#endif
