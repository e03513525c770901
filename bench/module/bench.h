/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the benchmark's two halves agree on: host.c, which runs in the emulated machine and speaks to
 * its /dev/kvm, and guest.c, the bare-metal program inside the virtual machine. The guest is a flat
 * image at GPA_IMAGE in an identity-mapped 64-bit address space, and finds its orders in a struct
 * shared at GPA_SHARED. No two of guest, host program and kernel share an address, so that the
 * profiler can tell them apart by the program counter alone.
 */
#ifndef BENCH_MODULE_BENCH_H
#define BENCH_MODULE_BENCH_H

#define GPA_TABLES   0x1000 /* PML4, PDPT and four page directories: 4 GiB, in 2 MiB pages */
#define GPA_SHARED   0x8000
#define GPA_IMAGE    0x100000
#define GPA_STACK    0x200000 /* top of CPU 0's; the others' are GUEST_STACK apart, above */
#define GUEST_STACK  0x10000
#define LOW_MEMORY   0x400000
#define GPA_REGION   0x40000000 /* the memory that the page fault and dirty log rows touch */
#define GPA_NOTHING  0xd0000000 /* no memory slot: the host program answers */

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10

#define PORT_NOTHING 0x1234 /* the host program answers */
#define PORT_STEP    0x1240 /* the guest has done one step of a row that the host measures */
#define PORT_DONE    0x1241
#define PORT_FAIL    0x1242

#define VECTOR	     0x40 /* CPU 0's: counts and ends */
#define VECTOR_REPLY 0x41 /* CPU 1's: answers CPU 0 */

#define BATCHES_MAX 64

enum op {
	OP_NOTHING,
	OP_CPUID,
	OP_IN_KERNEL,
	OP_OUT_KERNEL,
	OP_IN_USER,
	OP_OUT_USER,
	OP_MMIO_KERNEL,
	OP_MMIO_KERNEL_WRITE,
	OP_MMIO_USER,
	OP_MMIO_USER_WRITE,
	OP_MSR_READ,
	OP_MSR_WRITE,
	OP_MTRR_READ,
	OP_MTRR_WRITE,
	OP_HYPERCALL,
	OP_EOI,
	OP_SELF_IPI,
	OP_IPI_HALTED,
	OP_DEADLINE_PAST,
	OP_DEADLINE,
	OP_CR0_WP,
	OP_CR4_PGE,
	OP_TOUCH,
	OP_TOUCH_ALL,
	OP_HALT,
	OP_SPIN,
	OPS
};

struct shared {
	unsigned int op;
	unsigned int warmup;  /* batches that are not reported */
	unsigned int batches; /* batches that are */
	unsigned int count;   /* operations in a batch */
	unsigned int x2apic;
	unsigned int ready;	   /* CPU 1 waits for interrupts */
	unsigned long long fired;  /* interrupts that CPU 0 has taken */
	unsigned long long extra;  /* of them, more than were sent */
	unsigned long long stride; /* OP_TOUCH, OP_TOUCH_ALL: from one touch to the next */
	unsigned long long region; /* OP_TOUCH_ALL: bytes */
	unsigned long long delta[BATCHES_MAX];
};

/*
 * Marks for the profiler (profiler.c), which sees every instruction that the emulated machine runs:
 * no-operations with a displacement that nothing else has.
 */
#define MARK_ATTACH 0 /* the machine is up: instrument the code from now on */
#define MARK_START  1 /* count */
#define MARK_STOP   2
#define MARK_ROUND  3 /* one operation begins */
#define MARK_BYTES  { 0x0f, 0x1f, 0x80, 0, 0x56, 0x4b, 0x41 } /* nopl 0x414b56NN(%rax) */

#define mark(n) asm volatile("nopl 0x414b5600 + %c0(%%rax)" ::"i"(n) : "memory")

static inline unsigned long long rdtsc(void)
{
	unsigned int low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (unsigned long long)high << 32 | low;
}

/* Exactly 2 * n instructions. */
static inline void spin(unsigned long n)
{
	asm volatile("1: dec %0\n jnz 1b" : "+r"(n)::"cc", "memory");
}

#endif
