// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * row: seconds=10
 *
 * Registers that guest and host share, and the processor does not switch: each side has its own
 * values, whoever else runs in between. On any /dev/kvm.
 */
#include <cpuid.h>
#include "counter.h"

#define MSR_TSC_AUX 0xc0000103

/* The guest's stays in the processor while the kernel runs; user mode must never see it. */
static void tsc_aux(void)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e;
	} m = { { .nmsrs = 1 }, { .index = MSR_TSC_AUX, .data = 0x1234567 } };
	u32 a, b, c, d, aux;
	struct guest g;
	cpu_set_t one;

	if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !(d & 1u << 27))
		skip("no RDTSCP here");
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	OK(sched_setaffinity(0, sizeof(one), &one));
	guest(&g, 1, anonymous(MEGABYTE), MEGABYTE, 0);
	if (ioctl(g.cpu[0], KVM_SET_MSRS, &m) != 1)
		skip("the guest has no TSC_AUX");
	for (int i = 0; i < 20; i++) {
		write_pages(&g, 0, 16, i);
		__builtin_ia32_rdtscp(&aux);
		EQ(aux & 0xfff, 0);
	}
}

extern const u8 vector_code[], vector_end[];
asm(".pushsection .rodata\n vector_code: .code32\n"
    "	movd %ebx, %xmm5\n	movd %ebx, %xmm0\n"
    "1:	movd %xmm5, %eax\n	cmp %eax, %ebx\n	jne 2f\n"
    "	movd %xmm0, %eax\n	cmp %eax, %ebx\n	jne 2f\n"
    "	cmpl $0, 24(%ebp)\n	je 1b\n"
    "2:	out %eax, $0x80\n	hlt\n"
    "vector_end: .code64\n .popsection");

static volatile bool enough;

static void *rival(void *arg)
{
	while (!enough) {
		asm volatile("movd %0, %%xmm5\n movd %0, %%xmm0" : : "r"(arg) : "xmm0", "xmm5");
		sched_yield();
	}
	return NULL;
}

/* The thread in KVM_RUN loses its processor again and again to others that use the registers. */
static void vectors(void)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	pthread_t t[2];
	struct guest g;
	double end = now() + 2;

	guest(&g, 2, anonymous(MEGABYTE), MEGABYTE, 0);
	memcpy(g.low + 0x4000, vector_code, vector_end - vector_code);
	for (int id = 0; id < 2; id++) {
		OK(ioctl(g.cpu[id], KVM_GET_SREGS, &s));
		s.cr4 |= 0x200; /* OSFXSR */
		OK(ioctl(g.cpu[id], KVM_SET_SREGS, &s));
		OK(ioctl(g.cpu[id], KVM_GET_REGS, &r));
		r.rip = 0x4000;
		r.rbx = 0x1111 << id;
		OK(ioctl(g.cpu[id], KVM_SET_REGS, &r));
	}
	for (long i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, rival, (void *)(0xbad0 + i));
	count_start(&g, 1, PAGE);
	while (now() < end)
		usleep(500);
	count_wait(&g);
	enough = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int id = 0; id < 2; id++) {
		u32 seen = *(u32 *)((u8 *)g.run[id] + g.run[id]->io.data_offset);

		EQ(seen, id ? 0x2222 : 0x1111);
	}
}

static const struct test tests[] = {
	{ tsc_aux, "TSC_AUX in user mode is the host's" },
	{ vectors, "vector registers stay each thread's own" },
};

int main(int argc, char **argv)
{
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
