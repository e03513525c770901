/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * What the files of the emulator share: operands, memory, stack, descriptors
 * and far transfers. Nobody outside this directory includes it.
 *
 * The one rule: a handler makes every check and every access that can fail
 * first and writes registers last, so that a fault, or an exit that will run
 * the instruction again, leaves nothing behind. An instruction with several
 * memory writes probes them all before the first.
 */
#ifndef ANYKVM_EXEC_H
#define ANYKVM_EXEC_H

#include "x86/emulate/emulate.h"

typedef int (*x86_exec_fn)(struct x86_emu *e);

#define X86_FLAGS_USER (X86_ARITH | X86_TF | X86_DF | X86_NT | X86_AC | X86_ID)

static inline u64 size_mask(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << (size * 8)) - 1;
}

static inline s64 sign_extend(u64 v, unsigned int size)
{
	unsigned int sh = 64 - size * 8;

	return (s64)(v << sh) >> sh;
}

/* A general register: 32-bit writes clear the upper half, in every mode. */
static inline u64 gpr_get(const struct x86_cpu *c, unsigned int n, unsigned int size)
{
	return c->gpr[n] & size_mask(size);
}

static inline void gpr_set(struct x86_cpu *c, unsigned int n, unsigned int size, u64 v)
{
	u64 m = size_mask(size);

	c->gpr[n] = size >= 4 ? v & m : (c->gpr[n] & ~m) | (v & m);
}

/* A register operand of the instruction: bytes 4..7 without REX are AH..BH. */
static inline u64 reg_get(const struct x86_emu *e, unsigned int n, unsigned int size)
{
	if (size == 1 && !e->insn.rex && n >= 4 && n < 8)
		return (e->cpu->gpr[n - 4] >> 8) & 0xff;
	return gpr_get(e->cpu, n, size);
}

static inline void reg_set(struct x86_emu *e, unsigned int n, unsigned int size, u64 v)
{
	if (size == 1 && !e->insn.rex && n >= 4 && n < 8)
		e->cpu->gpr[n - 4] = (e->cpu->gpr[n - 4] & ~0xff00ull) | (v & 0xff) << 8;
	else
		gpr_set(e->cpu, n, size, v);
}

static inline void flags_set(struct x86_emu *e, u64 mask, u64 v)
{
	e->cpu->rflags = (e->cpu->rflags & ~mask) | (v & mask) | BIT(1);
}

/* Real-address or virtual-8086 mode: segments are shifted selectors. */
static inline bool x86_real_segments(const struct x86_cpu *c)
{
	return !x86_protected(c) || x86_v86(c);
}

static inline unsigned int x86_iopl(const struct x86_cpu *c)
{
	return (c->rflags >> 12) & 3;
}

/* The size of operands that are 4 bytes, or 8 with W. */
static inline unsigned int x86_y_size(const struct x86_emu *e)
{
	return e->insn.mode == X86_MODE_64 && (e->insn.rex & 8) ? 8 : 4;
}

static inline unsigned int x86_class_size(const struct x86_emu *e, u8 opclass)
{
	switch (opclass) {
	case X86_C_GPR8:
		return 1;
	case X86_C_GPR16:
	case X86_C_SREG:
		return 2;
	case X86_C_GPR32:
		return 4;
	case X86_C_GPR64:
		return 8;
	case X86_C_GPRY:
		return x86_y_size(e);
	default:
		return e->insn.opsize;
	}
}

static inline u64 x86_next_rip(const struct x86_emu *e)
{
	u64 rip = e->cpu->rip + e->insn.len;

	return e->insn.mode == X86_MODE_64 ? rip : (u32)rip;
}

static inline void x86_changed(struct x86_emu *e)
{
	if (e->ops->changed)
		e->ops->changed(e);
}

/* exec.c: addresses, operands, memory. Values come zero-extended. */
u64 x86_ea(const struct x86_emu *e);
int x86_mem_lin(struct x86_emu *e, unsigned int size, unsigned int acc, u64 *lin);
int x86_read_rm(struct x86_emu *e, unsigned int size, u64 *val);
int x86_write_rm(struct x86_emu *e, unsigned int size, u64 val);
int x86_read_seg(struct x86_emu *e, enum x86_seg seg, u64 off, unsigned int size, u64 *val);
int x86_write_seg(struct x86_emu *e, enum x86_seg seg, u64 off, unsigned int size, u64 val);
/* Implicit supervisor accesses: descriptor tables, TSS, the stack of an inner level. */
int x86_sys_read(struct x86_emu *e, u64 lin, unsigned int size, u64 *val);
int x86_sys_write(struct x86_emu *e, u64 lin, unsigned int size, u64 val);
/* Near branch: truncation by operand size, limit or canonical check, commit. */
int x86_check_rip(struct x86_emu *e, u64 rip);
void x86_set_rip(struct x86_emu *e, u64 rip);

/* Stack. x86_sp_* work on a copy of rsp, which is committed at the end. */
unsigned int x86_stack_size(const struct x86_cpu *c);
void x86_sp_commit(struct x86_emu *e, u64 sp);
int x86_sp_push(struct x86_emu *e, u64 *sp, unsigned int size, u64 val);
int x86_sp_pop(struct x86_emu *e, u64 *sp, unsigned int size, u64 *val);
int x86_sp_probe_push(struct x86_emu *e, u64 sp, unsigned int n, unsigned int size);

/* seg.c: descriptors and segments. */
struct x86_desc {
	u64 lo, hi;		/* hi: the second half of a 16-byte system descriptor */
	u64 lin;		/* where it stands; 0 for none */
	u16 selector;
};

#define X86_SYS_TSS16 1
#define X86_SYS_LDT 2
#define X86_SYS_TSS16_BUSY 3
#define X86_SYS_CALL16 4
#define X86_SYS_TASK 5
#define X86_SYS_INT16 6
#define X86_SYS_TRAP16 7
#define X86_SYS_TSS32 9
#define X86_SYS_TSS32_BUSY 11
#define X86_SYS_CALL32 12
#define X86_SYS_INT32 14
#define X86_SYS_TRAP32 15

static inline u16 x86_desc_ar(const struct x86_desc *d)
{
	return (d->lo >> 40) & 0xf0ff;
}

static inline unsigned int x86_desc_type(const struct x86_desc *d)
{
	return (d->lo >> 40) & 0xf;
}

static inline unsigned int x86_desc_dpl(const struct x86_desc *d)
{
	return (d->lo >> 45) & 3;
}

static inline bool x86_desc_s(const struct x86_desc *d)
{
	return (d->lo >> 44) & 1;
}

static inline bool x86_desc_p(const struct x86_desc *d)
{
	return (d->lo >> 47) & 1;
}

static inline bool x86_desc_code(const struct x86_desc *d)
{
	return x86_desc_s(d) && (x86_desc_type(d) & 8);
}

static inline bool x86_sel_null(u16 sel)
{
	return !(sel & ~3);
}

/* A fault that names a selector. */
int x86_fault_sel(struct x86_emu *e, u8 vector, u16 sel);
/* Read a descriptor; outside its table: @vector with the selector. */
int x86_read_desc(struct x86_emu *e, u16 sel, u8 vector, struct x86_desc *d);
/* The upper half of a system descriptor in long mode (call gate, TSS, LDT). */
int x86_read_desc_hi(struct x86_emu *e, u8 vector, struct x86_desc *d);
/* The hidden part, as it is once the segment counts as accessed. */
void x86_desc_to_seg(const struct x86_desc *d, u16 sel, struct x86_segment *s);
int x86_desc_set_accessed(struct x86_emu *e, const struct x86_desc *d);
int x86_desc_set_busy(struct x86_emu *e, const struct x86_desc *d, bool busy);
void x86_real_segment(const struct x86_cpu *c, enum x86_seg seg, u16 sel, struct x86_segment *s);
void x86_v86_segment(u16 sel, struct x86_segment *s);
void x86_null_segment(u16 sel, unsigned int dpl, struct x86_segment *s);
void x86_flat_segment(u16 sel, u16 ar, struct x86_segment *s);
/* What MOV Sreg checks; @vector is #GP, or #TS in a task switch. A null selector gives d->lin = 0. */
int x86_check_data(struct x86_emu *e, u16 sel, u8 vector, struct x86_desc *d,
		   struct x86_segment *s);
/* A stack segment for level @cpl, not null; @vector is #GP, or #TS of a stack switch. */
int x86_check_ss(struct x86_emu *e, u16 sel, unsigned int cpl, u8 vector, struct x86_desc *d,
		 struct x86_segment *s);
/* Check a new rip against a code segment that is not yet loaded. */
int x86_check_target(struct x86_emu *e, const struct x86_segment *cs, u64 rip);
/* Load the hidden part; tells the owner when it differs. */
void x86_set_seg(struct x86_emu *e, enum x86_seg seg, const struct x86_segment *s);
/* After a return to an outer level: data segments it may not use become null. */
void x86_null_unreachable(struct x86_emu *e, unsigned int cpl);
/* System segment for LDTR: checks with @vector; null gives an unusable segment. */
int x86_check_ldt(struct x86_emu *e, u16 sel, u8 vector, struct x86_segment *s);

static inline bool x86_seg_64(const struct x86_cpu *c, const struct x86_segment *cs)
{
	return x86_long_mode(c) && (cs->ar & X86_AR_L);
}

/*
 * Push @n values on a stack that is not yet loaded (vals[0] first, so highest):
 * all are checked before the first is written. @ss of NULL: a 64-bit stack.
 * A violation of the limit is #SS(@err).
 */
int x86_push_frame(struct x86_emu *e, const struct x86_segment *ss, u64 *sp, unsigned int size,
		   const u64 *vals, unsigned int n, unsigned int acc, u16 err);

/* far.c: the two segments of a return (ret far, iret), with all checks. */
int x86_return_cs(struct x86_emu *e, u16 sel, u64 rip, struct x86_desc *d, struct x86_segment *cs);
int x86_return_ss(struct x86_emu *e, u16 sel, const struct x86_segment *cs, struct x86_desc *d,
		  struct x86_segment *ss);

/* task.c */
enum x86_task_why { X86_TASK_JMP, X86_TASK_CALL, X86_TASK_INT, X86_TASK_IRET };
int x86_task_switch(struct x86_emu *e, u16 sel, enum x86_task_why why, u64 ret_rip,
		    bool has_error, u32 error);
/* The stack of level @cpl from the TSS (32- or 16-bit). */
int x86_tss_stack(struct x86_emu *e, unsigned int cpl, u16 *ss, u64 *sp);
/* RSP0..2 (n = 0..2) or IST 1..7 (n = 4..10) of the 64-bit TSS. */
int x86_tss64_stack(struct x86_emu *e, unsigned int n, u64 *sp);
/* May this port be used? #GP(0) when not. */
int x86_check_io(struct x86_emu *e, u16 port, unsigned int size);
/* The VME redirection bit of vector @n: *@redirect true when the program's own IVT is to be used. */
int x86_vme_redirect(struct x86_emu *e, unsigned int n, bool *redirect);

/* event.c */
int x86_deliver_once(struct x86_emu *e, enum x86_event_kind kind,
		     const struct x86_exception *ev, u64 ret_rip);

/* alu.c: the operations that others need. */
u64 x86_alu_add(u64 a, u64 b, unsigned int size, u64 *flags);
u64 x86_alu_sub(u64 a, u64 b, unsigned int size, u64 *flags);

/* move.c: is the condition (the low four bits of jcc, setcc, cmovcc) true? */
bool x86_condition(u64 flags, unsigned int cc);

/* The handlers, by file; the table is in exec.c. */
#define X86_HANDLERS(X) \
	/* alu.c */ \
	X(add) X(or) X(adc) X(sbb) X(and) X(sub) X(xor) X(cmp) X(test) X(inc) X(dec) X(not) \
	X(neg) X(xadd) X(xchg) X(cmpxchg) X(cmpxchg8b) X(cmpxchg16b) \
	/* muldiv.c */ \
	X(mul) X(imul1) X(imul) X(div) X(idiv) X(daa) X(das) X(aaa) X(aas) X(aam) X(aad) \
	X(mulx) X(adcx) X(adox) \
	/* shift.c */ \
	X(rol) X(ror) X(rcl) X(rcr) X(shl) X(shr) X(sar) X(shld) X(shrd) X(rorx) X(sarx) X(shlx) \
	X(shrx) \
	/* bits.c */ \
	X(bt) X(bts) X(btr) X(btc) X(bsf) X(bsr) X(lzcnt) X(tzcnt) X(popcnt) X(crc32) X(andn) \
	X(bextr) X(blsi) X(blsmsk) X(blsr) X(bzhi) X(pdep) X(pext) X(bswap) \
	/* move.c */ \
	X(mov) X(movzx) X(movsx) X(movbe) X(lea) X(xlat) X(cbw) X(cwd) X(lahf) X(sahf) X(clc) \
	X(stc) X(cmc) X(cld) X(std) X(salc) X(setcc) X(cmovcc) X(nop) X(clflush) \
	/* flow.c */ \
	X(jcc) X(jmp) X(call) X(ret) X(loop) X(jcxz) X(bound) \
	/* stack.c */ \
	X(push) X(pop) X(pusha) X(popa) X(pushf) \
	X(popf) X(push_seg) X(pop_seg) X(enter) X(leave) X(cli) X(sti) \
	/* string.c */ \
	X(movs) X(stos) X(lods) X(scas) X(cmps) X(ins) X(outs) X(in) X(out) \
	/* seg.c */ \
	X(mov_seg_rm) X(mov_rm_seg) X(load_far) \
	/* segsys.c */ \
	X(arpl) X(lar) X(lsl) X(verr) X(verw) X(sldt) X(str) X(lldt) X(ltr) X(sgdt) X(sidt) \
	X(lgdt) X(lidt) \
	/* far.c */ \
	X(jmp_far) X(call_far) X(ret_far) \
	/* iret.c */ \
	X(iret) \
	/* event.c */ \
	X(int) X(int1) X(int3) X(into) \
	/* fast.c */ \
	X(syscall) X(sysret) X(sysenter) X(sysexit) X(swapgs) \
	/* vector.c */ \
	X(vector) \
	/* sys.c */ \
	X(mov_from_cr) X(mov_to_cr) X(mov_from_dr) X(mov_to_dr) X(smsw) X(lmsw) X(clts) X(wbinvd) \
	X(invlpg) X(invpcid) X(hlt) X(clac) X(stac) X(rdmsr) X(wrmsr) X(monitor) X(mwait) \
	X(xgetbv) X(xsetbv) X(rdfsbase) X(wrfsbase) X(hypercall) X(cpuid) X(rdtsc) X(rdtscp) \
	X(rdpmc) X(rdpid)

#define X86_HANDLER_PROTO(name) int x86_exec_##name(struct x86_emu *e);
X86_HANDLERS(X86_HANDLER_PROTO)
#undef X86_HANDLER_PROTO

#endif
