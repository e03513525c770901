// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Host faults in generated code. The instruction that faulted is the guest's
 * own, with its registers in place (bt.h's map), so the way out is to go on at
 * bt_asm_exit with the reason set, as if the code had left by itself.
 */
#include "run.h"
#include "window.h"

/* Linux's numbers, the same on every x86 home. */
enum { SIG_ILL = 4, SIG_BUS = 7, SIG_FPE = 8, SIG_SEGV = 11 };
#define SI_KERNEL_ 0x80
#define FPE_INTDIV_ 1
#define FPE_INTOVF_ 2

/* The frame's FXSAVE image. */
#define FX_FCW 0
#define FX_FSW 2
#define FX_MXCSR 24

static bool pending_x87(const u8 *fx)
{
	u16 fcw, fsw;

	memcpy(&fcw, fx + FX_FCW, 2);
	memcpy(&fsw, fx + FX_FSW, 2);
	return fsw & ~fcw & 0x3f;
}

static bool pending_simd(const u8 *fx)
{
	u32 mxcsr;

	memcpy(&mxcsr, fx + FX_MXCSR, 4);
	return mxcsr & ~(mxcsr >> 7) & 0x3f;
}

/* Is the host instruction an x87 one? */
static bool is_x87(const u8 *code)
{
	u32 i;

	for (i = 0; i < X86_INSN_MAX; i++)
		if (code[i] != 0x66 && code[i] != 0x67 && (code[i] & 0xf0) != 0x40)
			break;
	return code[i] == 0x9b || (code[i] & 0xf8) == 0xd8;
}

static struct x86_exception fpe(const struct vcpu *v, const struct engine_fault *f)
{
	struct x86_exception exc = { .vector = X86_EXC_DE };
	bool x87, simd;

	if (f->code == FPE_INTDIV_ && !f->fpstate)
		return exc;
	x87 = f->fpstate && pending_x87(f->fpstate);
	simd = f->fpstate && pending_simd(f->fpstate);
	if (f->code == FPE_INTDIV_ || f->code == FPE_INTOVF_ || (!x87 && !simd))
		return exc;
	if (x87 && (!simd || is_x87((const u8 *)f->rip)))
		exc.vector = X86_EXC_MF;
	else
		exc.vector = (v->cpu.cr4 & X86_CR4_OSXMMEXCPT) ? X86_EXC_XM : X86_EXC_UD;
	return exc;
}

bool bt_host_fault(struct vcpu *v, struct engine_fault *f)
{
	struct bt_ctx *x = v->engine_priv;
	enum bt_exit why = BT_EXIT_EXC;
	struct x86_exception exc;
	struct bt_block *b;
	struct bt_map m;
	u64 twin;

	if (!x || !bt_cache_map_at(x->cache, f->rip, &b, &m))
		return false;
	switch (f->signo) {
	case SIG_FPE:
		exc = fpe(v, f);
		break;
	case SIG_ILL:
		exc = (struct x86_exception){ .vector = X86_EXC_UD };
		break;
	case SIG_SEGV:
	case SIG_BUS:
		/*
		 * Not in the window, not mapped there, or not canonical once there: the twin
		 * asks the TLB, and makes every check anew, alignment too.
		 */
		twin = bt_cache_twin(x->cache, f->rip);
		if (twin) {
			bt_window_signal(x);
			f->rip = twin;
			return true;
		}
		/* The processor's #GP, which has no address: an unaligned SSE operand. */
		if (f->signo == SIG_SEGV && f->code == SI_KERNEL_) {
			exc = (struct x86_exception){ .vector = X86_EXC_GP, .has_error = true };
			break;
		}
		exc = (struct x86_exception){ 0 };
		why = BT_EXIT_FAULT;
		break;
	default:
		return false;
	}
	v->emu.exc = exc;
	x->exit_reason = why;
	x->rip = b->rip + m.guest;
	f->rip = m.parked ? (u64)bt_asm_exit_parked : (u64)bt_asm_exit;
	return true;
}
