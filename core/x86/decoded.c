/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Instructions that a processor has decoded for us: what an intercept says is
 * enough to finish them, and the emulator, which would read the instruction
 * and look at every rule again, stays out of it.
 *
 * Privilege, IOPM and the like have been checked: an intercept comes after
 * (APM vol. 2, 15.7 and table 15-7). Valid here, even with state_stale, are
 * gpr, rip, rflags, cr0, cr3, cr4, efer, CS and SS of vcpu->cpu.
 */
#include "core-int.h"

#define DR6_BS BIT_ULL(14)

int vcpu_decoded_skip(struct vcpu *v, u64 next, enum engine_exit *why)
{
	struct x86_cpu *c = &v->cpu;
	struct x86_exception db = { .vector = X86_EXC_DB, .cr2 = DR6_BS };

	c->rip = next;
	c->interrupt_shadow = 0;
	c->rflags &= ~(u64)X86_RF;
	if (likely(!(c->rflags & X86_TF) && !v->guest_debug))
		return 1;
	if (!(c->rflags & X86_TF) && !vcpu_debug_stepping(v))
		return 1;
	vcpu_state(v);
	return vcpu_raise(v, &db, why);
}

int vcpu_decoded_cpuid(struct vcpu *v, u64 next, enum engine_exit *why)
{
	u64 *g = v->cpu.gpr;
	u32 a = g[X86_RAX], b, c = g[X86_RCX], d;

	x86_cpuid(v, &a, &b, &c, &d);
	g[X86_RAX] = a;
	g[X86_RBX] = b;
	g[X86_RCX] = c;
	g[X86_RDX] = d;
	return vcpu_decoded_skip(v, next, why);
}

static int raise_gp(struct vcpu *v)
{
	static const struct x86_exception gp = { .vector = X86_EXC_GP, .has_error = true };

	vcpu_queue_exception(v, &gp);
	return 1;
}

/* 0: done; -EINVAL: #GP; 1: the host program answers, and the instruction is done again then. */
static int msr_result(struct vcpu *v, int err, u64 next, enum engine_exit *why)
{
	if (likely(!err))
		return vcpu_decoded_skip(v, next, why);
	if (err < 0)
		return raise_gp(v);
	*why = ENGINE_EXIT_USER;
	return 0;
}

int vcpu_decoded_rdmsr(struct vcpu *v, u64 next, enum engine_exit *why)
{
	u64 *g = v->cpu.gpr, val = 0;
	int err = x86_guest_rdmsr(v, (u32)g[X86_RCX], &val);

	if (!err) {
		g[X86_RAX] = (u32)val;
		g[X86_RDX] = val >> 32;
	}
	return msr_result(v, err, next, why);
}

int vcpu_decoded_wrmsr(struct vcpu *v, u64 next, enum engine_exit *why)
{
	const u64 *g = v->cpu.gpr;
	u64 val = (u32)g[X86_RAX] | g[X86_RDX] << 32;

	return msr_result(v, x86_guest_wrmsr(v, (u32)g[X86_RCX], val), next, why);
}

/* The low @size bytes of rAX; a 32-bit result clears the upper half. */
static void set_rax(struct vcpu *v, const void *val, u32 size)
{
	u64 *rax = &v->cpu.gpr[X86_RAX];

	if (size == 1)
		*rax = (*rax & ~0xffull) | *(const u8 *)val;
	else if (size == 2)
		*rax = (*rax & ~0xffffull) | *(const u16 *)val;
	else
		*rax = *(const u32 *)val;
}

int vcpu_decoded_io(struct vcpu *v, u16 port, u32 size, bool in, u64 next, enum engine_exit *why)
{
	struct kvm_run *run = v->run;
	u32 val = v->cpu.gpr[X86_RAX];
	int err;

	if (in) {
		err = vm_io_read(v, IO_BUS_PIO, port, size, &val);
		if (!err)
			set_rax(v, &val, size);
	} else {
		err = vm_io_write(v, IO_BUS_PIO, port, size, &val);
	}
	if (!err)
		return vcpu_decoded_skip(v, next, why);
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = 1;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	v->stats.io_exits++;
	*why = ENGINE_EXIT_USER;
	v->pio_open = (struct pio_open){ .rip = v->cpu.rip, .next = next, .size = size, .in = in };
	if (!in)
		memcpy(v->pio_page, &val, size);
	return 0;
}

int vcpu_decoded_io_answer(struct vcpu *v, enum engine_exit *why)
{
	struct pio_open o = v->pio_open;

	v->pio_open.size = 0;
	if (o.rip != v->cpu.rip)	/* the host program has moved it */
		return 1;
	if (o.in) {
		plat_trace_pio(false, v->run->io.port, o.size, 1, v->pio_page);
		set_rax(v, v->pio_page, o.size);
	}
	return vcpu_decoded_skip(v, o.next, why);
}

int vcpu_decoded_hlt(struct vcpu *v, u64 next, enum engine_exit *why)
{
	if (!vcpu_decoded_skip(v, next, why))
		return 0;
	if (v->exception_pending)	/* a trap of the HLT itself ends it */
		return 1;
	*why = ENGINE_EXIT_HALT;
	return 0;
}

int vcpu_decoded_hypercall(struct vcpu *v, u64 next, enum engine_exit *why)
{
	if (x86_hypercall(v))
		return vcpu_decoded_skip(v, next, why);
	*why = ENGINE_EXIT_USER;
	return 0;
}

/* ---- lengths ---- */

/* Code at @lin, through the tables as they are now: bytes read, up to @n and to the page's end. */
static u32 read_code(struct vcpu *v, u64 lin, u8 *buf, u32 n)
{
	u32 acc = X86_WALK_PEEK | X86_WALK_X | (x86_cpl(&v->cpu) == 3 ? X86_WALK_U : 0);
	struct x86_walk w;
	u8 *page;

	n = min(n, (u32)(PAGE_SIZE - (lin & ~PAGE_MASK)));
	if (x86_walk(v, lin, acc, &w, NULL) != X86_EMU_OK)
		return 0;
	page = vm_page(v->vm, v, w.gpa & PAGE_MASK, false);
	if (!page || plat_guest_read(buf, page + (w.gpa & ~PAGE_MASK), n))
		return 0;
	return n;
}

static bool is_prefix(u8 b, bool mode64)
{
	switch (b) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
	case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
		return true;
	}
	return mode64 && (b & 0xf0) == 0x40;
}

/* Bytes that the opcode needs behind the prefixes. */
static bool matches(const u8 *b, u32 len, u8 op, int modrm, bool one)
{
	if (one)
		return len >= 1 && b[0] == op;
	return len >= 2 && b[0] == 0x0f && b[1] == op && (modrm < 0 || (len >= 3 && b[2] == modrm));
}

u32 vcpu_insn_length(struct vcpu *v, u8 op, int modrm, bool one)
{
	bool mode64 = x86_64bit(&v->cpu);
	u32 want = one ? 1 : modrm < 0 ? 2 : 3, n, i;
	u64 lin = v->cpu.rip;
	u8 buf[X86_INSN_MAX];

	if (!mode64)
		lin = (u32)(lin + v->cpu.seg[X86_CS].base);
	n = read_code(v, lin, buf, sizeof(buf));
	if (likely(matches(buf, n, op, modrm, one)))	/* no prefixes, as a rule */
		return want;
	for (i = 0; i < n && is_prefix(buf[i], mode64); i++)
		;
	if (i + want > n && n < sizeof(buf) && n)	/* goes on in the next page */
		n += read_code(v, mode64 ? lin + n : (u32)(lin + n), buf + n, sizeof(buf) - n);
	for (; i < n && is_prefix(buf[i], mode64); i++)
		;
	return i + want <= n && matches(buf + i, n - i, op, modrm, one) ? i + want : 0;
}
