/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KVM_RUN: how it returns, and what the shared page says then. */
#include "api.h"

GUEST(run_hlt, 16, "mov $7, %ax\n hlt\n mov $8, %ax\n hlt");

static void hlt_exit(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, run_hlt);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rax, 7);
	EQ(regs_get(&b.cpu).rip, CODE + 4);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rax, 8);
}

GUEST(run_triple32, 32, "lidt 0x20000\n ud2");

static void shutdown_exit(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, FLAT32, run_triple32);
	memset(b.vm.mem + DATA, 0, 6);
	run_until(&b.cpu, KVM_EXIT_SHUTDOWN);
}

static void immediate_exit(void)
{
	struct box b;

	NEED(KVM_CAP_IMMEDIATE_EXIT);
	BOX(&b, IRQCHIP_NONE, REAL16, run_hlt);
	b.cpu.run->immediate_exit = 1;
	EQ(run_once(&b.cpu), -EINTR);
	EQ(regs_get(&b.cpu).rip, CODE);
	b.cpu.run->immediate_exit = 0;
	finish(&b.cpu);
}

GUEST(run_in, 16, "in $0x10, %al\n hlt");

static void immediate_exit_completes(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, run_in);
	expect_in(&b.cpu, 0x10, 1, 0x99);
	b.cpu.run->immediate_exit = 1;
	EQ(run_once(&b.cpu), -EINTR);
	EQ(b.cpu.run->exit_reason, KVM_EXIT_IO);
	EQ(regs_get(&b.cpu).rax & 0xff, 0x99);
	EQ(regs_get(&b.cpu).rip, CODE + 2);
}

GUEST(run_spin, 16, "1: inc %cx\n jmp 1b");

static volatile int signals;

static void on_signal(int sig)
{
	signals++;
}

static void catch_usr1(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigemptyset(&sa.sa_mask);
	OK(sigaction(SIGUSR1, &sa, NULL));
	OK(sigaction(SIGALRM, &sa, NULL));
}

static void signal_exit(void)
{
	struct itimerval t = { .it_value.tv_usec = 50000, .it_interval.tv_usec = 50000 };
	struct box b;

	catch_usr1();
	BOX(&b, IRQCHIP_NONE, REAL16, run_spin);
	for (int i = 1; i <= 3; i++) {
		OK(setitimer(ITIMER_REAL, &t, NULL));
		EQ(run_once(&b.cpu), -EINTR);
		EQ(b.cpu.run->exit_reason, KVM_EXIT_INTR);
		CHECK(signals >= i);
	}
}

static volatile bool enough;

/* One that comes between two runs ends none: go on until the row has seen enough. */
static void *kicker(void *arg)
{
	while (!enough) {
		usleep(5000);
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
	}
	return NULL;
}

static void signal_from_thread(void)
{
	pthread_t self = pthread_self(), t;
	struct box b;

	catch_usr1();
	BOX(&b, IRQCHIP_NONE, REAL16, run_spin);
	pthread_create(&t, NULL, kicker, &self);
	for (int i = 0; i < 20; i++)
		EQ(run_once(&b.cpu), -EINTR);
	enough = true;
	pthread_join(t, NULL);
}

/*
 * Every way of going round without end: the flags live at the loop's head, a page in between, calls
 * and computed jumps, string operations, instructions of the hypervisor's.
 */
GUEST(loop_flags, 64, "1: adc %rax, %rbx\n jmp 1b");
GUEST(loop_jcc, 64, "stc\n 1: jc 1b");
GUEST(loop_pages, 64, "1: jmp 2f\n .skip 5000, 0x90\n 2: jmp 1b");
GUEST(loop_call, 64, "1: call 2f\n jmp 1b\n 2: ret");
GUEST(loop_computed, 64, "lea 1f(%rip), %rax\n 1: jmp *%rax");
GUEST(loop_loop, 64, "1: mov $-1, %rcx\n 2: loop 2b\n jmp 1b");
GUEST(loop_string, 64, "1: mov $0x20000, %edi\n mov $0x10000, %ecx\n rep stosb\n jmp 1b");
GUEST(loop_system, 64, "1: mov %cr3, %rax\n jmp 1b");
GUEST(loop_eflags, 64, "1: pushf\n popf\n jmp 1b");

static void signal_loops(void)
{
	static const struct {
		const u8 *code, *end;
	} loops[] = {
#define LOOP(name) { guest_##name, guest_##name##_end }
		LOOP(loop_flags), LOOP(loop_jcc), LOOP(loop_pages), LOOP(loop_call),
		LOOP(loop_computed), LOOP(loop_loop), LOOP(loop_string), LOOP(loop_system),
		LOOP(loop_eflags),
#undef LOOP
	};
	struct itimerval timer = { .it_value.tv_usec = 10000, .it_interval.tv_usec = 10000 };
	struct itimerval off = {};
	struct box b;

	catch_usr1();
	for (unsigned int n = 0; n < sizeof(loops) / sizeof(loops[0]); n++) {
		box_make(&b, IRQCHIP_NONE, LONG64, loops[n].code, loops[n].end);
		OK(setitimer(ITIMER_REAL, &timer, NULL));
		for (int i = 0; i < 3; i++)
			EQ(run_once(&b.cpu), -EINTR);
		OK(setitimer(ITIMER_REAL, &off, NULL)); /* KVM_CREATE_VM may be interrupted, too */
	}
}

static void signal_pending(void)
{
	struct {
		struct kvm_signal_mask head;
		u64 set;
	} __attribute__((packed)) m = { .head.len = 8, .set = 0 };
	sigset_t block;
	struct box b;

	catch_usr1();
	BOX(&b, IRQCHIP_NONE, REAL16, run_spin);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &block, NULL));
	OK(ioctl(b.cpu.fd, KVM_SET_SIGNAL_MASK, &m));
	OK(raise(SIGUSR1));
	EQ(run_once(&b.cpu), -EINTR); /* open only inside KVM_RUN */
	EQ(b.cpu.run->exit_reason, KVM_EXIT_INTR);
	sigpending(&block);
	CHECK(signals == 1 || sigismember(&block, SIGUSR1));
}

/* Blocked outside and without a handler: one that arrives ends the run, not the process. */
static void signal_default(void)
{
	struct {
		struct kvm_signal_mask head;
		u64 set;
	} __attribute__((packed)) m = { .head.len = 8, .set = 0 };
	pthread_t self = pthread_self(), th;
	sigset_t usr1;
	struct box b;
	int sig;

	BOX(&b, IRQCHIP_NONE, REAL16, run_spin);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	OK(pthread_sigmask(SIG_BLOCK, &usr1, NULL));
	OK(ioctl(b.cpu.fd, KVM_SET_SIGNAL_MASK, &m));
	pthread_create(&th, NULL, kicker, &self);
	for (int i = 0; i < 5; i++) {
		EQ(run_once(&b.cpu), -EINTR);
		EQ(b.cpu.run->exit_reason, KVM_EXIT_INTR);
		OK(sigwait(&usr1, &sig));
		EQ(sig, SIGUSR1);
	}
	enough = true;
	pthread_join(th, NULL);
}

static void signal_masked(void)
{
	struct itimerval t = { .it_value.tv_usec = 200000, .it_interval.tv_usec = 200000 };
	struct {
		struct kvm_signal_mask head;
		u64 set;
	} __attribute__((packed)) m = { .head.len = 8, .set = 1ull << (SIGUSR1 - 1) };
	pthread_t self = pthread_self(), th;
	struct box b;

	catch_usr1();
	BOX(&b, IRQCHIP_NONE, REAL16, run_spin);
	OK(ioctl(b.cpu.fd, KVM_SET_SIGNAL_MASK, &m));
	OK(setitimer(ITIMER_REAL, &t, NULL));
	pthread_create(&th, NULL, kicker, &self); /* blocked inside: must not end the run */
	EQ(run_once(&b.cpu), -EINTR);
	enough = true;
	pthread_join(th, NULL);
	CHECK(signals >= 1);
}

GUEST(run_spinout, 16, "1: dec %cx\n jnz 1b\n hlt");

static void *setter(void *arg)
{
	struct kvm_run *run = arg;

	usleep(20000);
	run->immediate_exit = 1;
	return NULL;
}

static void immediate_exit_is_not_a_kick(void)
{
	struct kvm_regs r;
	pthread_t t;
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, run_spinout);
	r = regs_get(&b.cpu);
	r.rcx = 0xffff;
	regs_set(&b.cpu, r);
	pthread_create(&t, NULL, setter, b.cpu.run);
	pthread_join(t, NULL);
	EQ(run_once(&b.cpu), -EINTR);
	b.cpu.run->immediate_exit = 0;
	finish(&b.cpu);
}

static void sync_regs_out(void)
{
	struct kvm_run *run;
	struct box b;
	int valid = kvm_cap(KVM_CAP_SYNC_REGS);

	CHECK(valid & KVM_SYNC_X86_REGS);
	BOX(&b, IRQCHIP_NONE, REAL16, run_hlt);
	run = b.cpu.run;
	run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
	finish(&b.cpu);
	EQ(run->s.regs.regs.rax, 7);
	EQ(run->s.regs.regs.rip, CODE + 4);
	EQ(run->s.regs.sregs.cr0 & 1, 0);
}

static void sync_regs_in(void)
{
	struct kvm_run *run;
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, run_hlt);
	run = b.cpu.run;
	run->s.regs.regs = regs_get(&b.cpu);
	run->s.regs.regs.rip = CODE + 4;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	finish(&b.cpu);
	EQ(run->kvm_dirty_regs, 0);
	EQ(run->s.regs.regs.rax, 8);
}

static void sync_regs_refused(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, run_hlt);
	b.cpu.run->kvm_valid_regs = 1ull << 40;
	EQ(run_once(&b.cpu), -EINVAL);
	b.cpu.run->kvm_valid_regs = 0;
	b.cpu.run->kvm_dirty_regs = 1ull << 40;
	EQ(run_once(&b.cpu), -EINVAL);
	b.cpu.run->kvm_dirty_regs = 0;
	finish(&b.cpu);
}

static void run_argument(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, run_hlt);
	REFUSED(ioctl(b.cpu.fd, KVM_RUN, 1), EINVAL);
	finish(&b.cpu);
}

GUEST(run_apic, 32, "hlt");

static void apic_base_shown(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, FLAT32, run_apic);
	finish(&b.cpu);
	EQ(b.cpu.run->apic_base, sregs_get(&b.cpu).apic_base);
	EQ(b.cpu.run->cr8, 0);
}

/* The registers that instructions change are there after any exit. */
GUEST(run_all, 64, "mov %rax, %r15\n lea 5(%rbx), %r14\n xor %ecx, %ecx\n stc\n"
		   "sbb %r13, %r13\n out %al, $0x10\n hlt");

static void registers_after_exit(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, run_all);
	r = regs_get(&b.cpu);
	r.rax = 0x1122334455667788;
	r.rbx = 0x8000000000000000;
	r.rcx = 9;
	regs_set(&b.cpu, r);
	expect_out(&b.cpu, 0x10, 1, 0x88);
	r = regs_get(&b.cpu);
	EQ(r.r15, 0x1122334455667788);
	EQ(r.r14, 0x8000000000000005);
	EQ(r.r13, ~0ull);
	EQ(r.rcx, 0);
	EQ(r.rflags & 0x8d5, 0x95); /* SBB: CF, PF, AF, SF */
}

static const struct api_test rows[] = {
	{ "run/hlt", hlt_exit, "without a LAPIC in the kernel HLT is an exit" },
	{ "run/shutdown", shutdown_exit, "a triple fault" },
	{ "run/immediate-exit", immediate_exit, "EINTR, nothing has run" },
	{ "run/immediate-exit-completes", immediate_exit_completes, "pending I/O is completed" },
	{ "run/immediate-exit-before", immediate_exit_is_not_a_kick, "set before, holds" },
	{ "run/signal", signal_exit, "a signal ends it: EINTR, exit reason INTR" },
	{ "run/signal-thread", signal_from_thread, "pthread_kill does" },
	{ "run/signal-loops", signal_loops, "out of every kind of loop" },
	{ "run/signal-pending", signal_pending, "the mask opens what was blocked" },
	{ "run/signal-default", signal_default, "what would kill only ends the run" },
	{ "run/signal-masked", signal_masked, "the mask blocks what was open" },
	{ "run/sync-regs-out", sync_regs_out, "registers in the shared page after an exit" },
	{ "run/sync-regs-in", sync_regs_in, "and from it before a run" },
	{ "run/sync-regs-refused", sync_regs_refused, "unknown sets are EINVAL" },
	{ "run/argument", run_argument, "no argument" },
	{ "run/apic-base", apic_base_shown, "shown in the shared page" },
	{ "run/registers", registers_after_exit, "64-bit registers and flags are exact" },
};

SUITE(run_suite, rows);
