/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asynchronous page faults: what the guest is told, when it waits, and what ends that. */
#include "core_env.h"
#include "x86/lapic.h"
#include "x86/pv.h"

#define SHARED 0x9000
#define VECTOR 0x51
#define ENABLE (SHARED | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT)

static u32 *flags, *slot;
static u32 last_token;

/* A vCPU in user mode with interrupts on, as its engine leaves it at a page that is not there. */
static void open_guest(struct box *b, u64 enable)
{
	box_open(b, true, (const u8[]){ 0xf4 }, 1);
	flags = (u32 *)(ram + SHARED);
	slot = flags + 1;
	b->c->cpu.cr0 |= X86_CR0_PE | X86_CR0_PG;
	b->c->cpu.seg[X86_SS].ar = 0xc0f3;
	b->c->cpu.rflags |= X86_IF;
	b->c->lapic->svr |= LAPIC_SVR_ENABLE;
	EQ(x86_set_msr(b->c, MSR_KVM_ASYNC_PF_INT, VECTOR, false), 0, "the vector");
	EQ(x86_set_msr(b->c, MSR_KVM_ASYNC_PF_EN, enable, false), 0, "on");
	/* It has been told that whatever it waited for may be there. */
	vcpu_async_pf_deliver(b->c);
	if (enable)
		EQ(*slot, ~0u, "the token for all");
	*slot = 0;
	lapic_ack(b->c->lapic);
	x86_set_msr(b->c, MSR_KVM_ASYNC_PF_ACK, 1, false);
}

static bool raised(struct vcpu *v)
{
	bool irr = v->lapic->irr[VECTOR / 64] & BIT_ULL(VECTOR % 64);

	v->lapic->irr[VECTOR / 64] = 0;
	return irr;
}

static void msrs(void)
{
	struct box b;
	u64 val = 5;
	u32 n, m;

	interpreter.async_pf = false;
	box_open(&b, true, (const u8[]){ 0xf4 }, 1);
	pv_msr_list(&n);
	OK(x86_set_msr(b.c, MSR_KVM_ASYNC_PF_EN, 0, false) &&
	   !(pv_features() & BIT(KVM_FEATURE_ASYNC_PF)), "nothing of it without an engine that can");
	interpreter.async_pf = true;
	pv_msr_list(&m);
	OK(m == n + 3 && (pv_features() & BIT(KVM_FEATURE_ASYNC_PF_INT)), "three MSRs with one");
	EQ(x86_set_msr(b.c, MSR_KVM_ASYNC_PF_EN, ENABLE | 0x10, false), -EINVAL, "reserved bits");
	EQ(x86_set_msr(b.c, MSR_KVM_ASYNC_PF_INT, 0x151, false), -EINVAL, "a vector has 8");
	EQ(x86_get_msr(b.c, MSR_KVM_ASYNC_PF_ACK, &val, false), 0, "ACK can be read");
	EQ(val, 0, "as 0");
	b.c->pv->enforce = true;
	b.c->pv->features = BIT(KVM_FEATURE_ASYNC_PF);
	EQ(x86_set_msr(b.c, MSR_KVM_ASYNC_PF_EN, ENABLE, false), -EINVAL, "no INT, no interrupts");
	EQ(x86_set_msr(b.c, MSR_KVM_ASYNC_PF_EN, 0, false), 0, "off is fine");
	box_close(&b);
	box_open(&b, false, (const u8[]){ 0xf4 }, 1);
	EQ(x86_set_msr(b.c, MSR_KVM_ASYNC_PF_EN, ENABLE, false), -EINVAL, "nor without a LAPIC");
	EQ(core_async_pf_start(b.c, 0x5000, &n), CORE_ASYNC_PF_NO, "and no waiting");
	box_close(&b);
}

static void told(void)
{
	struct vcpu *v;
	struct box b;
	u32 t[3];

	open_guest(&b, ENABLE);
	v = b.c;
	OK(core_async_pf_possible(v), "a page is not there");
	EQ(core_async_pf_start(v, 0x5123, &t[0]), CORE_ASYNC_PF_STARTED, "it is fetched");
	OK(v->exception_pending && v->exception.vector == X86_EXC_PF && v->exception.has_error &&
	   !v->exception.error && v->exception.cr2 == t[0] && t[0], "#PF with the token");
	EQ(*flags, KVM_PV_REASON_PAGE_NOT_PRESENT, "the reason");
	OK(!vcpu_async_pf_halted(v) && !core_async_pf_possible(v), "not another before it went in");
	v->exception_pending = false;
	*flags = 0;
	EQ(core_async_pf_start(v, 0x6000, &t[1]), CORE_ASYNC_PF_STARTED, "another page");
	v->exception_pending = false;
	EQ(core_async_pf_start(v, 0x7000, &t[2]), CORE_ASYNC_PF_STARTED, "a third");
	OK(!v->exception_pending && vcpu_async_pf_halted(v), "its reason is not read yet: it waits");
	EQ(core_async_pf_start(v, 0x5fff, &t[2]), CORE_ASYNC_PF_WAIT, "the first page once more");

	core_async_pf_ready(v, t[1]);
	core_async_pf_ready(v, t[0]);
	OK(READ_ONCE(v->requests) & BIT_ULL(VCPU_REQ_ASYNC_PF), "two pages come");
	vcpu_async_pf_deliver(v);
	OK(!vcpu_async_pf_halted(v), "who waits looks again");
	OK(raised(v) && (*slot == t[0] || *slot == t[1]), "one of them is announced");
	t[2] = t[0] ^ t[1] ^ *slot;
	vcpu_async_pf_deliver(v);
	x86_set_msr(v, MSR_KVM_ASYNC_PF_ACK, 1, false);
	vcpu_async_pf_deliver(v);
	OK(!raised(v), "not the other while the slot is full");
	*slot = 0;
	vcpu_async_pf_deliver(v);
	OK(raised(v) && *slot == t[2], "then the other");
	*slot = 0;
	vcpu_async_pf_deliver(v);
	OK(!raised(v) && v->pv->async.nr == 1, "and no more: the third is still on its way");
	EQ(x86_set_msr(v, MSR_KVM_ASYNC_PF_EN, 0, false), 0, "off");
	core_async_pf_ready(v, v->pv->async.page[0].token);
	x86_set_msr(v, MSR_KVM_ASYNC_PF_ACK, 1, false);
	vcpu_async_pf_deliver(v);
	OK(!raised(v) && !*slot, "and nobody is told");
	box_close(&b);
}

static void conditions(void)
{
	struct vcpu *v;
	struct box b;
	u32 token, i, bad = 0;

	open_guest(&b, ENABLE);
	v = b.c;
	v->cpu.rflags &= ~(u64)X86_IF;
	EQ(core_async_pf_start(v, 0x5000, &token), CORE_ASYNC_PF_NO, "interrupts off");
	v->cpu.rflags |= X86_IF;
	v->interrupt_pending = true;
	EQ(core_async_pf_start(v, 0x5000, &token), CORE_ASYNC_PF_NO, "an event under way");
	v->interrupt_pending = false;
	v->cpu.seg[X86_SS].ar = 0xc093;
	EQ(core_async_pf_start(v, 0x5000, &token), CORE_ASYNC_PF_STARTED, "level 0");
	OK(!v->exception_pending && vcpu_async_pf_halted(v), "it does not want to know there");
	core_async_pf_ready(v, token);
	vcpu_async_pf_deliver(v);
	OK(!raised(v) && !*slot && !vcpu_async_pf_halted(v), "nor what it never heard of");
	x86_set_msr(v, MSR_KVM_ASYNC_PF_EN, ENABLE | KVM_ASYNC_PF_SEND_ALWAYS, false);
	EQ(core_async_pf_start(v, 0x5000, &token), CORE_ASYNC_PF_STARTED, "unless it says so");
	OK(v->exception_pending, "then it is");
	v->exception_pending = false;
	for (i = 1; i < PV_ASYNC_MAX; i++)
		bad += core_async_pf_start(v, 0x100000 + i * 0x1000, &token) != CORE_ASYNC_PF_STARTED;
	EQ(bad, 0, "as many as there is room for");
	EQ(core_async_pf_start(v, 0x400000, &token), CORE_ASYNC_PF_NO, "and one more");
	box_close(&b);
	open_guest(&b, 0);
	EQ(core_async_pf_start(b.c, 0x5000, &token), CORE_ASYNC_PF_STARTED, "a guest that knows nothing");
	OK(vcpu_async_pf_halted(b.c), "waits");
	box_close(&b);
}

/* ---- in KVM_RUN ---- */

static u32 faults;

static void fault_once(struct vcpu *v)
{
	if (!faults++)
		core_async_pf_start(v, 0x5000, &last_token);
}

static struct vcpu *waiting;

static void bring_page(struct plat_thread *t)
{
	if (waiting->mp_state == KVM_MP_STATE_RUNNABLE)
		core_async_pf_ready(waiting, last_token);
	else
		test_signal();	/* the guest's own HLT */
}

static void raise_irq(struct plat_thread *t)
{
	if (waiting->mp_state == KVM_MP_STATE_RUNNABLE)
		vcpu_raise_nmi(waiting);
	else
		test_signal();
}

static void halted(void (*on_wait)(struct plat_thread *t), u16 end, const char *name)
{
	static const u8 code[] = { 0xfb, 0x90, 0xf4 };		/* sti; nop; hlt */
	static const u8 handler[] = { 0xf4 };
	struct box b;

	box_open(&b, true, code, sizeof(code));
	memcpy(ram + 0x3000, handler, sizeof(handler));
	*(u32 *)(ram + 8) = 0x3000;			/* NMI */
	b.c->cpu.rflags |= X86_IF;
	waiting = b.c;
	faults = 0;
	engine_before_run = fault_once;
	test_on_wait = on_wait;
	EQ(ioc(b.cpu, KVM_RUN, 0), -EINTR, name);
	EQ(box_regs(&b).rip, end, "it went on there");
	OK(test_waits == 2 && !vcpu_async_pf_halted(b.c), "and waited for it once");
	engine_before_run = NULL;
	test_on_wait = NULL;
	box_close(&b);
}

void test_async(void)
{
	msrs();
	told();
	conditions();
	halted(bring_page, CODE + 3, "a vCPU waits for its page");
	halted(raise_irq, 0x3001, "an NMI ends that");
	interpreter.async_pf = false;
}
