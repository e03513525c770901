// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The translator as the core sees it: struct engine, and the emulator's
 * memory operations through the translator's TLB.
 */
#include "run.h"
#include "cache.h"
#include "jump.h"
#include "window.h"

/* ---- the emulator's memory ---- */

static struct bt_ctx *ctx_of(struct x86_emu *e)
{
	return ((struct vcpu *)e->ctx)->engine_priv;
}

static enum bt_mmu mmu_for(const struct x86_cpu *c, unsigned int acc)
{
	return (acc & X86_ACC_SUPER) ? BT_MMU_KERNEL : bt_data_mmu(c);
}

static int gone(struct vcpu *v)
{
	v->memory_gone = true;
	return X86_EMU_SHUTDOWN;
}

static u64 mask_linear(const struct vcpu *v, u64 lin)
{
	return x86_long_mode(&v->cpu) ? lin : (u32)lin;
}

static int op_read(struct x86_emu *e, u64 lin, void *val, unsigned int size, unsigned int acc)
{
	struct bt_ctx *x = ctx_of(e);
	struct vcpu *v = x->vcpu;
	const u8 *host;

	lin = mask_linear(v, lin);
	if (unlikely(x->tlb2->cr3 != v->cpu.cr3))
		bt_tlb_sync(x);
	if (acc & X86_ACC_FETCH) {
		struct bt_fetched page;
		int r = bt_fetch_page(x, lin, false, &page);

		if (r != X86_EMU_OK)
			return r;
		host = page.host ? page.host + (lin & ~PAGE_MASK) : NULL;
	} else {
		host = bt_tlb_get(x, lin, size, mmu_for(&v->cpu, acc), acc & X86_ACC_WRITE);
	}
	if (likely(host))
		return plat_guest_read(val, host, size) ? gone(v) : X86_EMU_OK;
	bt_fpu_release(x);
	return vcpu_emu_ops.read(e, lin, val, size, acc);
}

static int op_write(struct x86_emu *e, u64 lin, const void *val, unsigned int size,
		    unsigned int acc)
{
	struct bt_ctx *x = ctx_of(e);
	struct vcpu *v = x->vcpu;
	void *host;

	lin = mask_linear(v, lin);
	if (unlikely(x->tlb2->cr3 != v->cpu.cr3))
		bt_tlb_sync(x);
	host = bt_tlb_get(x, lin, size, mmu_for(&v->cpu, acc), true);
	if (likely(host))
		return plat_guest_write(host, val, size) ? gone(v) : X86_EMU_OK;
	bt_fpu_release(x);
	return vcpu_emu_ops.write(e, lin, val, size, acc);
}

static int op_cmpxchg(struct x86_emu *e, u64 lin, void *old, const void *val, unsigned int size,
		      bool *done)
{
	bt_fpu_release(ctx_of(e));
	return vcpu_emu_ops.cmpxchg(e, lin, old, val, size, done);
}

static int op_probe(struct x86_emu *e, u64 lin, unsigned int size, unsigned int acc)
{
	struct bt_ctx *x = ctx_of(e);

	if (size && (lin & ~PAGE_MASK) + size <= PAGE_SIZE &&
	    bt_tlb_hit(x, mask_linear(x->vcpu, lin), size, mmu_for(&x->vcpu->cpu, acc),
		       acc & X86_ACC_WRITE))
		return X86_EMU_OK;
	bt_fpu_release(x);
	return vcpu_emu_ops.probe(e, lin, size, acc);
}

/* What may reach the home, whose code may use vector registers. */
static int op_pio(struct x86_emu *e, u16 port, void *val, unsigned int size, bool in)
{
	bt_fpu_release(ctx_of(e));
	return vcpu_emu_ops.pio(e, port, val, size, in);
}

/* FS, GS and KernelGS base: a context switch's, and no home has to do with them. */
static bool msr_is_base(u32 index)
{
	return index >= 0xc0000100 && index <= 0xc0000102;
}

static int op_get_msr(struct x86_emu *e, u32 index, u64 *val)
{
	if (!msr_is_base(index))
		bt_fpu_release(ctx_of(e));
	return vcpu_emu_ops.get_msr(e, index, val);
}

static int op_set_msr(struct x86_emu *e, u32 index, u64 val)
{
	if (!msr_is_base(index))
		bt_fpu_release(ctx_of(e));
	return vcpu_emu_ops.set_msr(e, index, val);
}

static int op_set_cr(struct x86_emu *e, unsigned int n, u64 val)
{
	if (n != 3 || !x86_long_mode(e->cpu))	/* that one stays in the engine */
		bt_fpu_release(ctx_of(e));
	return vcpu_emu_ops.set_cr(e, n, val);
}

static int op_set_xcr(struct x86_emu *e, u32 index, u64 val)
{
	bt_fpu_release(ctx_of(e));
	return vcpu_emu_ops.set_xcr(e, index, val);
}

static int op_hypercall(struct x86_emu *e)
{
	bt_fpu_release(ctx_of(e));
	return vcpu_emu_ops.hypercall(e);
}

static void op_iret_done(struct x86_emu *e)
{
	if (likely(!e->cpu->nmi_masked))
		return;
	bt_fpu_release(ctx_of(e));
	vcpu_emu_ops.iret_done(e);
}

static struct x86_emu_ops emu_ops;

static void make_ops(void)
{
	emu_ops = vcpu_emu_ops;
	emu_ops.read = op_read;
	emu_ops.write = op_write;
	emu_ops.cmpxchg = op_cmpxchg;
	emu_ops.probe = op_probe;
	emu_ops.pio = op_pio;
	emu_ops.get_msr = op_get_msr;
	emu_ops.set_msr = op_set_msr;
	emu_ops.set_cr = op_set_cr;
	emu_ops.set_xcr = op_set_xcr;
	emu_ops.hypercall = op_hypercall;
	emu_ops.iret_done = op_iret_done;
}

/* ---- struct engine ---- */

/* What generated code takes for granted: BMI2 (rorx and friends), LAHF in 64-bit mode. */
static int engine_init(void)
{
	u32 r[4];

	plat_cpuid(7, 0, r);
	if (!(r[1] & BIT(8))) {
		plat_log("the translator needs a processor with BMI2 (Intel since Haswell, AMD since Excavator)");
		return -EOPNOTSUPP;
	}
	plat_cpuid(0x80000001, 0, r);
	if (!(r[2] & BIT(0))) {
		plat_log("the translator needs a processor with LAHF in 64-bit mode");
		return -EOPNOTSUPP;
	}
	make_ops();
	bt_stats_init();
	return bt_fpu_init();
}

static int engine_vm_create(struct vm *vm)
{
	(void)vm;
	return 0;
}

static void engine_vm_destroy(struct vm *vm)
{
	(void)vm;
}

static void engine_vcpu_destroy(struct vcpu *v)
{
	struct bt_ctx *x = v->engine_priv;

	if (!x)
		return;
	bt_stats_end(x);
	v->engine_priv = NULL;
	bt_windows_destroy(x);
	plat_free(x->tlb2);
	plat_free(x->queue);
	bt_ctx_destroy(x);
}

static int engine_vcpu_create(struct vcpu *v)
{
	struct bt_ctx *x = bt_ctx_create(v);
	u64 lo;

	if (!x)
		return -ENOMEM;
	x->tlb2 = bt_tlb_create();
	x->queue = bt_smc_create();
	v->engine_priv = x;
	if (!x->tlb2 || !x->queue || bt_windows_create(x)) {
		engine_vcpu_destroy(v);
		return -ENOMEM;
	}
	lo = (u64)x->cache->rx;
	plat_code_range(&v->thread, lo, lo + BT_CODE_SIZE);
	v->emu.ops = &emu_ops;
	bt_stats_begin(x);
	return 0;
}

static void engine_kick(struct vcpu *v)
{
	struct bt_ctx *x = v->engine_priv;

	bt_kick(x);
}

static void engine_stale(struct vcpu *v)
{
	struct bt_ctx *x = v->engine_priv;

	if (x)
		x->key_stale = true;
}

static void engine_tlb_flush(struct vcpu *v)
{
	struct bt_ctx *x = v->engine_priv;

	if (x)
		bt_tlb_flush_all(x);
}

static void engine_tlb_flush_asid(struct vcpu *v)
{
	struct bt_ctx *x = v->engine_priv;

	if (x)
		bt_tlb_flush_asid(x);
}

static void engine_tlb_flush_page(struct vcpu *v, u64 lin)
{
	struct bt_ctx *x = v->engine_priv;

	if (x)
		bt_tlb_flush_page(x, lin);
}

/* Flags need no more than the flush that the core asks for; a new slot had no translations. */
static void engine_slot_changed(struct vm *vm, const struct memslot *old,
				const struct memslot *new)
{
	if (!old || (new && new->base_gfn == old->base_gfn && new->uaddr == old->uaddr))
		return;
	for (u32 i = 0; i < READ_ONCE(vm->nr_vcpus); i++) {
		struct bt_ctx *x = vm->vcpus[i] ? vm->vcpus[i]->engine_priv : NULL;

		if (!x)
			continue;
		bt_cache_flush(x->cache);
		bt_tlb_flush_all(x);
		bt_window_drop(x);
	}
}

const struct engine bt_engine = {
	.name = "bt",
	.init = engine_init,
	.vm_create = engine_vm_create,
	.vm_destroy = engine_vm_destroy,
	.vcpu_create = engine_vcpu_create,
	.vcpu_destroy = engine_vcpu_destroy,
	.run = bt_run,
	.kick = engine_kick,
	.state_written = engine_stale,
	.tlb_flush = engine_tlb_flush,
	.tlb_flush_asid = engine_tlb_flush_asid,
	.tlb_flush_page = engine_tlb_flush_page,
	.mode_changed = engine_stale,
	.slot_changed = engine_slot_changed,
	.memory_written = bt_memory_written,
	.host_fault = bt_host_fault,
	.stats = bt_stats_report,
};
