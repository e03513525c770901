// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's x87, SSE and AVX registers, the kernel's way: a vCPU has an
 * fpstate of its own, which takes the place of its thread's from hw_fpu_load
 * to hw_fpu_put. In between the kernel itself saves and restores it wherever it
 * switches threads or uses vector registers.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/cpufeature.h>
#include "plat.h"
#include "hw.h"
#include "thread.h"

#define XFEATURES_GUEST (XFEATURE_MASK_FP | XFEATURE_MASK_SSE | XFEATURE_MASK_YMM)

int hw_fpu_create(struct vcpu *v)
{
	struct thread_home *h = vcpu_home(v);

	h->fpu = kzalloc(sizeof(*h->fpu), GFP_KERNEL_ACCOUNT);
	if (!h->fpu)
		return -ENOMEM;
	if (!fpu_alloc_guest_fpstate(h->fpu)) {
		kfree(h->fpu);
		h->fpu = NULL;
		return -ENOMEM;
	}
	return 0;
}

void hw_fpu_destroy(struct vcpu *v)
{
	struct thread_home *h = vcpu_home(v);

	if (!h->fpu)
		return;
	fpu_free_guest_fpstate(h->fpu);
	kfree(h->fpu);
	h->fpu = NULL;
}

void hw_fpu_load(struct vcpu *v)
{
	struct thread_home *h = vcpu_home(v);

	fpu_swap_kvm_fpstate(h->fpu, true);
	h->fpu_loaded = true;
}

void hw_fpu_put(struct vcpu *v)
{
	struct thread_home *h = vcpu_home(v);

	h->fpu_loaded = false;
	fpu_swap_kvm_fpstate(h->fpu, false);
}

/* What is in the registers is not in memory: out with it, and in again. */
bool hw_fpu_read(struct vcpu *v, void *xsave, size_t n)
{
	struct thread_home *h = vcpu_home(v);
	bool loaded = h->fpu_loaded;

	if (loaded)
		hw_fpu_put(v);
	fpu_copy_guest_fpstate_to_uabi(h->fpu, xsave, n, XFEATURES_GUEST, 0);
	if (loaded)
		hw_fpu_load(v);
	return loaded;
}

int hw_fpu_write(struct vcpu *v, const void *xsave)
{
	struct thread_home *h = vcpu_home(v);
	bool loaded = h->fpu_loaded;
	u32 pkru;
	int err;

	if (loaded)
		hw_fpu_put(v);
	err = fpu_copy_uabi_to_guest_fpstate(h->fpu, xsave, XFEATURES_GUEST, &pkru);
	if (loaded)
		hw_fpu_load(v);
	return err ? -EINVAL : 0;
}

/* XCR0 is the same on all processors, and for the kernel's life. */
static u64 host_xcr0;

void hw_xcr0_guest(u64 xcr0)
{
	if (unlikely(!host_xcr0))
		host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	if (xcr0 != host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, xcr0);
}

void hw_xcr0_host(u64 xcr0)
{
	if (xcr0 != host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, host_xcr0);
}
