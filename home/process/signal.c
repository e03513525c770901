/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals. Two kinds meet here:
 *
 * Synchronous ones (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP) are ours first:
 * a write to a watched page, a vanished page of guest RAM, a fault in
 * generated code. What is none of these goes to the host program's handler.
 *
 * All others are the host program's. Each of its handlers is installed behind
 * a wrapper that calls it and then, if the thread is inside KVM_RUN, makes
 * KVM_RUN end with EINTR, as the kernel's does.
 *
 * A signal that KVM_SET_SIGNAL_MASK lets in during KVM_RUN but that the thread
 * blocks otherwise ends KVM_RUN in the kernel and stays pending there. Here it
 * is caught, blocked and queued again for this thread, which comes to the same.
 *
 * The table of the host program's dispositions is read in signal handlers, so
 * it is guarded by sequence counts, and its writers hold off every signal.
 */
#include <errno.h>
#include <ucontext.h>
#include <unistd.h>
#include "home.h"
#include "vcpu.h"

struct kernel_sigaction {
	void *handler;
	u64 flags;
	void *restorer;
	u64 mask;
};

#define SA_RESTORER_ 0x04000000ull
#define SIG_BIT(sig) (1ull << ((sig)-1))
#define NSIG_ 65

struct disposition {
	u32 seq;
	u32 flags;
	void *handler;
	u64 mask;
};

static struct disposition table[NSIG_]; /* what the host program asked for */
static u64 known; /* atomic: signals whose entry above is true */
static u64 wrapped; /* atomic: signals whose handler in the kernel is ours */
static struct plat_spinlock lock;
static u32 sync_installed;

HOME_TLS u64 host_blocked; /* synchronous signals that the host program believes to block */
HOME_TLS u32 sync_open; /* they are not blocked in this thread */

void home_sigreturn(void);
__asm__(".text\n"
	".globl home_sigreturn\n"
	".hidden home_sigreturn\n"
	".type home_sigreturn, @function\n"
	"home_sigreturn:\n"
	"	movq $15, %rax\n" /* unwinders know a signal frame by these very bytes */
	"	syscall\n"
	".size home_sigreturn, . - home_sigreturn\n");

static void wrapper(int sig, siginfo_t *info, void *uc);
static void sync_handler(int sig, siginfo_t *info, void *uc);

static u64 block_all(void)
{
	u64 all = ~0ull, old;

	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	return old;
}

static void unblock(u64 old)
{
	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
}

static int kernel_action(int sig, const struct kernel_sigaction *act, struct kernel_sigaction *old)
{
	return sys4(SYS_rt_sigaction, sig, act, old, 8);
}

static bool is_ours(void *handler)
{
	return handler == (void *)wrapper || handler == (void *)sync_handler;
}

static void table_set(int sig, void *handler, u64 flags, u64 mask)
{
	struct disposition *d = &table[sig];

	__atomic_add_fetch(&d->seq, 1, __ATOMIC_SEQ_CST);
	WRITE_ONCE(d->handler, handler);
	WRITE_ONCE(d->flags, (u32)flags);
	WRITE_ONCE(d->mask, mask);
	__atomic_add_fetch(&d->seq, 1, __ATOMIC_SEQ_CST);
	plat_atomic_or64(&known, SIG_BIT(sig));
}

static struct disposition table_get(int sig)
{
	struct disposition *d = &table[sig], copy;
	u32 seq;

	do {
		seq = __atomic_load_n(&d->seq, __ATOMIC_SEQ_CST);
		copy.handler = READ_ONCE(d->handler);
		copy.flags = READ_ONCE(d->flags);
		copy.mask = READ_ONCE(d->mask);
		copy.seq = seq;
	} while (seq & 1 || __atomic_load_n(&d->seq, __ATOMIC_SEQ_CST) != seq);
	return copy;
}

/* The entry of @sig, asked of the kernel the first time. Lock held. */
static void table_learn(int sig)
{
	struct kernel_sigaction k = { 0 };

	if (READ_ONCE(known) & SIG_BIT(sig))
		return;
	kernel_action(sig, NULL, &k);
	table_set(sig, k.handler, k.flags, k.mask);
}

static int install(int sig, void *handler, u64 flags, u64 mask)
{
	struct kernel_sigaction k = {
		.handler = handler,
		.flags = flags | SA_RESTORER_,
		.restorer = (void *)home_sigreturn,
		.mask = mask,
	};
	int err = kernel_action(sig, &k, NULL);

	if (!err) {
		if (is_ours(handler))
			plat_atomic_or64(&wrapped, SIG_BIT(sig));
		else
			plat_atomic_and64(&wrapped, ~SIG_BIT(sig));
	}
	return err;
}

static int install_sync(int sig)
{
	/*
	 * An alternate stack only where the host program has one for this: generated code brings
	 * its own room.
	 */
	return install(sig, (void *)sync_handler,
		       SA_SIGINFO | SA_NODEFER | SA_RESTART | (table[sig].flags & SA_ONSTACK),
		       ~HOME_SYNC_SIGNALS);
}

static bool sync_is_ours(int sig)
{
	return READ_ONCE(sync_installed) && HOME_SYNC_SIGNALS & SIG_BIT(sig);
}

static u64 mask_of(const sigset_t *set)
{
	u64 m;

	memcpy(&m, set, sizeof(m));
	return m;
}

static int set_action(int sig, const struct sigaction *act)
{
	void *handler = (void *)act->sa_handler;
	u64 mask = mask_of(&act->sa_mask);
	bool plain = act->sa_handler == SIG_DFL || act->sa_handler == SIG_IGN;
	int err;

	if (sync_is_ours(sig)) {
		table_set(sig, handler, (u32)act->sa_flags, mask);
		return install_sync(sig);
	}
	if (!plain) {
		table_set(sig, handler, (u32)act->sa_flags, mask);
		return install(sig, (void *)wrapper, (u32)act->sa_flags | SA_SIGINFO,
			       mask & ~(HOME_SYNC_SIGNALS & ~SIG_BIT(sig)));
	}
	/* The kernel first: a wrapper that still runs must find its handler. */
	err = install(sig, handler, (u32)act->sa_flags, mask);
	if (!err)
		table_set(sig, handler, (u32)act->sa_flags, mask);
	return err;
}

static void get_action(int sig, struct sigaction *old)
{
	struct disposition d = table_get(sig);

	memset(old, 0, sizeof(*old));
	old->sa_handler = (__sighandler_t)d.handler;
	old->sa_flags = (int)(d.flags & ~SA_RESTORER_);
	memcpy(&old->sa_mask, &d.mask, sizeof(d.mask));
}

/* A child of vfork shares our memory but not our handlers: its own go straight to the kernel. */
static int foreign_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct kernel_sigaction k, was = { 0 };
	int err;

	if (act)
		k = (struct kernel_sigaction){ (void *)act->sa_handler,
					       (u32)act->sa_flags | SA_RESTORER_,
					       (void *)home_sigreturn, mask_of(&act->sa_mask) };
	err = kernel_action(sig, act ? &k : NULL, &was);
	if (!err && old) {
		if (is_ours(was.handler)) {
			get_action(sig, old);
		} else {
			memset(old, 0, sizeof(*old));
			old->sa_handler = (__sighandler_t)was.handler;
			old->sa_flags = (int)(was.flags & ~SA_RESTORER_);
			memcpy(&old->sa_mask, &was.mask, sizeof(was.mask));
		}
	}
	return err;
}

int home_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction copy;
	u64 mask;
	int err = 0;

	if (sig <= 0 || sig >= NSIG_ || sig == 32 || sig == 33) /* libc's own two */
		return -EINVAL;
	if (act && (sig == SIGKILL || sig == SIGSTOP))
		return -EINVAL;
	if (act)
		copy = *act; /* a bad pointer must fault before the lock is held */
	home_early_init();
	if (sys0(SYS_getpid) != home_pid)
		return foreign_sigaction(sig, act ? &copy : NULL, old);
	mask = block_all();
	plat_spin_lock(&lock);
	table_learn(sig);
	if (old) {
		struct sigaction was;

		get_action(sig, &was);
		if (act)
			err = set_action(sig, &copy);
		*old = was;
	} else if (act) {
		err = set_action(sig, &copy);
	}
	plat_spin_unlock(&lock);
	unblock(mask);
	return err;
}

/* ---- masks ---- */

int home_sigmask(int how, const u64 *set, u64 *old)
{
	u64 keep = sync_installed ? HOME_SYNC_SIGNALS : SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS);
	u64 was = host_blocked, real = 0, prev = 0;
	long err;

	if (!set) {
		err = sys4(SYS_rt_sigprocmask, how, NULL, &prev, 8);
	} else {
		real = how == SIG_UNBLOCK ? *set : *set & ~keep;
		err = sys4(SYS_rt_sigprocmask, how, &real, &prev, 8);
		if (err)
			return err;
		if (how == SIG_BLOCK)
			host_blocked |= *set & keep;
		else if (how == SIG_UNBLOCK)
			host_blocked &= ~*set;
		else
			host_blocked = *set & keep;
	}
	if (!err && old)
		*old = prev | was;
	return err;
}

void home_unblock_sync(void)
{
	u64 set = HOME_SYNC_SIGNALS;

	if (sync_open)
		return;
	sys4(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, 8);
	sync_open = 1;
}

/*
 * The host program blocks these and waits for them (sigwait), with no handler: they must still
 * end KVM_RUN.
 */
void home_signals_want(u64 set)
{
	u64 mask;
	int sig;

	set &= ~(READ_ONCE(wrapped) | HOME_SYNC_SIGNALS | SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP) |
		 SIG_BIT(32) | SIG_BIT(33));
	if (!set)
		return;
	mask = block_all();
	plat_spin_lock(&lock);
	for (sig = 1; sig < NSIG_; sig++) {
		if (!(set & SIG_BIT(sig)))
			continue;
		table_learn(sig);
		install(sig, (void *)wrapper,
			SA_SIGINFO | SA_RESTART | (table[sig].flags & SA_NOCLDSTOP), 0);
	}
	plat_spin_unlock(&lock);
	unblock(mask);
}

/* ---- the host program's signals ---- */

static void call_host(const struct disposition *d, int sig, siginfo_t *info, void *uc)
{
	if (d->flags & SA_SIGINFO)
		((void (*)(int, siginfo_t *, void *))d->handler)(sig, info, uc);
	else
		((void (*)(int))d->handler)(sig);
}

/* What the kernel does with a signal that has no handler. */
static void default_action(int sig)
{
	u64 set = SIG_BIT(sig), old;

	switch (sig) {
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
	case SIGCONT: return;
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU: sys2(SYS_kill, sys0(SYS_getpid), SIGSTOP); return;
	}
	install(sig, SIG_DFL, 0, 0);
	sys3(SYS_tgkill, sys0(SYS_getpid), sys0(SYS_gettid), sig);
	sys4(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, &old, 8);
}

static void keep_pending(int sig, siginfo_t *info, ucontext_t *uc)
{
	u64 set = SIG_BIT(sig), old;

	sys4(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 8);
	sigaddset(&uc->uc_sigmask, sig);
	sys4(SYS_rt_tgsigqueueinfo, sys0(SYS_getpid), sys0(SYS_gettid), sig, info);
}

static void wrapper(int sig, siginfo_t *info, void *uc)
{
	struct plat_thread *t = home_current();
	struct disposition d;

	if (t && t->mask_set && t->saved_mask & SIG_BIT(sig)) {
		keep_pending(sig, info, uc);
		home_note_signal(t);
		return;
	}
	d = table_get(sig);
	if (d.handler == (void *)SIG_IGN)
		return;
	if (d.handler == (void *)SIG_DFL) {
		default_action(sig);
		return;
	}
	if (d.flags & SA_RESETHAND) {
		/* The kernel has forgotten the wrapper already. */
		plat_atomic_and64(&wrapped, ~SIG_BIT(sig));
		table_set(sig, SIG_DFL, 0, 0);
	}
	call_host(&d, sig, info, uc);
	t = home_current();
	if (t)
		home_note_signal(t);
}

/* ---- our own ---- */

/* enum x86_reg's order → the kernel's */
static const u8 greg[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static bool engine_fault(struct plat_thread *t, int sig, siginfo_t *info, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	struct vcpu *v = t->vcpu;
	struct engine_fault f;
	int i;

	if ((u64)g[REG_RIP] - t->code_lo >= t->code_hi - t->code_lo)
		return false;
	if (!v || !v->vm || !v->vm->engine || !v->vm->engine->host_fault)
		return false;
	f.signo = sig;
	f.code = info->si_code;
	f.addr = (u64)info->si_addr;
	for (i = 0; i < 16; i++)
		f.gpr[i] = g[greg[i]];
	f.rip = g[REG_RIP];
	f.rflags = g[REG_EFL];
	f.fpstate = uc->uc_mcontext.fpregs;
	if (!v->vm->engine->host_fault(v, &f))
		return false;
	for (i = 0; i < 16; i++)
		g[greg[i]] = f.gpr[i];
	g[REG_RIP] = f.rip;
	g[REG_EFL] = f.rflags;
	return true;
}

static bool fixup(ucontext_t *uc)
{
	u64 rip = uc->uc_mcontext.gregs[REG_RIP];
	const struct home_fixup *x;

	for (x = home_fixups; (u64)x < (u64)home_fixups_end; x++) {
		if (rip >= x->start && rip < x->end) {
			uc->uc_mcontext.gregs[REG_RIP] = x->landing;
			return true;
		}
	}
	return false;
}

static void forward(int sig, siginfo_t *info, ucontext_t *uc)
{
	struct disposition d = table_get(sig);
	struct plat_thread *t;
	u64 mask;

	if (d.handler == (void *)SIG_IGN && info->si_code <= 0)
		return;
	if (d.handler == (void *)SIG_DFL || d.handler == (void *)SIG_IGN) {
		/*
		 * Back to the faulting instruction with the default action: the core dump shows
		 * the right place.
		 */
		install(sig, SIG_DFL, 0, 0);
		if (info->si_code <= 0)
			sys4(SYS_rt_tgsigqueueinfo, sys0(SYS_getpid), sys0(SYS_gettid), sig, info);
		return;
	}
	mask = mask_of(&uc->uc_sigmask) | d.mask;
	if (!(d.flags & SA_NODEFER))
		mask |= SIG_BIT(sig);
	mask &= ~(HOME_SYNC_SIGNALS & ~SIG_BIT(sig));
	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	if (d.flags & SA_RESETHAND)
		table_set(sig, SIG_DFL, 0, 0);
	call_host(&d, sig, info, uc);
	t = home_current();
	if (t)
		home_note_signal(t);
}

static void sync_handler(int sig, siginfo_t *info, void *context)
{
	struct plat_thread *t = home_current();
	ucontext_t *uc = context;
	int saved = errno;

	if (info->si_code > 0) {
		if ((sig == SIGSEGV || sig == SIGBUS) &&
		    home_watch_fault((u64)info->si_addr, uc->uc_mcontext.gregs[REG_RIP]))
			goto out;
		if (t && engine_fault(t, sig, info, uc))
			goto out;
		if (fixup(uc))
			goto out;
	}
	errno = saved;
	forward(sig, info, uc);
	return;
out:
	errno = saved;
}

void home_signals_init(void)
{
	u64 mask;
	int sig;

	home_early_init();
	mask = block_all();
	plat_spin_lock(&lock);
	if (!sync_installed) {
		for (sig = 1; sig < NSIG_; sig++) {
			if (!(HOME_SYNC_SIGNALS & SIG_BIT(sig)))
				continue;
			table_learn(sig);
			install_sync(sig);
		}
		sync_installed = 1;
	}
	plat_spin_unlock(&lock);
	unblock(mask);
	home_unblock_sync();
}

void home_signals_lock(void)
{
	plat_spin_lock(&lock);
}

void home_signals_unlock(void)
{
	plat_spin_unlock(&lock);
}

void home_signals_forked(void)
{
}
