/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest of the emulator's tests: see emulate_env.h. */
#include <stdlib.h>
#include "tests/unit/emulate_env.h"

static struct env *env_of(struct x86_emu *e)
{
	return e->ctx;
}

static int page_fault(struct x86_emu *e, u64 lin, unsigned int err)
{
	e->exc = (struct x86_exception){ .vector = X86_EXC_PF, .has_error = true, .error = err,
					 .cr2 = lin };
	return X86_EMU_FAULT;
}

/* Count an access; say whether this one is to fail or to exit. */
static int account(struct env *v, u64 lin)
{
	int n = v->accesses++;

	if (n == v->exit_at && !v->exited) {
		v->exited = true;
		return X86_EMU_EXIT;
	}
	return n == v->fail_at ? page_fault(&v->e, lin, 0) : X86_EMU_OK;
}

static bool inside(struct env *v, u64 lin, unsigned int size)
{
	return lin - v->base < ENV_MEM && lin - v->base + size <= ENV_MEM;
}

/* What was probed cannot fail any more; it can still exit. */
static bool was_probed(struct env *v, u64 lin, unsigned int size, bool write)
{
	unsigned int n;

	for (n = 0; n < v->nprobed; n++)
		if (lin >= v->probed[n].lin && lin + size <= v->probed[n].lin + v->probed[n].size &&
		    v->probed[n].write >= write)
			return true;
	return false;
}

static int env_read(struct x86_emu *e, u64 lin, void *val, unsigned int size, unsigned int acc)
{
	struct env *v = env_of(e);
	int r = acc & X86_ACC_FETCH ? X86_EMU_OK : account(v, lin);

	if (r == X86_EMU_EXIT || (r == X86_EMU_FAULT && !was_probed(v, lin, size, false)))
		return r;
	if (!inside(v, lin, size))
		return page_fault(e, lin, acc & X86_ACC_WRITE ? X86_PF_W : 0);
	memcpy(val, v->mem + (lin - v->base), size);
	return X86_EMU_OK;
}

static int env_write(struct x86_emu *e, u64 lin, const void *val, unsigned int size,
		     unsigned int acc)
{
	struct env *v = env_of(e);
	int r = account(v, lin);

	if (r == X86_EMU_EXIT || (r == X86_EMU_FAULT && !was_probed(v, lin, size, true)))
		return r;
	if (!inside(v, lin, size))
		return page_fault(e, lin, X86_PF_W);
	memcpy(v->mem + (lin - v->base), val, size);
	return X86_EMU_OK;
}

static int env_cmpxchg(struct x86_emu *e, u64 lin, void *old, const void *val, unsigned int size,
		       bool *done)
{
	struct env *v = env_of(e);
	int r = account(v, lin);

	if (r == X86_EMU_EXIT || (r == X86_EMU_FAULT && !was_probed(v, lin, size, true)))
		return r;
	if (!inside(v, lin, size))
		return page_fault(e, lin, X86_PF_W);
	*done = !memcmp(v->mem + (lin - v->base), old, size);
	if (*done)
		memcpy(v->mem + (lin - v->base), val, size);
	else
		memcpy(old, v->mem + (lin - v->base), size);
	return X86_EMU_OK;
}

static int env_probe(struct x86_emu *e, u64 lin, unsigned int size, unsigned int acc)
{
	struct env *v = env_of(e);
	int r = account(v, lin);

	if (r == X86_EMU_EXIT) {	/* a probe has nothing to ask of anybody */
		v->exited = false;
		v->exit_at++;
		r = X86_EMU_OK;
	}
	if (r != X86_EMU_OK)
		return r;
	if (!inside(v, lin, size))
		return page_fault(e, lin, acc & X86_ACC_WRITE ? X86_PF_W : 0);
	if (v->nprobed < ARRAY_SIZE(v->probed)) {
		v->probed[v->nprobed].write = acc & X86_ACC_WRITE;
		v->probed[v->nprobed].lin = lin;
		v->probed[v->nprobed++].size = size;
	}
	return X86_EMU_OK;
}

static int env_pio(struct x86_emu *e, u16 port, void *val, unsigned int size, bool in)
{
	struct env *v = env_of(e);
	int n = v->accesses++;

	if (n == v->exit_at && !v->exited) {
		v->exited = true;
		return X86_EMU_EXIT;
	}
	v->ports++;
	if (in)
		memcpy(val, &v->port_in, size);
	else
		memcpy(&v->port_out, val, size);
	return X86_EMU_OK;
}

static int env_get_msr(struct x86_emu *e, u32 index, u64 *val)
{
	*val = env_of(e)->msr;
	return index == 0x10 ? X86_EMU_OK : x86_fault_err(e, X86_EXC_GP, 0);
}

static int env_set_msr(struct x86_emu *e, u32 index, u64 val)
{
	if (index != 0x10)
		return x86_fault_err(e, X86_EXC_GP, 0);
	env_of(e)->msr = val;
	return X86_EMU_OK;
}

static int env_set_cr(struct x86_emu *e, unsigned int n, u64 val)
{
	struct x86_cpu *c = e->cpu;

	if (n == 0)
		c->cr0 = val | X86_CR0_ET;
	else if (n == 3)
		c->cr3 = val;
	else if (n == 4)
		c->cr4 = val;
	else
		c->cr8 = val;
	return X86_EMU_OK;
}

static int env_get_cr8(struct x86_emu *e, u64 *val)
{
	*val = e->cpu->cr8;
	return X86_EMU_OK;
}

static int env_set_dr(struct x86_emu *e, unsigned int n, u64 val)
{
	e->cpu->dr[n] = val;
	return X86_EMU_OK;
}

static int env_set_xcr(struct x86_emu *e, u32 index, u64 val)
{
	if (index || !(val & 1))
		return x86_fault_err(e, X86_EXC_GP, 0);
	e->cpu->xcr0 = val;
	return X86_EMU_OK;
}

static void env_cpuid(struct x86_emu *e, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	*eax += 1;
	*ebx = 2;
	*ecx += 3;
	*edx = 4;
}

static u64 env_rdtsc(struct x86_emu *e)
{
	return 0x1122334455667788;
}

static int env_rdpmc(struct x86_emu *e, u32 index, u64 *val)
{
	*val = index;
	return X86_EMU_OK;
}

static void env_invlpg(struct x86_emu *e, u64 lin)
{
	env_of(e)->invlpgs++;
}

static int env_invpcid(struct x86_emu *e, u64 type, u64 pcid, u64 lin)
{
	return X86_EMU_OK;
}

static int env_hypercall(struct x86_emu *e)
{
	e->cpu->gpr[X86_RAX] = 42;
	return X86_EMU_OK;
}

static void env_iret_done(struct x86_emu *e)
{
	env_of(e)->irets++;
}

static void env_changed(struct x86_emu *e)
{
	env_of(e)->changes++;
}

static void env_commit(struct x86_emu *e)
{
	struct env *v = env_of(e);

	v->commits++;
	v->nprobed = 0;
}

static struct x86_xsave *env_fpu(struct x86_emu *e)
{
	return env_of(e)->no_fpu ? NULL : (struct x86_xsave *)e->cpu->xsave;
}

static void env_fpu_written(struct x86_emu *e)
{
	env_of(e)->fpu_writes++;
}

const struct x86_emu_ops env_ops = {
	.read = env_read,
	.write = env_write,
	.cmpxchg = env_cmpxchg,
	.probe = env_probe,
	.pio = env_pio,
	.get_msr = env_get_msr,
	.set_msr = env_set_msr,
	.set_cr = env_set_cr,
	.get_cr8 = env_get_cr8,
	.set_dr = env_set_dr,
	.set_xcr = env_set_xcr,
	.cpuid = env_cpuid,
	.rdtsc = env_rdtsc,
	.rdpmc = env_rdpmc,
	.invlpg = env_invlpg,
	.invpcid = env_invpcid,
	.hypercall = env_hypercall,
	.iret_done = env_iret_done,
	.changed = env_changed,
	.commit = env_commit,
	.fpu = env_fpu,
	.fpu_written = env_fpu_written,
};

u64 env_get(struct env *v, u64 lin, unsigned int size)
{
	u64 val = 0;

	memcpy(&val, v->mem + (lin - v->base), size);
	return val;
}

void env_put(struct env *v, u64 lin, unsigned int size, u64 val)
{
	memcpy(v->mem + (lin - v->base), &val, size);
}

static u64 descriptor(u32 base, u32 limit, unsigned int ar)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(ar & 0xf0ff) << 40 |
	       (u64)(limit >> 16 & 0xf) << 48 | (u64)(base >> 24) << 56;
}

void env_gate(struct env *v, unsigned int n, u16 sel, u64 off, unsigned int type, unsigned int dpl,
	      unsigned int ist)
{
	u64 lo = (off & 0xffff) | (u64)sel << 16 | (u64)(0x80 | dpl << 5 | type) << 40 |
		 (off >> 16 & 0xffff) << 48 | (u64)ist << 32;
	bool lng = x86_long_mode(&v->c);

	env_put(v, ENV_IDT + n * (lng ? 16 : 8), 8, lo);
	if (lng)
		env_put(v, ENV_IDT + n * 16 + 8, 8, off >> 32);
}

static void put_tables(struct env *v)
{
	bool lng = x86_long_mode(&v->c);
	u16 gate_cs = lng ? ENV_CS64 : ENV_CS32;
	u64 gdt[ENV_GDT_END / 8] = {
		[ENV_CS32 / 8] = descriptor(0, 0xfffff, 0xc09a),
		[ENV_DS32 / 8] = descriptor(0, 0xfffff, 0xc092),
		[ENV_CS64 / 8] = descriptor(0, 0xfffff, 0xa09a),
		[ENV_CS32_3 / 8] = descriptor(0, 0xfffff, 0xc0fa),
		[ENV_DS_3 / 8] = descriptor(0, 0xfffff, 0xc0f2),
		[ENV_CS64_3 / 8] = descriptor(0, 0xfffff, 0xa0fa),
		[ENV_TR / 8] = descriptor(ENV_TSS, 0x3ff, 0x8b),
		[ENV_LDTR / 8] = descriptor(ENV_LDT, 0xff, 0x82),
		[ENV_CS16 / 8] = descriptor(0, 0xffff, 0x9a),
		[ENV_DS16 / 8] = descriptor(0, 0xffff, 0x92),
		[ENV_GATE / 8] = ENV_HANDLER | (u64)gate_cs << 16 | 0xecull << 40,
		[ENV_CONF / 8] = descriptor(0, 0xfffff, lng ? 0xa09e : 0xc09e),
		[ENV_TR_NEW / 8] = descriptor(ENV_TSS_NEW, 0x67, 0x89),
		[ENV_TASKGATE / 8] = (u64)ENV_TR_NEW << 16 | 0xe5ull << 40,
		[ENV_ABSENT / 8] = descriptor(0, 0xfffff, 0xc012),
		[ENV_RO / 8] = descriptor(0, 0xfffff, 0xc0f0),
		[ENV_SMALL / 8] = descriptor(ENV_DATA, 0xfff, 0x40f2),
	};
	unsigned int n;

	memcpy(v->mem + ENV_GDT, gdt, sizeof(gdt));
	if (lng) {
		env_put(v, ENV_TSS + 4, 8, ENV_STACK0);
		env_put(v, ENV_TSS + 0x24, 8, ENV_IST1);
	} else {
		env_put(v, ENV_TSS + 4, 4, ENV_STACK0);
		env_put(v, ENV_TSS + 8, 2, ENV_DS32);
	}
	env_put(v, ENV_TSS + 0x66, 2, 0x88);		/* bitmap: ports 0..7f shut, then open */
	memset(v->mem + ENV_TSS + 0x68, 0xff, 0x20);	/* no VME redirection */
	memset(v->mem + ENV_TSS + 0x88, 0xff, 0x10);
	for (n = 0; n < 256; n++)
		env_gate(v, n, gate_cs, ENV_HANDLER + n, 14, 3, 0);
}

static void set_seg(struct env *v, enum x86_seg n, u16 sel, u32 base, u32 limit, u16 ar)
{
	v->c.seg[n] = (struct x86_segment){ .selector = sel, .base = base, .limit = limit,
					    .ar = ar };
}

static void set_data(struct env *v, u16 sel, u32 limit, u16 ar)
{
	static const u8 data[] = { X86_ES, X86_SS, X86_DS, X86_FS, X86_GS };
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(data); n++)
		set_seg(v, data[n], sel, 0, limit, ar);
}

void env_init(struct env *v, enum env_mode mode)
{
	struct x86_cpu *c = &v->c;
	u8 *mem = v->mem ? v->mem : malloc(ENV_MEM);
	unsigned int n;

	memset(v, 0, sizeof(*v));
	memset(mem, 0, ENV_MEM);
	v->mem = mem;
	v->e = (struct x86_emu){ .cpu = c, .ops = &env_ops, .ctx = v };
	c->rflags = 2;
	c->cr0 = X86_CR0_ET;
	c->linear_bits = 48;
	c->maxphyaddr = 40;
	c->dr[6] = 0xffff0ff0;
	c->dr[7] = 0x400;
	c->rip = ENV_CODE;
	c->gpr[X86_RSP] = ENV_STACK;
	c->gdtr = (struct x86_dtable){ ENV_GDT, ENV_GDT_END - 1 };
	c->idtr = (struct x86_dtable){ mode == ENV_REAL ? 0 : ENV_IDT, 0xfff };
	set_seg(v, X86_TR, ENV_TR, ENV_TSS, 0x3ff, 0x8b);
	set_seg(v, X86_LDTR, ENV_LDTR, ENV_LDT, 0xff, 0x82);
	if (mode != ENV_REAL)
		c->cr0 |= X86_CR0_PE;
	if (mode >= ENV_LONG) {
		c->cr0 |= X86_CR0_PG;
		c->cr4 = X86_CR4_PAE;
		c->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE;
	}
	switch (mode) {
	case ENV_REAL:
	case ENV_V86:
		set_data(v, 0, 0xffff, mode == ENV_V86 ? 0xf3 : 0x93);
		set_seg(v, X86_CS, 0, 0, 0xffff, mode == ENV_V86 ? 0xf3 : 0x9b);
		if (mode == ENV_V86)
			c->rflags |= X86_VM;
		break;
	case ENV_PROT:
		set_data(v, ENV_DS32, 0xffffffff, 0xc093);
		set_seg(v, X86_CS, ENV_CS32, 0, 0xffffffff, 0xc09b);
		break;
	case ENV_LONG:
		set_data(v, ENV_DS32, 0xffffffff, 0xc093);
		set_seg(v, X86_CS, ENV_CS64, 0, 0xffffffff, 0xa09b);
		break;
	default:
		set_data(v, ENV_DS_3, 0xffffffff, 0xc0f3);
		if (mode == ENV_LONG3)
			set_seg(v, X86_CS, ENV_CS64_3, 0, 0xffffffff, 0xa0fb);
		else
			set_seg(v, X86_CS, ENV_CS32_3, 0, 0xffffffff, 0xc0fb);
	}
	put_tables(v);
	if (mode == ENV_REAL)
		for (n = 0; n < 256; n++)
			env_put(v, n * 4, 4, ENV_HANDLER + n);
	env_arm(v, -1, -1);
}

void env_free(struct env *v)
{
	free(v->mem);
	v->mem = NULL;
}

void env_arm(struct env *v, int fail_at, int exit_at)
{
	v->accesses = 0;
	v->fail_at = fail_at;
	v->exit_at = exit_at;
	v->exited = false;
	v->nprobed = 0;
}

void env_code(struct env *v, const void *bytes, unsigned int n)
{
	memcpy(v->mem + (v->c.rip - v->base), bytes, n);
}

int env_step(struct env *v)
{
	int r = x86_emu_fetch(&v->e);

	return r == X86_EMU_OK ? x86_emulate(&v->e) : r;
}
