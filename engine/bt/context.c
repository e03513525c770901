// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The context that generated code lives on: its making, and the way in and
 * out. Arithmetic flags travel as LAHF and SETO leave them in AX, since that
 * pair is the cheapest way to save and restore them.
 */
#include "jump.h"
#include "window.h"

#define BT_STACK_SIZE (256u << 10)

/* What enter.S and the translator's displacements take for granted. */
_Static_assert(offsetof(struct bt_ctx, home) == 0x00, "enter.S: HOME");
_Static_assert(offsetof(struct bt_ctx, flags) == 0x1c, "enter.S: FLAGS");
_Static_assert(offsetof(struct bt_ctx, save_rax) == 0x28, "enter.S: SAVE_RAX");
_Static_assert(offsetof(struct bt_ctx, gpr_ptr) == 0x30, "enter.S: GPR_PTR");
_Static_assert(offsetof(struct bt_ctx, host_rsp) == 0x38, "enter.S: HOST_RSP");
_Static_assert(offsetof(struct bt_ctx, mem_lin) == 0x70, "enter.S: MEM_LIN");
_Static_assert(offsetof(struct bt_ctx, mem_ret) == 0x78, "enter.S: MEM_RET");
_Static_assert(offsetof(struct bt_ctx, scratch) == 0x88, "enter.S: SCRATCH");

struct bt_ctx *bt_ctx_create(struct vcpu *v)
{
	struct bt_ctx *x = plat_stack_alloc(BT_STACK_SIZE, sizeof(*x));

	if (!x)
		return NULL;
	BUG_ON((u64)x & 63);
	x->vcpu = v;
	x->gpr_ptr = (u64)v->cpu.gpr;
	x->fn_mem_slow = (u64)bt_asm_mem_slow;
	x->fn_mem_commit = (u64)bt_asm_mem_commit;
	x->fn_seg_slow = (u64)bt_asm_seg_slow;
	x->fn_exit = (u64)bt_asm_exit;
	x->fn_exit_parked = (u64)bt_asm_exit_parked;
	bt_unkick(x);
	x->key_stale = true;
	x->trace_blocks = plat_trace_on("block");
	x->cache = bt_cache_create(x);
	if (!x->cache) {
		plat_stack_free(x, BT_STACK_SIZE, sizeof(*x));
		return NULL;
	}
	/* Zeros are a TLB of invalid entries, but for the first of each: most is never touched. */
	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		bt_tlb_drop(&x->tlb[m], 0);
	memset(x->jc_used, 0xff, sizeof(x->jc_used));	/* all, to be emptied */
	bt_jc_flush(x);
	return x;
}

void bt_ctx_destroy(struct bt_ctx *x)
{
	if (!x)
		return;
	bt_cache_destroy(x->cache);
	plat_stack_free(x, BT_STACK_SIZE, sizeof(*x));
}

static u16 flags_park(u64 rflags)
{
	return ((rflags & 0xff) << 8) | ((rflags >> 11) & 1);
}

static u64 flags_unpark(u16 ax, u64 rflags)
{
	return (rflags & ~(u64)X86_ARITH) | ((ax >> 8) & X86_ARITH) | ((u64)(ax & 1) << 11);
}

/* Blocks with BT_KEY_WINDOW have window B's distance in GS base. */
static void claim_gs(struct bt_ctx *x)
{
	u64 delta = x->window[BT_WINDOW_B].delta;

	if (x->gs_ours && x->gs == delta)
		return;
	if (!x->gs_ours)
		__asm__ volatile("rdgsbase %0" : "=r"(x->gs_host));
	__asm__ volatile("wrgsbase %0" : : "r"(delta) : "memory");
	x->gs_ours = true;
	x->gs = delta;
}

void bt_ctx_release_gs(struct bt_ctx *x)
{
	if (!x->gs_ours)
		return;
	__asm__ volatile("wrgsbase %0" : : "r"(x->gs_host) : "memory");
	x->gs_ours = false;
}

enum bt_exit bt_enter(struct bt_ctx *x, u64 code)
{
	struct x86_cpu *cpu = &x->vcpu->cpu;

	/* From the kernel, SYSRET may go to the program without coming here. */
	if ((x->key | x->user_key) & BT_KEY_WINDOW)
		claim_gs(x);
	x->flags = flags_park(cpu->rflags);
	cpu->rflags &= ~(u64)X86_ARITH;		/* PUSHF ors the live ones in */
	bt_time(&x->stats, BT_TIME_CODE);
	bt_asm_enter(x, code);
	bt_time(&x->stats, BT_TIME_RUN);
	cpu->rflags = flags_unpark(x->flags, cpu->rflags);
	cpu->rip = x->rip;
	return x->exit_reason;
}

/*
 * The inline check of a segmented access is one signed compare with the last
 * valid offset. What it can't say (expand-down, null, not readable) gets -1,
 * which sends every access to bt_seg_slow.
 */
static s64 seg_limit(const struct x86_cpu *cpu, const struct x86_segment *s, bool write)
{
	bool code = s->ar & X86_AR_CODE;

	if (!x86_protected(cpu) || x86_v86(cpu))
		return s->limit;
	if (!(s->ar & X86_AR_P) || !(s->ar & X86_AR_S))
		return -1;
	if (!code && (s->ar & X86_AR_E))
		return -1;
	if (write && (code || !(s->ar & X86_AR_W)))
		return -1;
	if (!write && code && !(s->ar & X86_AR_W))
		return -1;
	return s->limit;
}

void bt_ctx_load_segments(struct bt_ctx *x)
{
	const struct x86_cpu *cpu = &x->vcpu->cpu;

	if (x86_64bit(cpu)) {			/* nothing else is looked at there */
		x->seg_base[X86_FS] = cpu->seg[X86_FS].base;
		x->seg_base[X86_GS] = cpu->seg[X86_GS].base;
		return;
	}
	for (u32 i = X86_ES; i <= X86_GS; i++) {
		x->seg_base[i] = cpu->seg[i].base;
		x->seg_lim_r[i] = seg_limit(cpu, &cpu->seg[i], false);
		x->seg_lim_w[i] = seg_limit(cpu, &cpu->seg[i], true);
	}
}
