/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two vCPUs in two threads: locked instructions, memory order, IPIs, TLB shootdown, late kicks. */
#include "api.h"

struct pair {
	struct vm vm;
	struct vcpu c[2];
};

static void *run_to_halt(void *arg)
{
	finish(arg);
	return NULL;
}

static void run_both(struct pair *p)
{
	pthread_t t;

	pthread_create(&t, NULL, run_to_halt, &p->c[1]);
	run_to_halt(&p->c[0]);
	pthread_join(t, NULL);
}

static void pair_make(struct pair *p, const u8 *code, const u8 *end)
{
	vm_make(&p->vm, IRQCHIP_NONE);
	load(&p->vm, CODE, code, end);
	for (int i = 0; i < 2; i++) {
		struct kvm_regs r;

		vcpu_make(&p->vm, &p->c[i], i);
		cpuid_all(&p->c[i]);
		mode_set(&p->c[i], LONG64, CODE);
		r = regs_get(&p->c[i]);
		r.rdi = i;
		r.rsp = STACK - 0x1000 * i;
		regs_set(&p->c[i], r);
	}
}

#define PAIR(p, name) pair_make(p, guest_##name, guest_##name##_end)

GUEST(smp_lock, 64, "mov $20000, %ecx\n 1: lock incl 0x20000\n lock xaddl %eax, 0x20004\n"
		    "dec %ecx\n jnz 1b\n hlt");

static void locked(void)
{
	struct pair p;

	PAIR(&p, smp_lock);
	run_both(&p);
	EQ(rd32(&p.vm, DATA), 40000);
}

/* A spin lock by XCHG around plain increments. */
GUEST(smp_spin, 64, "mov $5000, %ecx\n 1: mov $1, %eax\n xchg %eax, 0x20000\n test %eax, %eax\n"
		    "jz 2f\n pause\n jmp 1b\n 2: incl 0x20040\n movl $0, 0x20000\n dec %ecx\n jnz 1b\n hlt");

static void spin_lock(void)
{
	struct pair p;

	PAIR(&p, smp_spin);
	run_both(&p);
	EQ(rd32(&p.vm, DATA + 0x40), 10000);
}

/* CMPXCHG16B moves two counters at once. */
GUEST(smp_cx16, 64,
      "mov $5000, %r8d\n 1: mov 0x20000, %rax\n mov 0x20008, %rdx\n"
      "2: lea 1(%rax), %rbx\n lea -1(%rdx), %rcx\n lock cmpxchg16b 0x20000\n jnz 2b\n"
      "dec %r8d\n jnz 1b\n hlt");

static void cmpxchg16b(void)
{
	struct pair p;

	PAIR(&p, smp_cx16);
	run_both(&p);
	EQ(rd64(&p.vm, DATA), 10000);
	EQ(rd64(&p.vm, DATA + 8), -10000ull);
}

/* One writes data, then a flag; the other sees them in that order (TSO). */
GUEST(smp_order, 64,
      "mov $20000, %ecx\n mov $1, %eax\n test %edi, %edi\n jnz 3f\n"
      "1: mov %eax, 0x20000\n mov %eax, 0x21000\n inc %eax\n dec %ecx\n jnz 1b\n hlt\n"
      "3: mov 0x21000, %eax\n mov 0x20000, %ebx\n cmp %eax, %ebx\n jb 4f\n"
      "cmp $20000, %eax\n jb 3b\n hlt\n 4: movl $1, 0x22000\n hlt");

static void store_order(void)
{
	struct pair p;

	PAIR(&p, smp_order);
	run_both(&p);
	EQ(rd32(&p.vm, 0x22000), 0);
}

/* One rewrites the other's code; after the flag and a serializing CPUID the new code runs. */
GUEST(smp_code, 64,
      "test %edi, %edi\n jnz 3f\n mov $1, %ebx\n"
      "1: mov %bl, 0x30001\n mov %ebx, 0x20000\n 2: pause\n cmp %ebx, 0x21000\n jne 2b\n inc %ebx\n"
      "cmp $100, %ebx\n jb 1b\n hlt\n"
      "3: mov $1, %esi\n 4: pause\n cmp %esi, 0x20000\n jne 4b\n xor %eax, %eax\n cpuid\n"
      "mov $0x30000, %eax\n call *%rax\n movzbl %al, %eax\n cmp %eax, %esi\n je 5f\n"
      "movl $1, 0x22000\n 5: mov %esi, 0x21000\n inc %esi\n cmp $100, %esi\n jb 4b\n hlt");
GUEST(smp_code_body, 64, "mov $0, %al\n ret");

static void cross_modifying(void)
{
	struct pair p;

	PAIR(&p, smp_code);
	LOAD(&p.vm, HANDLERS, smp_code_body);
	run_both(&p);
	EQ(rd32(&p.vm, 0x22000), 0);
}

/* INIT, SIPI: the BSP starts the AP, which comes up in real mode at the vector's page. */
GUEST(smp_bsp, 64,
      "mov $0xfee00000, %edi\n movl $0x1ff, 0xf0(%rdi)\n movl $0x01000000, 0x310(%rdi)\n"
      "movl $0x4500, 0x300(%rdi)\n movl $0x01000000, 0x310(%rdi)\n movl $0x4606, 0x300(%rdi)\n"
      "1: pause\n cmpb $0x77, 0x7000\n jne 1b\n out %al, $0xe0\n");
GUEST(smp_ap, 16, "mov %cs, %ax\n mov %ax, %ds\n movw %ax, (0x1002)\n movb $0x77, (0x1000)\n"
		  "cli\n 1: hlt\n jmp 1b");

static void *run_ap(void *arg)
{
	struct vcpu *c = arg;

	while (run_once(c) == -EAGAIN) /* INIT has come: again; the rest ends with the process */
		;
	return NULL;
}

static void start_ap(void)
{
	struct kvm_mp_state m;
	struct pair p;
	pthread_t t;
	u64 pd = 0x3f0000;

	vm_make(&p.vm, IRQCHIP_KERNEL);
	for (int i = 0; i < 2; i++) {
		vcpu_make(&p.vm, &p.c[i], i);
		cpuid_all(&p.c[i]);
	}
	mode_set(&p.c[0], LONG64, CODE);
	for (u64 i = 0; i < 512; i++)
		*(u64 *)(p.vm.mem + pd + i * 8) = (0xc0000000 + (i << 21)) | 0x87;
	*(u64 *)(p.vm.mem + PTS + 0x1000 + 3 * 8) = pd | 7;
	LOAD(&p.vm, CODE, smp_bsp);
	LOAD(&p.vm, 0x6000, smp_ap);
	pthread_create(&t, NULL, run_ap, &p.c[1]);
	run_until(&p.c[0], KVM_EXIT_IO);
	EQ(rd16(&p.vm, 0x7002), 0x600); /* CS = vector << 8 */
	OK(ioctl(p.c[0].fd, KVM_GET_MP_STATE, &m));
	EQ(m.mp_state, KVM_MP_STATE_RUNNABLE);
}

/* A page unmapped under a running guest: the host's view changes, the guest's follows. */
GUEST(smp_reader, 64, "1: mov 0x20000, %eax\n cmp $2, %eax\n jne 1b\n hlt");

static void *rewriter(void *arg)
{
	struct vm *vm = arg;

	usleep(20000);
	if (mmap(vm->mem + DATA, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		FAIL("mmap");
	*(volatile u32 *)(vm->mem + DATA) = 2;
	return NULL;
}

static void host_remap_running(void)
{
	struct pair p;
	pthread_t t;

	PAIR(&p, smp_reader);
	*(u32 *)(p.vm.mem + DATA) = 1;
	pthread_create(&t, NULL, rewriter, &p.vm);
	run_both(&p);
	pthread_join(t, NULL);
}

static void *slot_mover(void *arg)
{
	struct vm *vm = arg;
	u8 *m = pages(PAGE);

	*(u32 *)m = 2;
	usleep(20000);
	OK(memslot(vm, 1, 0, 0x20000000, 0, NULL));
	OK(memslot(vm, 1, 0, 0x20000000, PAGE, m));
	return NULL;
}

GUEST(smp_slot, 64, "mov $0x20000000, %edi\n 1: mov (%rdi), %eax\n cmp $2, %eax\n jne 1b\n hlt");

/* Between the deletion and the new slot the reader may exit for MMIO; it then goes on. */
static void slot_replaced_running(void)
{
	struct pair p;
	pthread_t t;
	u8 *m = pages(PAGE);

	PAIR(&p, smp_slot);
	*(u32 *)m = 1;
	OK(memslot(&p.vm, 1, 0, 0x20000000, PAGE, m));
	pthread_create(&t, NULL, slot_mover, &p.vm);
	for (;;) {
		EQ(run_once(&p.c[0]), 0);
		if (p.c[0].run->exit_reason != KVM_EXIT_MMIO)
			break;
	}
	EQ(p.c[0].run->exit_reason, KVM_EXIT_HLT);
	pthread_join(t, NULL);
}

static const struct api_test rows[] = {
	{ "smp/lock", locked, "LOCK is atomic between vCPUs" },
	{ "smp/spin-lock", spin_lock, "XCHG makes a lock" },
	{ "smp/cmpxchg16b", cmpxchg16b, "16 bytes at once" },
	{ "smp/order", store_order, "stores are seen in order" },
	{ "smp/cross-modify", cross_modifying, "one vCPU writes the other's code" },
	{ "smp/init-sipi", start_ap, "INIT and SIPI start the other one" },
	{ "smp/host-remap", host_remap_running, "mmap under a running guest" },
	{ "smp/slot-replace", slot_replaced_running, "a slot replaced under a running guest" },
};

SUITE(smp_suite, rows);
