// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The processor's side: a child process with the areas and nothing of the
 * engine. Programs begin by a return from a signal and end in a fault, so all
 * registers come and go in signal frames.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "program.h"

#define MAX_BATCH 32u
#define USER_CS 0x33ull
#define USER32_CS 0x23ull
#define USER_DS 0x2b
#define X86_TF_BIT 0x100

struct shared {
	struct program p[MAX_BATCH];
	struct outcome o[MAX_BATCH];
	u8 image[ALL_BYTES];
};

static struct shared *shared;
static int ask[2], answer[2];

/* ---- in the child ---- */

static const struct program *prog;
static struct outcome *out;
static enum right right[ALL_PAGES];
static sigjmp_buf home;
static u64 home_fs;
static bool running;

static const int greg[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static u64 page_at(const struct program *p, u32 page)
{
	u32 a = AREAS - 1;

	while (page < area_first(a))
		a--;
	return p->at[a] + 4096 * (u64)(page - area_first(a));
}

static void set_right(u32 page, enum right r)
{
	int exec = page >= area_first(AREA_CODE) ? PROT_EXEC : 0;
	static const int prot[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };

	if (mprotect((void *)page_at(prog, page), 4096, r ? prot[r] | exec : PROT_NONE))
		_exit(98);
	right[page] = r;
}

/* Is it a fault that a program goes on after? */
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

static void note_state(const greg_t *g)
{
	u64 gpr[16];

	if (out->ntrace == MAX_TRACE)
		return;
	for (u32 r = 0; r < 16; r++)
		gpr[r] = g[greg[r]];
	out->trace[out->ntrace++] = (struct state){
		.rip = g[REG_RIP], .rflags = g[REG_EFL], .sum = program_sum(gpr, sizeof(gpr)),
		.watched = *(u64 *)prog->watch,
	};
}

static void begin(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	u8 *x = (u8 *)uc->uc_mcontext.fpregs;
	u64 bv = 7;

	for (u32 r = 0; r < 16; r++)
		g[greg[r]] = prog->gpr[r];
	g[REG_RIP] = prog->entry;
	g[REG_EFL] = prog->rflags | (prog->trace ? X86_TF_BIT : 0);
	g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffll) |
			(prog->mode == X86_MODE_64 ? USER_CS : USER32_CS);
	memcpy(x, prog->xsave, 416);
	memcpy(x + 576, prog->xsave + 576, 256);
	memcpy(x + 512, &bv, 8);
	running = true;
	if (prog->trace)
		note_state(g);
	__asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(prog->fs), "r"(prog->gs));
}

static void on_signal(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *g = uc->uc_mcontext.gregs;
	struct event *e;

	__asm__ volatile("wrfsbase %0" : : "r"(home_fs));
	if (sig == SIGUSR1) {
		begin(uc);
		return;
	}
	if (!running)
		_exit(99);
	if (sig == SIGTRAP && prog->trace && g[REG_TRAPNO] == 1) {
		note_state(g);
		__asm__ volatile("wrfsbase %0" : : "r"(prog->fs));
		return;
	}
	if (out->nevents == MAX_EVENTS)
		siglongjmp(home, 2);
	e = &out->event[out->nevents++];
	*e = (struct event){ .vector = g[REG_TRAPNO], .error = g[REG_ERR], .rip = g[REG_RIP] };
	if (e->vector == 14) {
		e->addr = g[REG_CR2];
		if (e->addr >> 63)	/* the kernel may have something there, the VM has nothing */
			e->error &= ~1u;
	} else if (e->vector != 13 && e->vector != 12) {
		e->error = 0;
	}
	for (u32 r = 0; r < 16; r++)
		e->gpr[r] = g[greg[r]];
	if (mend(e)) {
		__asm__ volatile("wrfsbase %0" : : "r"(prog->fs));
		return;
	}
	out->rflags = g[REG_EFL] & ~(u64)X86_TF_BIT;
	memcpy(out->xsave, uc->uc_mcontext.fpregs, XSAVE_LEN);
	siglongjmp(home, 1);
}

static void to_image(u8 *image)
{
	for (u32 n = 0; n < ALL_PAGES; n++)
		memcpy(image + 4096 * n, (void *)page_at(prog, n), 4096);
}

static void run_one(const struct program *p, struct outcome *o, u8 *image)
{
	static u8 mine[ALL_BYTES];

	prog = p;
	out = o;
	o->nevents = o->ntrace = 0;
	program_fill(p, mine);
	for (u32 a = 0; a < AREAS; a++)
		if (mmap((void *)p->at[a], 4096 * area_pages(a), PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
			_exit(97);
	for (u32 n = 0; n < ALL_PAGES; n++) {
		memcpy((void *)page_at(p, n), mine + 4096 * n, 4096);
		right[n] = RIGHT_WRITE;
	}
	for (u32 n = 0; n < ALL_PAGES; n++)
		if (p->right[n] != RIGHT_WRITE || n >= area_first(AREA_CODE))
			set_right(n, p->right[n]);
	for (u32 round = 0; round < p->rounds; round++) {
		if (!sigsetjmp(home, 1))
			raise(SIGUSR1);
		running = false;
		for (u32 n = 0; n < ALL_PAGES; n++)
			if (p->reset[n] != RIGHT_WRITE)
				set_right(n, p->reset[n]);
	}
	for (u32 n = 0; n < ALL_PAGES; n++) {
		if (right[n] == RIGHT_NONE)
			set_right(n, RIGHT_READ);
		o->page[n] = program_sum((void *)page_at(p, n), 4096);
	}
	if (image)
		to_image(image);
	for (u32 a = 0; a < AREAS; a++)
		munmap((void *)p->at[a], 4096 * area_pages(a));
}

static void child(void)
{
	static u8 stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGUSR1 };
	u8 n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaltstack(&ss, NULL);
	for (u32 i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	/* 64-bit Linux leaves these null; compatibility mode uses them. */
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(USER_DS));
	__asm__ volatile("rdfsbase %0" : "=r"(home_fs));
	while (alarm(0), read(ask[0], &n, 1) == 1) {
		alarm(20);	/* a program without an end dies, and the parent says so */
		for (u32 i = 0; i < n; i++)
			run_one(&shared->p[i], &shared->o[i], i + 1 == n ? shared->image : NULL);
		if (write(answer[1], &n, 1) != 1)
			break;
	}
	_exit(0);
}

/* ---- in the parent ---- */

void native_start(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED || pipe(ask) || pipe(answer)) {
		perror("native");
		exit(2);
	}
	if (!fork())
		child();
	close(ask[0]);
	close(answer[1]);
}

void native_run(const struct program *p, u32 n, struct outcome *o, u8 *image)
{
	u8 count = n;

	memcpy(shared->p, p, n * sizeof(*p));
	if (write(ask[1], &count, 1) != 1 || read(answer[0], &count, 1) != 1) {
		int status = 0;

		wait(&status);
		fprintf(stderr, "native: the child has gone (%x), one of seeds %u to %u\n", status,
			p[0].seed, p[n - 1].seed);
		exit(2);
	}
	memcpy(o, shared->o, n * sizeof(*o));
	if (image)
		memcpy(image, shared->image, ALL_BYTES);
}
