// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The engine's side: a VM whose user code is the program. Every vector leads
 * to HLT at CPL 0, which comes out here; the handler's IRETQ goes on where the
 * program can. Page table entries change as the rights do, with the flush that
 * the processor needs and no more: none where a right grows, INVLPG or MOV CR3
 * where it shrinks.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "anykvm.h"
#include "program.h"

#define RAM (2u << 20)
#define PML4 0x1000u
#define SYSTEM 0x40000u			/* guest-physical, of SYSTEM_AT */
#define IMAGE 0x100000u

/* In the system's pages. */
#define IDT 0x0u
#define GDT 0x300u
#define TSS 0x400u
#define DOOR 0x600u			/* into the program */
#define SAVED_RAX 0x700u
#define SAVED_RSI 0x708u
#define STUBS 0x800u
#define STUB_SIZE 16u
#define FLUSHES 0x1000u			/* addresses for INVLPG, 0 at the end */
#define STACK_TOP 0x3000u

#define PTE_P 1ull
#define PTE_W 2ull
#define PTE_U 4ull
#define PTE_NX (1ull << 63)

u8 *guest_image;

static u8 *ram, *sys;
static u32 tables = PML4 + 0x1000;	/* the next free one */
static int vcpu;
static struct kvm_sregs supervisor;	/* as at the door */
static struct kvm_run *run;
static timer_t timer;

static const struct program *prog;
static enum right right[ALL_PAGES];
static u32 nflush;

static int io(int fd, unsigned long r, void *a)
{
	int x = anykvm_ioctl(fd, r, a);

	if (x < 0) {
		perror("ioctl");
		exit(2);
	}
	return x;
}

/* ---- page tables ---- */

static u64 *pte(u64 lin)
{
	u64 *t = (u64 *)(ram + PML4), *e;

	for (u32 shift = 39; shift > 12; shift -= 9) {
		e = &t[(lin >> shift) & 511];
		if (!*e) {
			*e = tables | PTE_P | PTE_W | PTE_U;
			tables += 0x1000;
		}
		t = (u64 *)(ram + (*e & 0xffffffffff000));
	}
	return &t[(lin >> 12) & 511];
}

static u64 page_at(const struct program *p, u32 page)
{
	u32 a = AREAS - 1;

	while (page < area_first(a))
		a--;
	return p->at[a] + 4096 * (u64)(page - area_first(a));
}

static void set_right(u32 page, enum right r)
{
	u64 lin = page_at(prog, page), e = (IMAGE + 4096 * page) | PTE_P | PTE_U;

	if (page < area_first(AREA_CODE))
		e |= PTE_NX;
	if (r == RIGHT_WRITE)
		e |= PTE_W;
	*pte(lin) = r ? e : 0;
	if (r < right[page])
		((u64 *)(sys + FLUSHES))[nflush++] = lin;
	right[page] = r;
}

/* ---- the machine ---- */

static void make_system(void)
{
	static const u64 gdt[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0,
				   0x00cffb000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff };
	static const u8 door[] = {
		0x85, 0xc0,			/* test eax, eax */
		0x74, 0x06,			/* jz 1f */
		0x0f, 0x20, 0xd8,		/* mov rax, cr3 */
		0x0f, 0x22, 0xd8,		/* mov cr3, rax */
		0x48, 0x8b, 0x06,		/* 1: mov rax, [rsi] */
		0x48, 0x83, 0xc6, 0x08,		/* add rsi, 8 */
		0x48, 0x85, 0xc0,		/* test rax, rax */
		0x74, 0x05,			/* jz 2f */
		0x0f, 0x01, 0x38,		/* invlpg [rax] */
		0xeb, 0xef,			/* jmp 1b */
		0x48, 0x8b, 0x04, 0x25, 0x00, 0x07, 0x00, 0x11,	/* 2: mov rax, [saved] */
		0x48, 0x8b, 0x34, 0x25, 0x08, 0x07, 0x00, 0x11,	/* mov rsi, [saved] */
		0x48, 0xcf,			/* iretq */
	};
	/* HLT, then back: without the error code. */
	static const u8 stub[] = { 0xf4, 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf };
	const u32 with_error = 0x27d00;
	u64 at;

	memcpy(sys + GDT, gdt, sizeof(gdt));
	memcpy(sys + DOOR, door, sizeof(door));
	at = SYSTEM_AT + STACK_TOP;
	memcpy(sys + TSS + 4, &at, 8);
	for (u32 v = 0; v < 32; v++) {
		u64 dpl = v == 3 || v == 4 ? 3 : 0;	/* INT3 and INTO are a user's, as in Linux */
		u8 *s = sys + STUBS + STUB_SIZE * v;
		u64 gate[2];

		if (!(with_error & BIT(v))) {
			*s++ = 0x6a;		/* push 0 */
			*s++ = 0;
		}
		memcpy(s, stub, sizeof(stub));
		at = SYSTEM_AT + STUBS + STUB_SIZE * v;
		gate[0] = (at & 0xffff) | 8 << 16 | (0x8e00ull | dpl << 13) << 32 |
			  (at >> 16 & 0xffff) << 48;
		gate[1] = at >> 32;
		memcpy(sys + IDT + 16 * v, gate, 16);
	}
}

static void set_mode(int kvm)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 100 * sizeof(c->entries[0]));
	struct kvm_segment cs = { .limit = 0xffffffff, .selector = 8, .present = 1, .type = 11,
				  .s = 1, .l = 1, .g = 1 }, ds = cs;
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0].value = 7 };
	struct kvm_sregs s;

	c->nent = 100;
	io(kvm, KVM_GET_SUPPORTED_CPUID, c);
	io(vcpu, KVM_SET_CPUID2, c);
	free(c);
	io(vcpu, KVM_GET_SREGS, &s);
	ds.type = 3;
	ds.l = 0;
	ds.db = 1;
	ds.selector = 0x10;
	s.cs = cs;
	s.ss = ds;
	ds.selector = 0x2b;
	ds.dpl = 3;
	s.ds = s.es = ds;
	s.fs = s.gs = ds;
	s.tr = (struct kvm_segment){ .base = SYSTEM_AT + TSS, .limit = 0x67, .selector = 0x38,
				     .present = 1, .type = 11 };
	s.ldt = (struct kvm_segment){ .unusable = 1 };
	s.gdt = (struct kvm_dtable){ .base = SYSTEM_AT + GDT, .limit = 0x4f };
	s.idt = (struct kvm_dtable){ .base = SYSTEM_AT + IDT, .limit = 0x1ff };
	s.cr3 = PML4;
	s.cr4 = 0x50620;		/* OSXSAVE, FSGSBASE, OSXMMEXCPT, OSFXSR, PAE */
	s.cr0 = 0x80050033;
	s.efer = 0xd00;			/* NXE, LMA, LME */
	io(vcpu, KVM_SET_SREGS, &s);
	io(vcpu, KVM_SET_XCRS, &x);
	supervisor = s;
}

static void on_alarm(int sig)
{
	(void)sig;
}

void guest_start(void)
{
	struct kvm_userspace_memory_region m = { .memory_size = RAM };
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	int kvm, vm;

	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	m.userspace_addr = (u64)ram;
	sys = ram + SYSTEM;
	guest_image = ram + IMAGE;
	kvm = anykvm_open();
	if (kvm < 0 || ram == MAP_FAILED) {
		perror("guest");
		exit(2);
	}
	vm = io(kvm, KVM_CREATE_VM, 0);
	io(vm, KVM_SET_USER_MEMORY_REGION, &m);
	vcpu = io(vm, KVM_CREATE_VCPU, 0);
	run = anykvm_mmap(io(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED,
			  vcpu, 0);
	make_system();
	for (u32 n = 0; n < 4; n++)
		*pte(SYSTEM_AT + 4096 * n) = (SYSTEM + 4096 * n) | PTE_P | PTE_W;
	set_mode(kvm);
	anykvm_sigaction(SIGUSR2, &sa, NULL);
	ev._sigev_un._tid = syscall(SYS_gettid);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
}

/* ---- a round ---- */

static void to_regs(struct kvm_regs *r, const u64 *g)
{
	*r = (struct kvm_regs){ g[0], g[3], g[1], g[2], g[6], g[7], g[4], g[5],
				g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15], 0, 0 };
}

static void from_regs(u64 *g, const struct kvm_regs *r)
{
	const u64 in[16] = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
			     r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 };

	memcpy(g, in, sizeof(in));
}

static void enter(const struct program *p, bool cr3)
{
	bool w = p->mode == X86_MODE_64;
	u64 frame[5] = { p->entry, w ? 0x33 : 0x23, p->rflags, p->gpr[X86_RSP], 0x2b };
	struct kvm_regs r;
	struct kvm_xsave x;

	memset(&x, 0, sizeof(x));
	memcpy(&x, p->xsave, XSAVE_LEN);
	io(vcpu, KVM_SET_XSAVE, &x);
	to_regs(&r, p->gpr);
	memcpy(sys + SAVED_RAX, &r.rax, 8);
	memcpy(sys + SAVED_RSI, &r.rsi, 8);
	memcpy(sys + STACK_TOP - 256, frame, sizeof(frame));
	((u64 *)(sys + FLUSHES))[cr3 ? 0 : nflush] = 0;
	nflush = 0;
	r.rax = cr3;
	r.rsi = SYSTEM_AT + FLUSHES;
	r.rsp = SYSTEM_AT + STACK_TOP - 256;
	r.rip = SYSTEM_AT + DOOR;
	r.rflags = 2;
	io(vcpu, KVM_SET_REGS, &r);
}

static bool in_system(u64 rip)
{
	return rip - SYSTEM_AT < 0x4000;
}

static bool same_state(const struct kvm_regs *r, const struct state *s, bool flags)
{
	u64 g[16];

	from_regs(g, r);
	return s->rip == r->rip && s->sum == program_sum(g, sizeof(g)) &&
	       (!flags || !((s->rflags ^ r->rflags) & X86_ARITH));
}

static u64 watched(void)
{
	u32 page = program_page(prog, prog->watch);

	return *(u64 *)(guest_image + 4096 * page + (prog->watch & 4095));
}

/* The first state after @from in which the watched word is new, and not by a REP in work; or @to. */
static u32 next_change(const struct outcome *want, u32 from, u32 to)
{
	const struct state *s = want->trace;

	for (u32 n = from + 1; n < to; n++)
		if (s[n].watched != s[n - 1].watched && s[n].rip != s[n - 1].rip &&
		    (n + 1 == want->ntrace || s[n].rip != s[n + 1].rip))
			return n;
	return to;
}

static const char *check_watch(const struct outcome *want, u32 from, u32 to)
{
	static char text[128];
	u32 n = next_change(want, from, to);

	if (n >= to)
		return NULL;
	snprintf(text, sizeof(text), "nothing seen of the watched word's change at %llx, %u. of %u",
		 (unsigned long long)want->trace[n - 1].rip, n, want->ntrace);
	return text;
}

/* A look at the program between two instructions: the processor must have been there, and later. */
static const char *check_state(const struct outcome *want, enum how how, u32 *pos)
{
	static char text[160];
	struct kvm_regs r;
	u32 n = *pos + (how == HOW_WATCHED);
	u64 word = watched();

	io(vcpu, KVM_GET_REGS, &r);
	if (in_system(r.rip))
		return NULL;
	while (n < want->ntrace && (!same_state(&r, &want->trace[n], how == HOW_STEPPED) ||
				    want->trace[n].watched != word)) {
		n++;
		if (how == HOW_STEPPED && n > *pos + 1)
			break;
	}
	if (n < want->ntrace && (how != HOW_STEPPED || n <= *pos + 1)) {
		const char *bad = how == HOW_WATCHED ? check_watch(want, *pos, n) : NULL;

		*pos = n;
		return bad;
	}
	if (want->ntrace == MAX_TRACE)
		return NULL;
	snprintf(text, sizeof(text),
		 "%s at %llx (flags %llx): no state of the processor's after its %u. (%llx)",
		 how == HOW_STEPPED ? "stepped" : how == HOW_WATCHED ? "watched" : "kicked", r.rip, r.rflags, *pos,
		 (unsigned long long)want->trace[*pos].rip);
	return text;
}

/* The event that HLT has ended in. False: none of the program's. */
static void read_event(struct event *e, u64 *rflags)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	u64 frame[6];

	io(vcpu, KVM_GET_REGS, &r);
	memcpy(frame, sys + (r.rsp - SYSTEM_AT), sizeof(frame));
	*e = (struct event){ .vector = (r.rip - SYSTEM_AT - STUBS) / STUB_SIZE,
			     .error = frame[0], .rip = frame[1] };
	r.rsp = frame[4];
	from_regs(e->gpr, &r);
	*rflags = frame[3];
	if (e->vector == 14) {
		io(vcpu, KVM_GET_SREGS, &s);
		e->addr = s.cr2;
	}
}

static bool mend(const struct event *e)
{
	int page = e->vector == 14 ? program_page(prog, e->addr) : -1;
	enum right want;

	if (page < 0)
		return false;
	want = program_grant(prog, page, e->error & 2, right[page]);
	if (want == right[page])
		return false;
	set_right(page, want);
	return true;
}

/* 0: no more. */
static void arm(u32 ns)
{
	struct itimerspec t = { .it_value.tv_nsec = ns };

	timer_settime(timer, 0, &t, NULL);
}

static const char *round_of(enum how how, const struct outcome *want, struct outcome *o, u32 *pos)
{
	static char text[64];
	const char *bad = NULL;

	for (;;) {
		if (how == HOW_KICKED)
			arm(500 + random_below(40000));
		if (anykvm_ioctl(vcpu, KVM_RUN, 0)) {
			if (errno != EINTR) {
				perror("KVM_RUN");
				exit(2);
			}
			bad = want->ntrace ? check_state(want, how, pos) : NULL;
			if (bad)
				return bad;
			continue;
		}
		if (run->exit_reason == KVM_EXIT_DEBUG) {
			bad = check_state(want, how, pos);
			if (bad)
				return bad;
			continue;
		}
		if (run->exit_reason != KVM_EXIT_HLT) {
			snprintf(text, sizeof(text), "exit reason %u", run->exit_reason);
			return text;
		}
		if (o->nevents == MAX_EVENTS)
			return NULL;
		read_event(&o->event[o->nevents], &o->rflags);
		if (!mend(&o->event[o->nevents++]))
			return NULL;
	}
}

static void set_debug(const struct program *p, enum how how)
{
	struct kvm_guest_debug d = { 0 };

	if (how == HOW_STEPPED)
		d.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
	if (how == HOW_WATCHED) {
		d.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
		d.arch.debugreg[0] = p->watch;
		d.arch.debugreg[7] = 0x90003;	/* breakpoint 0: eight bytes, written */
	}
	io(vcpu, KVM_SET_GUEST_DEBUG, &d);
}

static void set_bases(const struct program *p)
{
	struct kvm_sregs s = supervisor;

	s.fs.base = p->fs;
	s.gs.base = p->gs;
	io(vcpu, KVM_SET_SREGS, &s);
}

const char *guest_run(const struct program *p, enum how how, const struct outcome *want,
		      struct outcome *o)
{
	const char *bad = NULL;
	struct kvm_xsave x;
	u32 pos = 0;

	o->nevents = o->ntrace = 0;
	for (u32 n = 0; prog && n < ALL_PAGES; n++)
		*pte(page_at(prog, n)) = 0;
	prog = p;
	nflush = 0;
	program_fill(p, guest_image);
	for (u32 n = 0; n < ALL_PAGES; n++)
		set_right(n, p->right[n]);
	set_bases(p);
	for (u32 round = 0; round < p->rounds && !bad; round++) {
		enter(p, !round || (p->seed + round) % 3 == 0);
		if (how >= HOW_STEPPED)
			set_debug(p, how);
		bad = round_of(how, want, o, &pos);
		if (!bad && how == HOW_WATCHED)
			bad = check_watch(want, pos, want->ntrace);
		arm(0);
		if (how >= HOW_STEPPED)
			set_debug(p, HOW_FREE);
		for (u32 n = 0; n < ALL_PAGES; n++)
			if (p->reset[n] != RIGHT_WRITE)
				set_right(n, p->reset[n]);
	}
	io(vcpu, KVM_GET_XSAVE, &x);
	memcpy(o->xsave, &x, XSAVE_LEN);
	for (u32 n = 0; n < ALL_PAGES; n++)
		o->page[n] = program_sum(guest_image + 4096 * n, 4096);
	return bad;
}
