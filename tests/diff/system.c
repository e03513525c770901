// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * System instructions in generated code against the emulator's: short guests
 * of random system calls, returns, interrupts, faults and the instructions
 * that kernels put around them, in random modes, run at full speed (cold and
 * again warm) and one step at a time, which is the emulator's way. Both must
 * end at the same instruction with the same registers, segments, control
 * registers and memory; so must a third run, which asks for the first moment
 * in which an interrupt is taken.
 *
 * system [-s SEED] [-n CASES] [-v]: TAP; a failing case prints its seed.
 */
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "anykvm.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/*
 * Guest memory: identity-mapped pages, but for the second of each level's data, which have changed
 * places: what runs over a page's end is seen. Tables come first and are not compared.
 */
#define PML4 0x1000ul
#define PDPT 0x2000ul
#define PD 0x3000ul
#define PT 0x4000ul
#define TABLES_END 0x5000ul
#define GDT 0x5000ul
#define TSS 0x5800ul
#define IDT 0x6000ul
#define KSTACK 0x8000ul			/* one page below: RSP0 */
#define ISTACK 0x9000ul			/* IST1 */
#define KDATA 0x9000ul			/* two pages */
#define UDATA 0xb000ul			/* two pages: the stack is at the end of the second */
#define USTACK 0xcf00ul
#define HANDLERS 0x10000ul		/* code from here on */
#define KCODE 0x12000ul
#define UCODE 0x14000ul
#define HOLE 0x18000ul			/* not mapped */
#define RAM 0x20000ul

#define KERNEL_CS 0x10
#define KERNEL_SS 0x18
#define USER32_CS 0x23
#define USER_SS 0x2b
#define USER_CS 0x33
#define TSS_SEL 0x40

enum { SEQ_ENTRY, SEQ_SYSCALL, SEQ_USER, SEQ_KERNEL_END, SEQ_USER_END, NSEQ };
static const u64 seq_at[NSEQ] = { 0, KCODE + 0x400, UCODE + 0x800, KCODE + 0x800, UCODE + 0xc00 };

struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
	u64 kernel_gs;
	u32 exit, port;
	u8 ram[RAM];
};

static struct state start, now, fast;
static u64 msr_star, msr_lstar, msr_sfmask, msr_kernel_gs;
static bool has_tsc;
static u8 *ram, *code, *limit;
static u32 seed;
static int vcpu;
static struct kvm_run *run;

static u64 rnd(void)
{
	return ((u64)rand() << 42) ^ ((u64)rand() << 21) ^ rand();
}

static bool chance(u32 percent)
{
	return (u32)rand() % 100 < percent;
}

static long io(int fd, unsigned long request, void *arg)
{
	long r = anykvm_ioctl(fd, request, arg);

	if (r < 0) {
		printf("Bail out! ioctl %lx: %ld\n", request, r);
		exit(1);
	}
	return r;
}

static void hex(const char *s)
{
	unsigned int v;

	for (; *s; s += 2) {
		if (*s == ' ')
			s++;
		sscanf(s, "%2x", &v);
		*code++ = v;
	}
}

static void e32(u32 v)
{
	memcpy(code, &v, 4);
	code += 4;
}

/* ---- sequences ---- */

/* mov r64, imm64 */
static void load(u32 r, u64 v)
{
	*code++ = 0x48 | r >> 3;
	*code++ = 0xb8 | (r & 7);
	memcpy(code, &v, 8);
	code += 8;
}

static u32 any_reg(void)
{
	u32 r;

	do {
		r = rand() % 16;
	} while (r == 4 || r == 11);	/* rsp; r11 is what SYSRET makes flags of: no TF here */
	return r;
}

/* REX.W [prefix] 0F op modrm with register form (reg, rm). */
static void rr(const char *prefix, const char *op, u32 reg, u32 rm, bool w)
{
	hex(prefix);
	*code++ = 0x40 | (w ? 8 : 0) | (reg >> 3) << 2 | rm >> 3;
	hex(op);
	*code++ = 0xc0 | (reg & 7) << 3 | (rm & 7);
}

static u64 flags_image(void)
{
	u64 f = rnd() & 0x240ed5;	/* arithmetic, IF, DF, AC?, ID */

	if (chance(10))
		f |= rnd() & 0x3000;
	if (chance(10))
		f |= 0x40000;
	return f | 2 | (chance(50) ? 0x3000 : 0);
}

static u64 odd_address(void)
{
	static const u64 at[] = { HOLE, 0x800000000000ull, 0x7ffffffff000ull, 0xffff800000000000ull,
				  0xdeadull << 48, UCODE + 0xc00, KCODE + 0x800 };

	return at[rand() % 7];
}

static u16 odd_selector(void)
{
	static const u16 sel[] = { 0, 3, KERNEL_CS, KERNEL_SS, USER32_CS, USER_SS, USER_CS, 0x13, 0x38,
				   TSS_SEL, 0x58, 0x100 };

	return sel[rand() % 12];
}

static void push(u64 v)
{
	load(0, v);
	hex("50");
}

static void iret(bool user, u32 target)
{
	bool odd = chance(15);

	push(odd && chance(30) ? odd_selector() : user ? USER_SS : chance(80) ? KERNEL_SS : 0);
	push(user ? USTACK - 64 : KSTACK - 512);
	push(flags_image());
	push(odd && chance(30) ? odd_selector() : user ? USER_CS : KERNEL_CS);
	push(odd && chance(30) ? odd_address() : seq_at[target]);
	if (odd && chance(20))
		load(4, odd_address());
	hex("48cf");
}

static void sysret(u32 target)
{
	if (target != NSEQ)
		load(1, chance(10) ? odd_address() : seq_at[target]);
	if (target != NSEQ)
		load(11, flags_image());
	hex(chance(95) ? "480f07" : "0f07");
}

/* Instructions that go on with the next; most are for both levels, and fault at the outer. */
static void plain(bool user)
{
	static const char *const simple[] = {
		"fc", "fd", "9c58", "0f01f8", "fa", "fb", "fb90", "90", "f8", "f9", "31c0", "fb0f01f8",
		"0f01cb", "0f01ca", "fafb9c59", "0f06", "0f0131", "0fa2", "0f01d0" };
	static const char *const seg[] = { "8cc0", "8cc8", "8cd0", "8cd8", "8ce1", "8ceb", "668cd2",
					   "418cdf", "668cde" };
	static const char *const base[] = { "0fae" };
	static const char *const bits[] = { "0fa3", "0fab", "0fb3", "0fbb", "f00fab", "f00fbb" };
	u64 data = user ? UDATA : KDATA;
	u32 r = any_reg();

	switch (rand() % 12) {
	case 0:
	case 1:
		hex(simple[rand() % (user ? 2 : sizeof(simple) / sizeof(*simple))]);
		break;
	case 2:
		hex(seg[rand() % 9]);
		break;
	case 3:			/* mov [data], sreg */
		hex("8c");
		*code++ = (rand() % 6) << 3 | 4;
		*code++ = 0x25;
		e32(data + rand() % 0x1ff0);
		break;
	case 4:			/* rdfsbase ... wrgsbase */
		if (chance(50))
			load(r, chance(80) ? rnd() >> 20 : rnd());
		rr("f3", base[0], rand() % 4, r, chance(80));
		break;
	case 5:			/* mov r, crN */
		if (user && chance(90))
			break;
		rr("", "0f20", (u32[]){ 0, 2, 3, 4, 8, 1 }[rand() % (chance(90) ? 5 : 6)], r, false);
		break;
	case 6:			/* bit strings */
		load(3, data + 0x800);
		load(r == 3 ? 2 : r, rnd() % 0x8000 - 0x4000);
		r = r == 3 ? 2 : r;
		{
			const char *op = bits[rand() % 6];

			if (op[0] == 'f')
				*code++ = 0xf0;
			*code++ = 0x40 | (chance(50) ? 8 : 0) | (r >> 3) << 2;
			hex(op[0] == 'f' ? op + 2 : op);
			*code++ = (r & 7) << 3 | 3;
			hex("0f94c0 19d2");	/* sete al; sbb edx, edx: the others are undefined */
		}
		break;
	case 7:			/* rdtsc, rdtscp: only rcx is the same twice */
		hex(chance(50) ? "0f31" : "0f01f9");
		has_tsc = true;
		hex("31c031d2");
		break;
	case 8:			/* rep stos, movs */
		load(7, data + rnd() % 0x1000);
		load(6, data + rnd() % 0x1000);
		load(1, rnd() % 300);
		if (chance(10))
			load(7, chance(50) ? HOLE - 64 : KDATA);
		if (chance(75))
			hex("8a06 8807");	/* mov al, [rsi]; mov [rdi], al: the TLB knows them then */
		hex(chance(75) ? "f3" : "");
		hex(chance(50) ? "48" : "");
		hex((const char *[]){ "a4", "a5", "aa", "ab" }[rand() % 4]);
		break;
	case 9:
		push(flags_image());
		hex("9d");	/* popf */
		break;
	case 10:		/* msrs of bases */
		if (user)
			break;
		load(1, 0xc0000100 + rand() % 3);
		load(0, rnd() & 0xffffffff);
		load(2, chance(80) ? rnd() & 0x7fff : rnd() & 0xffffffff);
		hex(chance(50) ? "0f30" : "0f32");
		break;
	case 11:
		if (user)
			break;
		hex(chance(50) ? "0f20d80f22d8" : "0f013c25");	/* mov rax, cr3; mov cr3, rax; invlpg */
		if (code[-1] == 0x25)
			e32(UDATA + (rand() & 0x1fff));
		break;
	}
}

static void fault(bool user)
{
	static const char *const bad[] = { "0f0b", "cc", "31c9f7f1", "f4", "488b042500800100", "480fc7f0" };

	(void)user;
	if (chance(30)) {
		hex("488904 25");	/* mov [hole], rax */
		e32(chance(50) ? HOLE : KDATA);
	} else {
		hex(bad[rand() % 5]);
	}
}

static void transfer(u32 seq, bool user)
{
	switch (rand() % 4) {
	case 0:
		*code++ = 0xcd;
		*code++ = 0x40 + rand() % 16;
		return;
	case 1:
		if (chance(20))
			fault(user);
		return;
	}
	if (user) {
		if (seq != SEQ_USER_END)
			hex("0f05");
		return;
	}
	if (seq == SEQ_KERNEL_END)
		return;
	if (chance(50))
		iret(chance(60), seq == SEQ_SYSCALL ? SEQ_USER_END : SEQ_USER);
	else
		sysret(seq == SEQ_SYSCALL ? (chance(60) ? NSEQ : SEQ_USER_END) : SEQ_USER);
}

static void sequence(u32 seq, u64 at, bool user)
{
	u32 n = 1 + rand() % 5;

	code = ram + at;
	limit = code + 0x3c0;
	while (n-- && code < limit - 160) {
		plain(user);
		if (chance(40))
			transfer(seq, user);
	}
	hex("e6");			/* out: the run ends */
	*code++ = 0x80 + seq;
}

/* iret of a kernel sequence to the kernel goes to another that has no way on. */
static void handlers(void)
{
	for (u32 v = 0; v < 256; v++) {
		code = ram + HANDLERS + v * 16;
		if (v >= 0x40 && v < 0x50 && chance(70)) {
			if (chance(30))
				hex("fc");
			if (chance(30))
				hex("0f20d0");		/* mov rax, cr2 */
			hex("48cf");
		} else {
			hex("e6");
			*code++ = v & 0x7f;
		}
	}
}

/* ---- a machine ---- */

static void put64(u64 at, u64 v)
{
	memcpy(ram + at, &v, 8);
}

static void make_tables(void)
{
	static const u64 gdt[] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff,
				   0x00cff3000000ffff, 0x00affb000000ffff, 0x00af9a000000ffff };

	memcpy(ram + GDT, gdt, sizeof(gdt));
	put64(GDT + TSS_SEL, 0x0000890000000067 | (TSS & 0xffffff) << 16);
	put64(GDT + TSS_SEL + 8, 0);
	put64(GDT + 0x50, 0x00cf13000000ffff);	/* not present */
	put64(GDT + 0x58, 0x00af1b000000ffff);
	put64(TSS + 4, KSTACK);
	put64(TSS + 0x24, ISTACK);
	for (u32 v = 0; v < 256; v++) {
		u64 at = HANDLERS + v * 16, type = chance(70) ? 0x8e : 0x8f;

		if (v >= 0x40 && v < 0x50 && chance(85))
			type |= 0x60;
		if (v >= 0x40 && chance(2))
			type &= 0x7f;
		put64(IDT + v * 16, (at & 0xffff) | (u64)KERNEL_CS << 16 | (u64)chance(15) << 32 |
					    type << 40 | (at >> 16) << 48);
		put64(IDT + v * 16 + 8, 0);
	}
}

static u64 physical(u64 lin)
{
	switch (lin & ~0xfffull) {
	case KDATA + 0x1000:
		return lin - KDATA + UDATA;
	case UDATA + 0x1000:
		return lin - UDATA + KDATA;
	}
	return lin;
}

static void make_paging(void)
{
	u64 *t = (u64 *)(ram + PT);

	put64(PML4, PDPT | 7);
	put64(PDPT, PD | 7);
	put64(PD, PT | 7);
	memset(t, 0, 4096);
	for (u64 a = 4096; a < RAM; a += 4096) {
		bool user = (a >= UDATA && a < 0xd000) || (a >= UCODE && a < HOLE);

		if (a != HOLE)
			t[a >> 12] = physical(a) | 3 | user << 2;
	}
}

static struct kvm_segment segment(u16 sel)
{
	u64 d = *(u64 *)(ram + GDT + (sel & ~7));

	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = sel, .type = d >> 40 & 15, .present = 1, .s = 1,
		.dpl = d >> 45 & 3, .l = d >> 53 & 1, .db = d >> 54 & 1, .g = 1 };
}

static void make_start(bool user)
{
	struct kvm_sregs *s = &start.sregs;
	u64 *r = (u64 *)&start.regs;

	for (u32 n = 0; n < 16; n++)
		r[n] = rnd();
	start.regs.rsp = user ? USTACK : KSTACK - 128;
	start.regs.rip = user ? UCODE + 0x100 : KCODE + 0x100;
	start.regs.rflags = flags_image() & (chance(90) ? ~0x40000ull : ~0ull);
	io(vcpu, KVM_GET_SREGS, s);
	s->cs = segment(user ? USER_CS : KERNEL_CS);
	s->ss = segment(user ? USER_SS : KERNEL_SS);
	s->ds = s->es = s->fs = s->gs = segment(USER_SS);
	s->fs.base = rnd() >> 20;
	s->gs.base = rnd() >> 20;
	s->tr = (struct kvm_segment){ .base = TSS, .limit = 0x67, .selector = TSS_SEL, .type = 11,
				      .present = 1 };
	s->gdt = (struct kvm_dtable){ .base = GDT, .limit = 0x5f };
	s->idt = (struct kvm_dtable){ .base = IDT, .limit = chance(97) ? 0xfff : 0x3ff };
	s->cr0 = 0x80050033;
	s->cr2 = 0;
	s->cr3 = PML4;
	s->cr4 = 0x40620 | (chance(85) ? 0x10000 : 0) | (chance(10) ? 4 : 0) | (chance(30) ? 0x300000 : 0);
	s->efer = 0x500 | (chance(95) ? 1 : 0);
	msr_star = (u64)USER32_CS << 48 | (u64)KERNEL_CS << 32;
	msr_lstar = chance(95) ? seq_at[SEQ_SYSCALL] : odd_address();
	if ((msr_lstar >> 47) && (msr_lstar >> 47) != 0x1ffff)
		msr_lstar = HOLE;
	msr_sfmask = chance(70) ? 0x257fd5 : rnd() & 0x257ed5;
	msr_kernel_gs = rnd() >> 20;
}

/* ---- running it ---- */

static void set_msrs(void)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[4];
	} m = { .head.nmsrs = 4, .e = { { .index = 0xc0000081, .data = msr_star },
					{ .index = 0xc0000082, .data = msr_lstar },
					{ .index = 0xc0000084, .data = msr_sfmask },
					{ .index = 0xc0000102, .data = msr_kernel_gs } } };

	io(vcpu, KVM_SET_MSRS, &m);
}

static u64 get_kernel_gs(void)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[1];
	} m = { .head.nmsrs = 1, .e = { { .index = 0xc0000102 } } };

	io(vcpu, KVM_GET_MSRS, &m);
	return m.e[0].data;
}

/* Code is not written again unless the guest has: its translations stay. */
static void put_start(void)
{
	struct kvm_vcpu_events none = { .flags = KVM_VCPUEVENT_VALID_SHADOW |
						 KVM_VCPUEVENT_VALID_NMI_PENDING };

	io(vcpu, KVM_SET_VCPU_EVENTS, &none);
	io(vcpu, KVM_SET_SREGS, &start.sregs);
	io(vcpu, KVM_SET_REGS, &start.regs);
	set_msrs();
	memcpy(ram + TABLES_END, start.ram + TABLES_END, HANDLERS - TABLES_END);
	if (memcmp(ram + HANDLERS, start.ram + HANDLERS, RAM - HANDLERS))
		memcpy(ram + HANDLERS, start.ram + HANDLERS, RAM - HANDLERS);
}

/*
 * Arithmetic flags that nobody reads may be anything in the frame of a fault or an interrupt
 * (docs/translator.md).
 */
static void forget_dead_flags(struct state *s)
{
	static const u32 with_error = 0x27d00;
	u64 at = s->regs.rsp + 16, f;

	if (s->exit == KVM_EXIT_SHUTDOWN || s->exit == KVM_EXIT_IRQ_WINDOW_OPEN)
		s->regs.rflags &= ~0x8d5ull;
	if (s->exit != KVM_EXIT_IO || s->port >= 0x20)
		return;
	at += with_error >> s->port & 1 ? 8 : 0;
	s->regs.rflags &= ~0x8d5ull;
	if (at < TABLES_END || at > RAM - 8)
		return;
	at = physical(at);
	memcpy(&f, s->ram + at, 8);
	f &= ~0x8d5ull;
	memcpy(s->ram + at, &f, 8);
}

static void get_end(struct state *s)
{
	io(vcpu, KVM_GET_REGS, &s->regs);
	io(vcpu, KVM_GET_SREGS, &s->sregs);
	io(vcpu, KVM_GET_VCPU_EVENTS, &s->events);
	s->kernel_gs = get_kernel_gs();
	s->exit = run->exit_reason;
	s->port = run->exit_reason == KVM_EXIT_IO ? run->io.port : 0;
	memcpy(s->ram, ram, RAM);
	forget_dead_flags(s);
}

/* @window: until an interrupt would be taken, if that comes first. */
static void run_it(bool step, bool window, struct state *s)
{
	struct kvm_guest_debug d = { .control = step ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP : 0 };
	u32 n = 0;

	put_start();
	io(vcpu, KVM_SET_GUEST_DEBUG, &d);
	run->request_interrupt_window = window;
	do {
		io(vcpu, KVM_RUN, NULL);
	} while (run->exit_reason == KVM_EXIT_DEBUG && n++ < 2000);
	run->request_interrupt_window = 0;
	get_end(s);
	/* What has gone out is over at the next KVM_RUN only. */
	run->immediate_exit = 1;
	anykvm_ioctl(vcpu, KVM_RUN, NULL);
	run->immediate_exit = 0;
}

static bool differ(const char *name, u64 a, u64 b, const char *run_name)
{
	if (a == b)
		return false;
	printf("# seed %u: %s run: %s is %llx, one step at a time %llx\n", seed, run_name, name,
	       (unsigned long long)a, (unsigned long long)b);
	return true;
}

static bool compare(const struct state *a, const struct state *b, const char *name)
{
	static const char *const reg[] = { "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp",
					   "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
					   "rip", "rflags" };
	const u64 *x = (const u64 *)&a->regs, *y = (const u64 *)&b->regs;
	bool bad = differ("exit", a->exit, b->exit, name) || differ("port", a->port, b->port, name);
	u64 i;

	for (i = 0; i < 18; i++)
		if (!has_tsc || a->exit != KVM_EXIT_IRQ_WINDOW_OPEN || (i != 0 && i != 3))
			bad |= differ(reg[i], x[i], y[i], name);
	bad |= differ("kernel gs", a->kernel_gs, b->kernel_gs, name);
	bad |= differ("cr2", a->sregs.cr2, b->sregs.cr2, name);
	if (a->exit != KVM_EXIT_SHUTDOWN)
		bad |= differ("shadow", a->events.interrupt.shadow, b->events.interrupt.shadow, name);
	if (!bad && memcmp(&a->sregs, &b->sregs, sizeof(a->sregs))) {
		for (i = 0; ((u8 *)&a->sregs)[i] == ((u8 *)&b->sregs)[i]; i++)
			;
		bad |= differ("sregs from byte", i, ~0ull, name);
	}
	for (i = TABLES_END; i < RAM && !bad; i++)
		if (a->ram[i] != b->ram[i]) {
			printf("# at %llx:\n", (unsigned long long)i);
			bad |= differ("memory", a->ram[i], b->ram[i], name);
		}
	return bad;
}

static bool one(bool verbose)
{
	bool user = (srand(seed), chance(50)), bad;

	has_tsc = false;
	memset(ram, 0, RAM);
	for (u64 a = KDATA; a < HANDLERS; a += 8)
		put64(a, rnd());
	make_tables();
	make_paging();
	handlers();
	sequence(SEQ_ENTRY, user ? UCODE + 0x100 : KCODE + 0x100, user);
	for (u32 n = SEQ_SYSCALL; n < NSEQ; n++)
		sequence(n, seq_at[n], n == SEQ_USER || n == SEQ_USER_END);
	make_start(user);
	memcpy(start.ram, ram, RAM);

	run_it(false, false, &fast);
	run_it(true, false, &now);
	bad = compare(&fast, &now, "cold");
	run_it(false, false, &fast);
	bad |= compare(&fast, &now, "warm");
	run_it(false, true, &fast);
	run_it(true, true, &now);
	bad |= compare(&fast, &now, "window");
	if (verbose || bad)
		printf("# seed %u: %s, exit %u port %x rip %llx\n", seed, user ? "user" : "kernel", now.exit,
		       now.port, (unsigned long long)now.regs.rip);
	return bad;
}

/*
 * The host program's memory goes away under a REP that generated code runs by itself: KVM_RUN says
 * so, the guest's registers are those before it, and it goes on when the memory is back.
 */
static bool memory_gone(const char *op, bool source)
{
	u64 gone = source ? KDATA : physical(KDATA + 0x1000);
	struct kvm_regs before, r;
	bool ok = true;

	seed = 1;
	memset(ram, 0, RAM);
	make_tables();
	make_paging();
	handlers();
	code = ram + KCODE + 0x100;
	hex("fc");
	load(6, KDATA + 0x10);
	load(7, KDATA + 0x1020);
	load(1, 0x20);
	hex(op);
	hex("e680");
	make_start(false);
	memset(ram + KDATA, 0x5a, 0x1000);
	memcpy(start.ram, ram, RAM);
	run_it(false, false, &fast);		/* the TLB knows both pages then */
	before = start.regs;
	before.rsi = KDATA + 0x10;
	before.rdi = KDATA + 0x1020;
	before.rcx = 0x20;
	io(vcpu, KVM_SET_REGS, &start.regs);	/* and no more: the TLB stays */
	mprotect(ram + gone, 0x1000, PROT_NONE);
	ok &= anykvm_ioctl(vcpu, KVM_RUN, NULL) < 0;
	mprotect(ram + gone, 0x1000, PROT_READ | PROT_WRITE);
	io(vcpu, KVM_GET_REGS, &r);
	before.rip = KCODE + 0x100 + 31;
	before.rflags = r.rflags;
	ok &= !memcmp(&before, &r, sizeof(r));
	if (!ok)
		printf("# %s: rip %llx rsi %llx rdi %llx rcx %llx\n", op, r.rip, r.rsi, r.rdi, r.rcx);
	io(vcpu, KVM_RUN, NULL);
	get_end(&now);
	run->immediate_exit = 1;
	anykvm_ioctl(vcpu, KVM_RUN, NULL);
	run->immediate_exit = 0;
	return !compare(&now, &fast, "resumed") && ok;
}

static bool memory_gone_all(void)
{
	bool ok = memory_gone("f3a4", false);

	ok &= memory_gone("f3a4", true);
	ok &= memory_gone("f348a5", true);
	ok &= memory_gone("f3aa", false);
	return memory_gone("f348ab", false) && ok;
}

/* A store that goes out to the host program under TF: its trap comes when KVM_RUN goes on. */
static bool trap_behind_store(void)
{
	u64 next, pushed;
	bool ok;

	memset(ram, 0, RAM);
	make_tables();
	make_paging();
	put64(PT + (HOLE >> 12) * 8, 0x10000000 | 3);
	handlers();
	code = ram + KCODE + 0x100;
	load(0, 0x102);
	hex("50 9d 88042500800100 e680");	/* push; popf; mov [hole], al; out */
	next = code - ram - 2;
	make_start(false);
	memcpy(start.ram, ram, RAM);
	run_it(false, false, &now);
	ok = now.exit == KVM_EXIT_MMIO && now.regs.rip == next;
	/* run_it's last KVM_RUN took the answer and came back at once. */
	io(vcpu, KVM_RUN, NULL);
	get_end(&now);
	memcpy(&pushed, ram + now.regs.rsp, 8);
	ok &= now.exit == KVM_EXIT_IO && now.port == 1 && pushed == next;
	if (!ok)
		printf("# exit %u port %x rip %llx, stacked %llx, wanted %llx\n", now.exit, now.port,
		       now.regs.rip, (unsigned long long)pushed, (unsigned long long)next);
	run->immediate_exit = 1;
	anykvm_ioctl(vcpu, KVM_RUN, NULL);
	run->immediate_exit = 0;
	return ok;
}

static void guest_create(void)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 100 * sizeof(c->entries[0]));
	struct kvm_userspace_memory_region m = { .memory_size = RAM };
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0].value = 7 };
	int sys = anykvm_open(), vm = io(sys, KVM_CREATE_VM, NULL);
	long size = io(sys, KVM_GET_VCPU_MMAP_SIZE, NULL);

	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	m.userspace_addr = (u64)ram;
	io(vm, KVM_SET_USER_MEMORY_REGION, &m);
	vcpu = io(vm, KVM_CREATE_VCPU, NULL);
	run = anykvm_mmap(size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	c->nent = 100;
	io(sys, KVM_GET_SUPPORTED_CPUID, c);
	io(vcpu, KVM_SET_CPUID2, c);
	make_start(false);
	io(vcpu, KVM_SET_SREGS, &start.sregs);
	io(vcpu, KVM_SET_XCRS, &x);
	free(c);
}

int main(int argc, char **argv)
{
	u32 cases = 4000, bad = 0;
	bool verbose = false;
	int c;

	seed = time(NULL);
	while ((c = getopt(argc, argv, "s:n:v")) != -1) {
		if (c == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (c == 'n')
			cases = strtoul(optarg, NULL, 0);
		else
			verbose = true;
	}
	guest_create();
	printf("1..3\n# seed %u, %u cases\n", seed, cases);
	for (u32 n = 0; n < cases && bad < 5; n++, seed++)
		bad += one(verbose);
	printf("%sok 1 - system instructions at full speed as one step at a time\n", bad ? "not " : "");
	c = memory_gone_all();
	printf("%sok 2 - memory that goes away inside a REP\n", c ? "" : "not ");
	bad += !c;
	c = trap_behind_store();
	printf("%sok 3 - the trap behind a store that goes out to the host program\n", c ? "" : "not ");
	return bad || !c;
}
