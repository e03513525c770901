/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The emulator's view of a vCPU: its memory through the guest's page tables,
 * RAM or MMIO behind them, and its control and model-specific registers.
 */
#include "vcpu.h"

#define DR6_WRITABLE 0xe00full		/* B0-B3, BD, BS, BT */
#define DR6_FIXED 0xffff0ff0ull
#define DR7_FIXED 0x400ull
#define DR7_GD BIT_ULL(13)
#define DR6_BD BIT_ULL(13)
#define DR7_CLEAR 0xd800ull

struct piece {
	u64 gpa;
	char *host;		/* NULL: MMIO */
	u32 len;
};

static struct vcpu *vcpu_of(struct x86_emu *e)
{
	return e->ctx;
}

/* The host program's memory under a slot is not there any more. */
static int gone(struct vcpu *v)
{
	v->memory_gone = true;
	return X86_EMU_SHUTDOWN;
}

static u32 walk_acc(struct vcpu *v, unsigned int acc, bool write)
{
	u32 w = 0;

	if (write || (acc & X86_ACC_WRITE))
		w |= X86_WALK_W;
	if (acc & X86_ACC_FETCH)
		w |= X86_WALK_X;
	if (acc & X86_ACC_SUPER)
		w |= X86_WALK_IMPLICIT;
	else if (x86_cpl(&v->cpu) == 3)
		w |= X86_WALK_U;
	return w;
}

/* Code is fetched from memory only, as in stock KVM: a device has none. */
static int no_code(struct vcpu *v, u64 gpa)
{
	struct kvm_run *run = v->run;

	plat_log("vcpu %u: no code to execute at %llx, which is no memory (rip %llx)", v->id,
		 (unsigned long long)gpa, (unsigned long long)v->cpu.rip);
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 1;
	run->emulation_failure.flags = 0;
	return X86_EMU_EXIT;
}

/*
 * The engine knows where the one memory operand of this instruction is: the
 * processor has translated and checked it, and only what is there made it stop.
 */
static bool known(const struct x86_emu *e, u64 gpa, u64 lin, u32 size, unsigned int acc)
{
	return gpa != VCPU_NO_GPA && !(acc & (X86_ACC_FETCH | X86_ACC_SUPER)) &&
	       e->insn.is_mem && e->insn.info->kind == X86_K_NATIVE &&
	       !((lin ^ gpa) & ~PAGE_MASK) && (lin & ~PAGE_MASK) + size <= PAGE_SIZE;
}

/* Find the one or two pieces of memory of [lin, lin+size): every fault comes from here. */
static int resolve(struct x86_emu *e, u64 lin, u32 size, unsigned int acc, bool write,
		   struct piece p[2], u32 *n)
{
	struct vcpu *v = vcpu_of(e);
	u32 wacc = walk_acc(v, acc, write);
	bool w = wacc & X86_WALK_W;

	for (*n = 0; size; (*n)++) {
		u32 len = min((u64)size, PAGE_SIZE - (lin & ~PAGE_MASK));
		struct x86_walk walk;
		struct memslot *slot;
		char *page;
		int r;

		if (!x86_long_mode(&v->cpu))
			lin = (u32)lin;
		if (known(e, v->known_gpa, lin, size, acc)) {
			walk.gpa = v->known_gpa;
		} else {
			r = x86_walk(v, lin, wacc, &walk, &e->exc);
			if (r != X86_EMU_OK)
				return r;
		}
		page = vm_page(v->vm, v, walk.gpa & PAGE_MASK, w);
		slot = page ? NULL : vm_slot(v->vm, walk.gpa >> PAGE_SHIFT);
		if (slot && w && !write && (slot->flags & KVM_MEM_READONLY))
			page = vm_page(v->vm, v, walk.gpa & PAGE_MASK, false);
		else if (slot && !(slot->flags & KVM_MEM_READONLY))
			return gone(v);
		p[*n] = (struct piece){ walk.gpa, page ? page + (walk.gpa & ~PAGE_MASK) : NULL, len };
		lin += len;
		size -= len;
	}
	return X86_EMU_OK;
}

static void tell_engine(struct vcpu *v, u64 gpa, u32 len)
{
	struct memslot *slot = vm_slot(v->vm, gpa >> PAGE_SHIFT);
	u64 i;

	if (!slot || !slot->code)
		return;
	i = (gpa >> PAGE_SHIFT) - slot->base_gfn;
	if (READ_ONCE(slot->code[i / 64]) & BIT_ULL(i % 64))
		v->vm->engine->memory_written(v->vm, gpa, len);
}

/* Bytes of code, all in one page. */
static int fetch_page(struct x86_emu *e, u64 lin, void *val, u32 size)
{
	struct vcpu *v = vcpu_of(e);
	struct x86_walk walk;
	char *page;
	int r = x86_walk(v, lin, walk_acc(v, X86_ACC_FETCH, false), &walk, &e->exc);

	if (r != X86_EMU_OK)
		return r;
	page = vm_page(v->vm, v, walk.gpa & PAGE_MASK, false);
	if (!page)
		return vm_slot(v->vm, walk.gpa >> PAGE_SHIFT) ? gone(v) : no_code(v, walk.gpa);
	return plat_guest_read(val, page + (walk.gpa & ~PAGE_MASK), size) ? gone(v) : X86_EMU_OK;
}

static int op_read(struct x86_emu *e, u64 lin, void *val, unsigned int size, unsigned int acc)
{
	struct vcpu *v = vcpu_of(e);
	struct piece p[2];
	u32 n, i;
	int r;

	if (acc & X86_ACC_FETCH)
		return fetch_page(e, lin, val, size);
	r = resolve(e, lin, size, acc, false, p, &n);
	if (r != X86_EMU_OK)
		return r;
	v->watch_hits |= x86_watch_hits(v, lin, size, acc & X86_ACC_WRITE);
	for (i = 0; i < n; val = (char *)val + p[i].len, i++) {
		if (p[i].host) {
			if (plat_guest_read(val, p[i].host, p[i].len))
				return gone(v);
			continue;
		}
		r = vcpu_mmio_read(v, p[i].gpa, val, p[i].len);
		if (r != X86_EMU_OK)
			return r;
	}
	return X86_EMU_OK;
}

static int write_pieces(struct vcpu *v, const struct piece *p, u32 n, const void *val)
{
	u32 i;
	int r;

	for (i = 0; i < n; val = (const char *)val + p[i].len, i++) {
		if (p[i].host) {
			tell_engine(v, p[i].gpa, p[i].len);
			if (plat_guest_write(p[i].host, val, p[i].len))
				return gone(v);
			continue;
		}
		r = vcpu_mmio_write(v, p[i].gpa, val, p[i].len);
		if (r != X86_EMU_OK)
			return r;
	}
	return X86_EMU_OK;
}

static int op_write(struct x86_emu *e, u64 lin, const void *val, unsigned int size,
		    unsigned int acc)
{
	struct vcpu *v = vcpu_of(e);
	struct piece p[2];
	u32 n;
	int r = resolve(e, lin, size, acc, true, p, &n);

	if (r != X86_EMU_OK)
		return r;
	v->watch_hits |= x86_watch_hits(v, lin, size, true);
	return write_pieces(v, p, n, val);
}

/* The value that this very instruction has read from the host program's device a moment ago. */
static const void *just_read(const struct vcpu *v, const struct piece *p, u32 n)
{
	const struct mmio_log *log = &v->mmio;
	const struct mmio_access *a;

	if (n != 1 || p->host || !log->replay || log->replay > log->n)
		return NULL;
	a = &log->a[log->replay - 1];
	return a->done && !a->write && a->gpa == p->gpa && a->len == p->len ? a->data : NULL;
}

/* The exchange on what no single locked instruction reaches. */
static int cmpxchg_split(struct x86_emu *e, u64 lin, void *old, const void *val, u32 size,
			 const struct piece *p, u32 n, bool *done)
{
	const void *seen = just_read(vcpu_of(e), p, n);
	u8 now[16];
	int r = X86_EMU_OK;

	plat_mutex_lock(&vcpu_of(e)->vm->split_lock);
	if (seen)
		memcpy(now, seen, size);
	else
		r = op_read(e, lin, now, size, X86_ACC_WRITE);
	if (r == X86_EMU_OK) {
		*done = !memcmp(now, old, size);
		if (*done)
			r = write_pieces(vcpu_of(e), p, n, val);
		else
			memcpy(old, now, size);
	}
	plat_mutex_unlock(&vcpu_of(e)->vm->split_lock);
	return r;
}

static int op_cmpxchg(struct x86_emu *e, u64 lin, void *old, const void *val, unsigned int size,
		      bool *done)
{
	struct vcpu *v = vcpu_of(e);
	struct piece p[2];
	u32 n;
	int r = resolve(e, lin, size, X86_ACC_LOCK, true, p, &n);

	if (r != X86_EMU_OK)
		return r;
	v->watch_hits |= x86_watch_hits(v, lin, size, true);
	if (n != 1 || !p[0].host || (size == 16 && (lin & 15)))
		return cmpxchg_split(e, lin, old, val, size, p, n, done);
	tell_engine(v, p[0].gpa, size);
	return plat_guest_cmpxchg(p[0].host, old, val, size, done) ? gone(v) : X86_EMU_OK;
}

static int op_probe(struct x86_emu *e, u64 lin, unsigned int size, unsigned int acc)
{
	struct vcpu *v = vcpu_of(e);
	u32 wacc = walk_acc(v, acc, false);

	while (size) {
		u32 len = min((u64)size, PAGE_SIZE - (lin & ~PAGE_MASK));
		struct x86_walk walk;
		int r;

		if (!x86_long_mode(&v->cpu))
			lin = (u32)lin;
		r = x86_walk(v, lin, wacc, &walk, &e->exc);
		if (r != X86_EMU_OK)
			return r;
		lin += len;
		size -= len;
	}
	return X86_EMU_OK;
}

/* Elements of a REP INS that still fit the page of its destination. */
static u64 ins_count(const struct x86_emu *e, u32 size)
{
	const struct x86_insn *i = &e->insn;
	u64 mask = i->addrsize == 8 ? ~0ull : i->addrsize == 4 ? 0xffffffffull : 0xffffull;
	u64 off = (e->cpu->gpr[X86_RDI] + e->cpu->seg[X86_ES].base) & ~PAGE_MASK;
	u64 room = (e->cpu->rflags & X86_DF) ? off / size : (PAGE_SIZE - off) / size;

	return min(e->cpu->gpr[X86_RCX] & mask, max(room, 1ull));
}

static int op_pio(struct x86_emu *e, u16 port, void *val, unsigned int size, bool in)
{
	if (in && e->insn.info->op == X86_OP_INS && (e->insn.prefix & (X86_P_F2 | X86_P_F3)))
		return vcpu_pio_ins(vcpu_of(e), port, val, size, ins_count(e, size));
	return vcpu_pio(vcpu_of(e), port, val, size, in);
}

/* 0 and -EINVAL of the core's register functions; 1: an exit was made. */
static int reg_result(struct x86_emu *e, int err)
{
	if (err > 0)
		return X86_EMU_EXIT;
	return err ? x86_fault_err(e, X86_EXC_GP, 0) : X86_EMU_OK;
}

static int op_get_msr(struct x86_emu *e, u32 index, u64 *val)
{
	return reg_result(e, x86_guest_rdmsr(vcpu_of(e), index, val));
}

static int op_set_msr(struct x86_emu *e, u32 index, u64 val)
{
	return reg_result(e, x86_guest_wrmsr(vcpu_of(e), index, val));
}

static int op_set_cr(struct x86_emu *e, unsigned int n, u64 val)
{
	struct vcpu *v = vcpu_of(e);

	switch (n) {
	case 0: return reg_result(e, x86_set_cr0(v, val));
	case 3: return reg_result(e, x86_set_cr3(v, val));
	case 4: return reg_result(e, x86_set_cr4(v, val));
	case 8: return reg_result(e, x86_set_cr8(v, val));
	}
	return x86_fault(e, X86_EXC_UD);
}

static int op_get_cr8(struct x86_emu *e, u64 *val)
{
	*val = x86_get_cr8(vcpu_of(e));
	return X86_EMU_OK;
}

static int op_set_dr(struct x86_emu *e, unsigned int n, u64 val)
{
	struct vcpu *v = vcpu_of(e);

	if (n == 4 || n == 5)
		n += 2;
	if (n >= 6 && val >> 32)
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (n == 6)
		val = (val & DR6_WRITABLE) | DR6_FIXED;
	else if (n == 7)
		val = (val & ~DR7_CLEAR) | DR7_FIXED;
	v->cpu.dr[n] = val;
	v->vm->engine->mode_changed(v);
	return X86_EMU_OK;
}

static int op_set_xcr(struct x86_emu *e, u32 index, u64 val)
{
	return reg_result(e, index ? -EINVAL : x86_set_xcr0(vcpu_of(e), val));
}

static void op_cpuid(struct x86_emu *e, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	x86_cpuid(vcpu_of(e), eax, ebx, ecx, edx);
}

static u64 op_rdtsc(struct x86_emu *e)
{
	return x86_guest_tsc(vcpu_of(e));
}

static int op_rdpmc(struct x86_emu *e, u32 index, u64 *val)
{
	(void)index;
	*val = 0;
	return x86_fault_err(e, X86_EXC_GP, 0);		/* no counters are offered */
}

static void op_invlpg(struct x86_emu *e, u64 lin)
{
	struct vcpu *v = vcpu_of(e);

	v->vm->engine->tlb_flush_page(v, lin);
}

/* SDM vol. 2, INVPCID. More than asked may always be flushed. */
static int op_invpcid(struct x86_emu *e, u64 type, u64 pcid, u64 lin)
{
	struct vcpu *v = vcpu_of(e);
	bool here = pcid == ((v->cpu.cr4 & X86_CR4_PCIDE) ? v->cpu.cr3 & 0xfff : 0);

	if (type > 3 || (type < 2 && pcid > 0xfff) ||
	    (type < 2 && pcid && !(v->cpu.cr4 & X86_CR4_PCIDE)) ||
	    (type == 0 && !x86_canonical(lin, v->cpu.linear_bits)))
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (type == 0 && here)
		v->vm->engine->tlb_flush_page(v, lin);
	else if (type == 1 && here)
		v->vm->engine->tlb_flush_asid(v);
	else
		v->vm->engine->tlb_flush(v);
	return X86_EMU_OK;
}

/*
 * The other vendor's instruction. Stock KVM's quirk writes the right one over
 * it; here the call works either way, so where code is not writable it stays.
 * Without the quirk the instruction does not exist.
 */
static int foreign_hypercall(struct x86_emu *e)
{
	static const u8 vmcall[3] = { 0x0f, 0x01, 0xc1 }, vmmcall[3] = { 0x0f, 0x01, 0xd9 };
	struct x86_cpu *c = e->cpu;
	u64 lin = c->rip + e->insn.len - 3;

	if (vcpu_of(e)->vm->disabled_quirks & KVM_X86_QUIRK_FIX_HYPERCALL_INSN)
		return x86_fault(e, X86_EXC_UD);
	if (!x86_64bit(c))
		lin = (u32)(lin + c->seg[X86_CS].base);
	if (e->ops->probe(e, lin, 3, X86_ACC_WRITE) != X86_EMU_OK)
		return X86_EMU_OK;
	return e->ops->write(e, lin, e->vendor_intel ? vmcall : vmmcall, 3, 0);
}

static int op_hypercall(struct x86_emu *e)
{
	int r;

	if ((e->insn.info->op == X86_OP_VMCALL) != e->vendor_intel) {
		r = foreign_hypercall(e);
		if (r != X86_EMU_OK)
			return r;
	}
	return x86_hypercall(vcpu_of(e)) ? X86_EMU_OK : X86_EMU_EXIT;
}

static void op_wbinvd(struct x86_emu *e)
{
	(void)e;	/* caches are the host's, and coherent */
}

static void op_iret_done(struct x86_emu *e)
{
	struct vcpu *v = vcpu_of(e);

	if (v->cpu.nmi_masked) {
		v->cpu.nmi_masked = false;
		if (v->nmi_pending)
			vcpu_request_kick(v, VCPU_REQ_EVENT);
	}
}

static void op_changed(struct x86_emu *e)
{
	struct vcpu *v = vcpu_of(e);

	v->vm->engine->mode_changed(v);
}

static void op_commit(struct x86_emu *e)
{
	struct vcpu *v = vcpu_of(e);

	if (unlikely(v->mmio.n))
		vcpu_mmio_done(v);
}

/* An engine that does not look for new registers in the image runs such instructions itself. */
static struct x86_xsave *op_fpu(struct x86_emu *e)
{
	struct vcpu *v = vcpu_of(e);

	if (!v->vm->engine->fpu_written)
		return NULL;
	vcpu_fpu(v);
	return (struct x86_xsave *)v->cpu.xsave;
}

static void op_fpu_written(struct x86_emu *e)
{
	struct vcpu *v = vcpu_of(e);

	v->vm->engine->fpu_written(v);
}

const struct x86_emu_ops vcpu_emu_ops = {
	.read = op_read,
	.write = op_write,
	.cmpxchg = op_cmpxchg,
	.probe = op_probe,
	.pio = op_pio,
	.get_msr = op_get_msr,
	.set_msr = op_set_msr,
	.set_cr = op_set_cr,
	.get_cr8 = op_get_cr8,
	.set_dr = op_set_dr,
	.set_xcr = op_set_xcr,
	.cpuid = op_cpuid,
	.rdtsc = op_rdtsc,
	.rdpmc = op_rdpmc,
	.invlpg = op_invlpg,
	.invpcid = op_invpcid,
	.hypercall = op_hypercall,
	.wbinvd = op_wbinvd,
	.iret_done = op_iret_done,
	.changed = op_changed,
	.commit = op_commit,
	.fpu = op_fpu,
	.fpu_written = op_fpu_written,
};

/* ---- one instruction ---- */

int vcpu_raise(struct vcpu *v, const struct x86_exception *exc, enum engine_exit *why)
{
	if (exc->vector == X86_EXC_DB && vcpu_debug_exit(v, X86_EXC_DB, exc->cr2, v->cpu.rip)) {
		*why = ENGINE_EXIT_USER;
		return 0;
	}
	vcpu_queue_exception(v, exc);
	return 1;
}

static int internal_error(struct vcpu *v, enum engine_exit *why)
{
	const struct x86_insn *i = &v->emu.insn;
	struct kvm_run *run = v->run;
	char text[96];

	x86_format(text, sizeof(text), i, v->cpu.rip);
	plat_log("vcpu %u: no way to execute '%s' at %llx", v->id, text,
		 (unsigned long long)v->cpu.rip);
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 4;
	run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run->emulation_failure.insn_size = i->len;
	memset(run->emulation_failure.insn_bytes, 0, sizeof(run->emulation_failure.insn_bytes));
	memcpy(run->emulation_failure.insn_bytes, i->bytes, min((u32)i->len, (u32)X86_INSN_MAX));
	*why = ENGINE_EXIT_USER;
	return 0;
}

int vcpu_emulate_result(struct vcpu *v, int r, enum engine_exit *why)
{
	struct x86_exception exc;

	switch (r) {
	case X86_EMU_OK:
	case X86_EMU_HLT:
	case X86_EMU_FAULT:
		if (v->mmio.n)
			vcpu_mmio_done(v);
		break;
	case X86_EMU_EXIT:
		*why = ENGINE_EXIT_USER;
		return 0;
	case X86_EMU_UNHANDLED:
		return internal_error(v, why);
	case X86_EMU_SHUTDOWN:
		*why = v->memory_gone ? ENGINE_EXIT_FAULT : ENGINE_EXIT_SHUTDOWN;
		v->memory_gone = false;
		return 0;
	default:
		return 1;
	}
	if (r == X86_EMU_FAULT)
		exc = v->emu.exc;
	if (unlikely(v->watch_hits)) {
		/* A trap of the finished instruction; one that faults has not been executed. */
		if (r != X86_EMU_FAULT)
			exc = (struct x86_exception){ .vector = X86_EXC_DB };
		if (exc.vector == X86_EXC_DB)
			exc.cr2 |= v->watch_hits;
		v->watch_hits = 0;
		return vcpu_raise(v, &exc, why);
	}
	if (r == X86_EMU_FAULT)
		return vcpu_raise(v, &exc, why);
	if (r == X86_EMU_HLT) {
		*why = ENGINE_EXIT_HALT;
		return 0;
	}
	return 1;
}

int vcpu_check_insn(struct vcpu *v)
{
	struct x86_emu *e = &v->emu;

	switch (e->insn.info->op) {
	case X86_OP_INT3:
		/* The debugger's own breakpoint: the guest never sees it. */
		return vcpu_debug_exit(v, X86_EXC_BP, 0, v->cpu.rip) ? X86_EMU_EXIT : X86_EMU_OK;
	case X86_OP_MOV_FROM_DR:
	case X86_OP_MOV_TO_DR:
		if (!(x86_effective_dr(v)[7] & DR7_GD) || x86_cpl(&v->cpu))
			return X86_EMU_OK;
		if (!(v->guest_debug & KVM_GUESTDBG_USE_HW_BP))
			v->cpu.dr[7] &= ~DR7_GD;	/* cleared on the way to the handler */
		e->exc = (struct x86_exception){ .vector = X86_EXC_DB, .cr2 = DR6_BD };
		return X86_EMU_FAULT;
	}
	return X86_EMU_OK;
}

/* The instruction that went out to the host program has been fetched: it is not fetched twice. */
static int fetch(struct vcpu *v)
{
	struct x86_emu *e = &v->emu;
	bool kept = v->insn_kept && v->insn_rip == v->cpu.rip;
	int r = kept ? X86_EMU_OK : x86_emu_fetch(e);

	v->insn_kept = false;
	v->insn_rip = v->cpu.rip;
	return r;
}

/*
 * A plain store that has gone out to the host program is over, and rip is
 * behind it when KVM_RUN returns, as host programs know it from stock KVM.
 */
static bool posted(const struct vcpu *v)
{
	const struct x86_insn *i = &v->emu.insn;
	const struct mmio_log *log = &v->mmio;

	return i->info->op == X86_OP_MOV && log->awaiting && !log->pio && log->n == 1 &&
	       log->a[0].write && log->a[0].len == i->memsize && !v->watch_hits &&
	       !(v->cpu.rflags & X86_TF) && !vcpu_debug_stepping(v);
}

static int emulate(struct vcpu *v)
{
	int r;

	vcpu_state(v);
	v->watch_hits = 0;
	v->memory_gone = false;
	vcpu_mmio_restart(v);
	r = fetch(v);
	if (r != X86_EMU_OK)
		return r;
	r = vcpu_check_insn(v);
	if (r == X86_EMU_OK)
		r = x86_emulate(&v->emu);
	if (r != X86_EMU_EXIT) {
		v->known_gpa = VCPU_NO_GPA;
	} else if (posted(v)) {
		x86_emu_retire(&v->emu);
		vcpu_mmio_retire(v);
		vcpu_forget_insn(v);
	} else {
		v->insn_kept = true;
	}
	return r;
}

int vcpu_emulate_one(struct vcpu *v, enum engine_exit *why)
{
	return vcpu_emulate_result(v, emulate(v), why);
}

int vcpu_emulate_resume(struct vcpu *v, enum engine_exit *why)
{
	int r = emulate(v);

	return r == X86_EMU_UNHANDLED ? 1 : vcpu_emulate_result(v, r, why);
}
