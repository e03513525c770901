// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KVM_RUN's inside: find or make the block at the guest's rip, run it, and do
 * in C what it left for C. An interrupt is taken only here, between blocks.
 *
 * One instruction at a time goes through the emulator or, for what that does
 * not know, through a block of its own (BT_KEY_STEP): in an interrupt shadow,
 * under TF or a debugger, on a watchpoint, when a store hits the running
 * block, and when an instruction starts again with the host program's answer.
 */
#include "jump.h"
#include "run.h"
#include "cache.h"
#include "window.h"

#define DR6_BS BIT_ULL(14)

enum go {
	GO_ON,		/* look up the next block */
	GO_RECHECK,	/* something may be pending: through vcpu_enter_guest */
	GO_LEAVE,	/* leave run() with *why */
};

/* ---- the mode ---- */

static bool flat(const struct x86_segment *s, bool writable)
{
	return !s->base && s->limit == 0xffffffff && (s->ar & X86_AR_P) && (s->ar & X86_AR_S) &&
	       (!writable || (s->ar & (X86_AR_CODE | X86_AR_E | X86_AR_W)) == X86_AR_W);
}

u32 bt_compute_key(struct bt_ctx *x)
{
	const struct vcpu *v = x->vcpu;
	const struct x86_cpu *c = &v->cpu;
	enum x86_mode mode = x86_code_mode(c);
	u32 key = mode | bt_data_mmu(c) << BT_KEY_MMU_SHIFT;

	if (mode == X86_MODE_64) {
		key |= BT_KEY_FLAT;
	} else {
		if (c->seg[X86_SS].ar & X86_AR_DB)
			key |= BT_KEY_SS32;
		if (x86_protected(c) && !x86_v86(c) && flat(&c->seg[X86_CS], false) &&
		    flat(&c->seg[X86_DS], true) && flat(&c->seg[X86_ES], true) &&
		    flat(&c->seg[X86_SS], true))
			key |= BT_KEY_FLAT;
	}
	if (x86_protected(c) && !x86_cpl(c))
		key |= BT_KEY_RING0;
	if (c->cr0 & X86_CR0_TS)
		key |= BT_KEY_TS;
	if (c->cr0 & X86_CR0_EM)
		key |= BT_KEY_EM;
	if (c->cr0 & X86_CR0_MP)
		key |= BT_KEY_MP;
	if (c->cr4 & X86_CR4_OSFXSR)
		key |= BT_KEY_SSE;
	if ((c->cr4 & X86_CR4_OSXSAVE) && (c->xcr0 & 6) == 6)
		key |= BT_KEY_AVX;
	if ((c->cr0 & X86_CR0_AM) && (c->rflags & X86_AC) && x86_cpl(c) == 3)
		key |= BT_KEY_ALIGN;
	if ((c->rflags & X86_TF) || vcpu_debug_stepping(v))
		key |= BT_KEY_STEP;
	if (x86_break_armed(v))
		key |= BT_KEY_BP;
	return bt_window_key(x, key);
}

/* Blocks that end before a breakpoint were made for a set of breakpoints. */
static void check_breakpoints(struct bt_ctx *x)
{
	const u64 *dr = x86_effective_dr(x->vcpu);
	u64 sum = 0;

	if (x->key & BT_KEY_BP)
		for (u32 i = 0; i < 8; i++)
			sum = (sum ^ (i < 4 || i == 7 ? dr[i] : 0)) * 0x9e3779b97f4a7c15ull;
	if (sum != x->tlb2->bp_sum && sum)
		bt_cache_flush(x->cache);
	if (sum)
		x->tlb2->bp_sum = sum;
}

static u8 plain_things(struct bt_ctx *x)
{
	const struct vcpu *v = x->vcpu;
	u8 plain = 0;

	if (!(v->cpu.cr4 & X86_CR4_TSD) && !v->tsc_ratio)
		plain |= BT_PLAIN_TSC;
	if (v->cpu.cr4 & X86_CR4_FSGSBASE)
		plain |= BT_PLAIN_FSGSBASE;
	if (v->cpu.cr4 & X86_CR4_SMAP)
		plain |= BT_PLAIN_SMAP;
	if (bt_syscall_sync(x))
		plain |= BT_PLAIN_SYSCALL;
	return plain;
}

static void sync_mode(struct bt_ctx *x)
{
	if (!x->key_stale && !bt_window_stack_left(x, x->vcpu->cpu.gpr[X86_RSP]))
		return;
	x->key_stale = false;
	bt_tlb_sync(x);
	bt_ctx_load_segments(x);
	x->key = bt_compute_key(x);
	x->user_key = X86_MODE_64 | BT_MMU_USER << BT_KEY_MMU_SHIFT | (x->key & BT_KEY_STAYS);
	x->plain = plain_things(x);
	bt_window_user_key(x);
	if (unlikely(x->key & BT_KEY_BP))
		check_breakpoints(x);
}

/* ---- what follows an instruction or a block ---- */

/*
 * An exception is pending. Alone it is delivered here: the way through
 * vcpu_enter_guest would give up the vector registers, and has more to look at.
 * With an access still out at the host program it waits for the next KVM_RUN.
 */
static enum go deliver(struct bt_ctx *x, enum engine_exit *why)
{
	struct vcpu *v = x->vcpu;

	if (unlikely(bt_kicked(x) || v->trace || v->mmio.n))
		return GO_RECHECK;
	x->key_stale = true;
	return vcpu_inject_exception(v, why) ? GO_ON : GO_LEAVE;
}

static enum go raise(struct bt_ctx *x, const struct x86_exception *exc, enum engine_exit *why)
{
	return vcpu_raise(x->vcpu, exc, why) ? deliver(x, why) : GO_LEAVE;
}

static enum go debug_step_exit(struct bt_ctx *x, enum engine_exit *why)
{
	struct vcpu *v = x->vcpu;

	if (!vcpu_debug_stepping(v) || !vcpu_debug_exit(v, X86_EXC_DB, DR6_BS, v->cpu.rip))
		return GO_RECHECK;
	*why = ENGINE_EXIT_USER;
	return GO_LEAVE;
}

/* One instruction has been completed in a block of its own. */
static enum go finish_step(struct bt_ctx *x, bool tf, enum engine_exit *why)
{
	struct x86_exception exc = { .vector = X86_EXC_DB };
	struct vcpu *v = x->vcpu;

	v->cpu.interrupt_shadow = 0;
	v->cpu.rflags &= ~(u64)X86_RF;
	exc.cr2 = v->watch_hits | (tf ? DR6_BS : 0);
	v->watch_hits = 0;
	if (exc.cr2)
		return raise(x, &exc, why);
	return debug_step_exit(x, why);
}

/* ---- the emulator's instructions ---- */

static int execute(struct bt_ctx *x, bool tf)
{
	struct vcpu *v = x->vcpu;
	struct x86_emu *e = &v->emu;
	int r = X86_EMU_OK;

	if (x->interp) {
		e->insn = *bt_cache_kept(x->cache, x->interp);
		x->interp = 0;
	} else {
		r = x86_emu_fetch(e);
	}
	if (r != X86_EMU_OK)
		return r;
	x->stats.op[e->insn.info->op]++;
	r = vcpu_check_insn(v);
	if (unlikely(r != X86_EMU_OK))
		return r;
	if (e->insn.info->kind == X86_K_STRING) {
		r = bt_string(x);
		if (r != X86_EMU_UNHANDLED)
			return r;
	}
	r = x86_emulate(e);
	if (r != X86_EMU_UNHANDLED)
		return r;
	r = bt_fpu_special(x);
	if (r != X86_EMU_OK)
		return r;
	v->cpu.interrupt_shadow = 0;
	v->cpu.rflags &= ~(u64)X86_RF;
	if (!tf)
		return r;
	e->exc = (struct x86_exception){ .vector = X86_EXC_DB, .cr2 = DR6_BS };
	return X86_EMU_FAULT;
}

/*
 * Instructions that leave the mode alone, or tell by state_written and
 * mode_changed when they do not (the others may change flags, a level or an
 * MSR, and nobody says so).
 */
static bool mode_stays(const struct x86_insn *i)
{
	static const u16 ops[] = {
		X86_OP_XSAVE, X86_OP_XSAVEOPT, X86_OP_XSAVEC, X86_OP_XRSTOR, X86_OP_FXSAVE,
		X86_OP_FXRSTOR, X86_OP_CPUID, X86_OP_INVLPG, X86_OP_IN, X86_OP_OUT, X86_OP_RDMSR,
		X86_OP_XGETBV, X86_OP_LSL,
	};

	if (i->info->kind == X86_K_STRING || i->info->kind == X86_K_NATIVE)
		return true;
	for (u32 n = 0; n < ARRAY_SIZE(ops); n++)
		if (i->info->op == ops[n])
			return true;
	return false;
}

static enum go interpret(struct bt_ctx *x, enum engine_exit *why)
{
	struct vcpu *v = x->vcpu;
	struct x86_cpu *c = &v->cpu;
	bool open = (c->rflags & X86_IF) && !c->interrupt_shadow;
	bool tf = c->rflags & X86_TF;
	u64 rip = c->rip;
	int r;

	x->stats.interp++;
	v->watch_hits = 0;
	if (unlikely(v->mmio.n))
		vcpu_mmio_restart(v);
	do {
		r = execute(x, tf);
	} while (r == X86_EMU_OK && c->rip == rip && !bt_kicked(x) &&
		 !READ_ONCE(v->requests) && !(x->key & BT_KEY_STEP) && !v->watch_hits &&
		 v->emu.insn.info->kind == X86_K_STRING);
	x->key_stale |= r != X86_EMU_OK || !mode_stays(&v->emu.insn);
	if (r == X86_EMU_UNHANDLED && !x->tlb2->stepping) {
		x->tlb2->force_step = true;
		return GO_ON;
	}
	if (!vcpu_emulate_result(v, r, why))
		return GO_LEAVE;
	if (v->exception_pending)
		return deliver(x, why);
	if (unlikely(x->key & BT_KEY_STEP))
		return debug_step_exit(x, why);
	/* What comes to wait after ctx->irq_window was set, kicks. */
	if (!open && x->irq_window && (c->rflags & X86_IF) && !c->interrupt_shadow)
		return GO_RECHECK;
	return GO_ON;
}

/* ---- blocks ---- */

struct where {
	u64 lin, gpa, gpa2;
	const u8 *page, *page2;
	bool global;
};

static enum go raise_gp(struct bt_ctx *x, enum engine_exit *why)
{
	struct x86_exception exc = { .vector = X86_EXC_GP, .has_error = true };

	return raise(x, &exc, why);
}

static u64 linear_rip(const struct x86_cpu *c)
{
	return x86_64bit(c) ? c->rip : (u32)(c->seg[X86_CS].base + c->rip);
}

static u64 next_page(const struct x86_cpu *c, u64 lin)
{
	u64 next = (lin & PAGE_MASK) + PAGE_SIZE;

	return x86_64bit(c) ? next : (u32)next;
}

/*
 * Where the instruction at rip stands. Only one that may reach into the next page asks for it.
 * False: do as *@go says.
 */
static bool locate(struct bt_ctx *x, struct where *w, enum go *go, enum engine_exit *why)
{
	const struct x86_cpu *c = &x->vcpu->cpu;
	struct bt_fetched e;
	int r;

	if (x86_64bit(c) ? !x86_canonical(c->rip, c->linear_bits) :
			   c->rip > c->seg[X86_CS].limit) {
		*go = raise_gp(x, why);
		return false;
	}
	*w = (struct where){ .lin = linear_rip(c), .gpa2 = ~0ull };
	r = bt_fetch_page(x, w->lin, false, &e);
	if (r == X86_EMU_FAULT) {
		*go = raise(x, &x->vcpu->emu.exc, why);
		return false;
	}
	if (r != X86_EMU_OK) {
		*why = ENGINE_EXIT_FAULT;
		*go = GO_LEAVE;
		return false;
	}
	w->gpa = e.gpa | (w->lin & ~PAGE_MASK);
	w->page = e.host;
	w->global = e.global;
	if ((w->lin & ~PAGE_MASK) > PAGE_SIZE - X86_INSN_MAX) {
		bt_fetch_page(x, next_page(c, w->lin), true, &e);
		w->gpa2 = e.gpa;
		w->page2 = e.host;
		w->global &= e.global;
	}
	return true;
}

static struct bt_block *translate(struct bt_ctx *x, struct where *w)
{
	enum bt_time was = bt_time(&x->stats, BT_TIME_TRANSLATE);
	struct vcpu *v = x->vcpu;
	struct bt_block *b;

	bt_fpu_release(x);
	bt_smc_prepare(x, w->gpa & PAGE_MASK, w->page);
	if (w->page2)
		bt_smc_prepare(x, w->gpa2, w->page2);
	v->stats.translations++;
	b = bt_translate(x, v->cpu.rip, w->gpa, w->page2 ? w->gpa2 : ~0ull, w->page, w->page2);
	if (b)
		bt_stats_block(x, b);
	bt_time(&x->stats, was);
	return b;
}

/* The translator can't have the whole instruction: fault on its second page, or let the emulator try. */
static enum go untranslatable(struct bt_ctx *x, struct where *w, enum engine_exit *why)
{
	const struct x86_cpu *c = &x->vcpu->cpu;
	struct bt_fetched e;

	if ((w->lin & ~PAGE_MASK) > PAGE_SIZE - X86_INSN_MAX && w->gpa2 == ~0ull &&
	    bt_fetch_page(x, next_page(c, w->lin), false, &e) == X86_EMU_OK && e.host)
		return GO_ON;		/* mapped since */
	return interpret(x, why);
}

/*
 * The block at rip, linked from @link or entered into the jump cache. NULL: do
 * as *@go says.
 */
static struct bt_block *find_block(struct bt_ctx *x, struct bt_link *link, enum go *go,
				   enum engine_exit *why)
{
	struct vcpu *v = x->vcpu;
	u64 generation = x->cache->generation;
	struct bt_block *b;
	struct where w;

	if (!locate(x, &w, go, why))
		return NULL;
	if (unlikely(!w.page)) {
		*go = interpret(x, why);
		return NULL;
	}
	if (unlikely(x->key & BT_KEY_BP) && !(v->cpu.rflags & X86_RF)) {
		u64 hits = x86_break_hits(v, w.lin);

		if (hits) {
			struct x86_exception exc = { .vector = X86_EXC_DB, .cr2 = hits };

			v->cpu.rflags |= X86_RF;	/* the handler's IRET comes back past it */
			*go = raise(x, &exc, why);
			if (*go == GO_LEAVE)
				v->cpu.rflags &= ~(u64)X86_RF;
			return NULL;
		}
	}
	b = bt_cache_find(x->cache, v->cpu.rip, w.gpa, w.gpa2, x->key, v->cpu.seg[X86_CS].base);
	if (!b) {
		b = translate(x, &w);
		if (!b) {
			*go = untranslatable(x, &w, why);
			return NULL;
		}
	}
	if (x->key & BT_KEY_STEP)
		return b;
	bt_jump_note(x, bt_key_mmu(b->key), w.lin, w.global);
	if (b->gpa2 != ~0ull)
		bt_jump_note(x, bt_key_mmu(b->key), w.lin + PAGE_SIZE, w.global);
	if (link && generation == x->cache->generation && bt_link_from(x->cache, link)->key == b->key)
		bt_cache_link(x->cache, link, b);
	bt_jc_insert(x, b);
	return b;
}

static enum go after_block(struct bt_ctx *x, enum bt_exit reason, bool tf, enum engine_exit *why)
{
	struct vcpu *v = x->vcpu;

	switch (reason) {
	case BT_EXIT_NEXT:
	case BT_EXIT_LINK:
		return GO_ON;
	case BT_EXIT_SMC:
		x->key_stale = true;	/* in the middle of a block: rsp may be anywhere */
		return GO_ON;
	case BT_EXIT_FORM:
		bt_form_missed(x);
		return GO_ON;
	case BT_EXIT_INTERP:
		/* A store before it may have asked for an exit that comes first (EOI). */
		if (unlikely(bt_kicked(x))) {
			x->interp = 0;		/* something else may run first */
			return GO_RECHECK;
		}
		return interpret(x, why);
	case BT_EXIT_EXC:
		if (v->mmio.n)
			vcpu_mmio_done(v);
		return raise(x, &v->emu.exc, why);
	case BT_EXIT_USER:
		*why = ENGINE_EXIT_USER;
		/* A store that retired: a trap that it brings waits for the next KVM_RUN. */
		if (x->tlb2->stepping && v->mmio.n && v->mmio.rip == ~0ull) {
			enum engine_exit ignored;

			if (tf)
				finish_step(x, tf, &ignored);
		}
		return GO_LEAVE;
	case BT_EXIT_STEP:
		if (v->mmio.n)
			vcpu_mmio_done(v);
		return finish_step(x, tf, why);
	case BT_EXIT_FAULT:
		v->memory_gone = false;
		*why = ENGINE_EXIT_FAULT;
		return GO_LEAVE;
	case BT_EXIT_KICK:
		return GO_RECHECK;
	}
	plat_bug(__FILE__, __LINE__, "unknown exit of generated code");
}

static enum go run_block(struct bt_ctx *x, enum engine_exit *why)
{
	struct bt_tlb2 *t = x->tlb2;
	struct vcpu *v = x->vcpu;
	struct bt_link *link = NULL;
	bool tf = v->cpu.rflags & X86_TF, forced;
	struct bt_block *b;
	enum bt_exit reason;
	enum go go;
	u64 code;

	if (unlikely(bt_kicked(x)))
		return GO_RECHECK;
	if (x->exit_reason == BT_EXIT_LINK && x->link)
		link = (struct bt_link *)x->link;
	x->link = 0;
	if (unlikely(bt_smc_drain(x)))
		link = NULL;
	sync_mode(x);
	if (unlikely(v->cpu.interrupt_shadow || v->mmio.n ||
		     ((v->cpu.rflags & X86_RF) && (x->key & BT_KEY_BP))) && !t->force_step)
		return interpret(x, why);
	forced = t->force_step;
	if (unlikely(forced)) {
		t->force_step = false;
		x->key = bt_window_no_key(x->key) | BT_KEY_STEP;
		x->key_stale = true;
		link = NULL;
	}
	if (unlikely(bt_jump_sync(x)))
		link = NULL;
	code = link ? 0 : bt_jc_hit(x, v->cpu.rip);
	if (!code) {
		b = find_block(x, link, &go, why);
		if (!b) {
			/* An emulator that gave up on it was not the reason to step. */
			t->force_step |= forced && go == GO_ON;
			return go;
		}
		code = bt_cache_entry(x->cache, b);
	}
	t->stepping = x->key & BT_KEY_STEP;
	v->watch_hits = 0;
	if (unlikely(v->mmio.n))
		vcpu_mmio_restart(v);
	if (!t->stepping)
		v->cpu.rflags &= ~(u64)X86_RF;
	bt_fpu_claim(x);
	x->interp = 0;
	reason = bt_enter(x, code);
	x->stats.exits[reason]++;
	go = after_block(x, reason, tf, why);
	t->stepping = false;
	return go;
}

/* Does something wait for IF, or for a shadow's end? Then what brings that comes out to let it in. */
static bool interrupt_waits(struct vcpu *v)
{
	if ((v->cpu.rflags & X86_IF) && likely(!v->cpu.interrupt_shadow))
		return false;
	return v->interrupt_pending || v->nmi_pending || v->run->request_interrupt_window ||
	       vcpu_has_interrupt(v);
}

enum engine_exit bt_run(struct vcpu *v)
{
	struct bt_ctx *x = v->engine_priv;
	enum engine_exit why;
	enum go go;

	bt_time(&x->stats, BT_TIME_RUN);
	bt_fpu_host_enter(x);
	x->key_stale = true;
	x->tlb2->force_step = false;
	x->exit_reason = BT_EXIT_NEXT;
	/* An instruction that got its answer is finished before anything is injected. */
	if (unlikely(v->mmio.n) && !v->delivering) {
		bt_unkick(x);
		do {
			go = run_block(x, &why);
		} while (go == GO_ON && v->mmio.n);
		if (go == GO_LEAVE)
			goto out;
	}
	for (;;) {
		bt_unkick(x);
		bt_fpu_release(x);
		bt_window_tick(x);
		bt_ring_trim(x->cache);
		if (!vcpu_enter_guest(v, &why))
			break;
		x->key_stale = true;
		x->irq_window = interrupt_waits(v);
		do {
			go = run_block(x, &why);
		} while (go == GO_ON);
		vcpu_leave_guest(v);
		if (go == GO_LEAVE)
			break;
	}
out:
	bt_ctx_release_gs(x);
	bt_fpu_host_leave(x);
	bt_time(&x->stats, BT_TIME_AWAY);
	return why;
}
