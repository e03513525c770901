/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Who may read and write MSRs: the host program through its lists, the guest
 * through the filter, and the host program again in the guest's place when it
 * asked for what the guest may not or does not have.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/lapic.h"
#include "x86/msr.h"

struct filter_range {
	u32 flags, base, nmsrs;
	u8 *bitmap;
};

struct msr_filter {
	bool deny;		/* what is in no range */
	u32 n;
	struct filter_range r[KVM_MSR_FILTER_MAX_RANGES];
};

/* ---- the filter ---- */

bool x86_msr_filter_allows(struct vcpu *v, u32 index, bool write)
{
	const struct msr_filter *f = v->vm->msr_filter;
	const u32 type = write ? KVM_MSR_FILTER_WRITE : KVM_MSR_FILTER_READ;
	u32 i, bit;

	/* The x2APIC is never filtered: its registers are the LAPIC's. */
	if (!f || (index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST))
		return true;
	for (i = 0; i < f->n; i++) {
		bit = index - f->r[i].base;
		if (bit < f->r[i].nmsrs && (f->r[i].flags & type))
			return f->r[i].bitmap[bit / 8] & (1u << bit % 8);
	}
	return !f->deny;
}

static void filter_free(struct msr_filter *f)
{
	u32 i;

	for (i = 0; f && i < f->n; i++)
		plat_free(f->r[i].bitmap);
	plat_free(f);
}

void x86_msr_filter_free(struct vm *vm)
{
	filter_free(vm->msr_filter);
	vm->msr_filter = NULL;
}

static int filter_add(struct msr_filter *f, const struct kvm_msr_filter_range *u)
{
	struct filter_range *r = &f->r[f->n];
	size_t size = ((u64)u->nmsrs + 63) / 64 * 8;

	if (!u->nmsrs)
		return 0;
	if ((u->flags & ~(u32)(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)) ||
	    size > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	r->bitmap = plat_alloc(size);
	if (!r->bitmap)
		return -ENOMEM;
	f->n++;
	r->flags = u->flags;
	r->base = u->base;
	r->nmsrs = u->nmsrs;
	return plat_copy_from_user(r->bitmap, (u64)u->bitmap, size);
}

long vm_set_msr_filter(void *obj, void *arg, u64 uarg)
{
	const struct kvm_msr_filter *u = arg;
	struct vm *vm = obj;
	struct msr_filter *f, *old;
	bool empty = true;
	int err = 0;
	u32 i;

	if (u->flags & ~(u32)KVM_MSR_FILTER_DEFAULT_DENY)
		return -EINVAL;
	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++)
		empty &= !u->ranges[i].nmsrs;
	if (empty && (u->flags & KVM_MSR_FILTER_DEFAULT_DENY))
		return -EINVAL;
	f = plat_alloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->deny = u->flags & KVM_MSR_FILTER_DEFAULT_DENY;
	for (i = 0; !err && i < KVM_MSR_FILTER_MAX_RANGES; i++)
		err = filter_add(f, &u->ranges[i]);
	if (err || empty) {
		filter_free(f);
		f = NULL;
		if (err)
			return err;
	}
	vm_slots_write(vm);
	old = vm->msr_filter;
	vm->msr_filter = f;
	vm->msr_filter_gen++;
	vm_slots_write_unlock(vm);
	filter_free(old);
	return 0;
}

/* ---- the guest ---- */

/* An instruction whose MSR the host program has answered, run again: its answer. */
static bool answered(struct vcpu *v, u32 index, int *ret)
{
	if (likely(!v->msr_answered))
		return false;
	v->msr_answered = false;
	*ret = v->msr_error ? -EINVAL : 0;
	return v->msr_index == index;
}

static int msr_failed(struct vcpu *v, u32 index, u64 val, u32 reason, bool write)
{
	struct kvm_run *run = v->run;

	if (!(v->vm->user_msr_mask & reason))
		return -EINVAL;
	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	memset(&run->msr, 0, sizeof(run->msr));
	run->msr.reason = reason;
	run->msr.index = index;
	run->msr.data = val;
	v->msr_exit = write ? 2 : 1;
	v->msr_index = index;
	return 1;
}

static u32 reason_of(int err)
{
	return err == -ENOENT ? KVM_MSR_EXIT_REASON_UNKNOWN : KVM_MSR_EXIT_REASON_INVAL;
}

int x86_guest_rdmsr(struct vcpu *v, u32 index, u64 *val)
{
	int ret;

	if (answered(v, index, &ret)) {
		*val = v->msr_data;
		return ret;
	}
	if (!x86_msr_filter_allows(v, index, false))
		return msr_failed(v, index, 0, KVM_MSR_EXIT_REASON_FILTER, false);
	ret = msr_get(v, index, val, false);
	plat_trace_msr(false, index, *val, ret);
	if (unlikely(v->trace & VCPU_TRACE_MSR))
		plat_trace("msr: vcpu %u rip %llx read %x = %llx%s", v->id,
			   (unsigned long long)v->cpu.rip, index, (unsigned long long)*val,
			   ret ? " refused" : "");
	return ret ? msr_failed(v, index, 0, reason_of(ret), false) : 0;
}

int x86_guest_wrmsr(struct vcpu *v, u32 index, u64 val)
{
	int ret;

	if (answered(v, index, &ret))
		return ret;
	if (!x86_msr_filter_allows(v, index, true))
		return msr_failed(v, index, val, KVM_MSR_EXIT_REASON_FILTER, true);
	ret = msr_set(v, index, val, false);
	plat_trace_msr(true, index, val, ret);
	if (unlikely(v->trace & VCPU_TRACE_MSR))
		plat_trace("msr: vcpu %u rip %llx write %x = %llx%s", v->id,
			   (unsigned long long)v->cpu.rip, index, (unsigned long long)val,
			   ret ? " refused" : "");
	return ret ? msr_failed(v, index, val, reason_of(ret), true) : 0;
}

/* ---- the host program ---- */

static long give_indices(u64 uarg, bool feature)
{
	u32 have, n = 0, index;

	if (plat_copy_from_user(&have, uarg, sizeof(have)))
		return -EFAULT;
	while (msr_listed(n, feature, &index))
		n++;
	if (plat_copy_to_user(uarg, &n, sizeof(n)))
		return -EFAULT;
	if (have < n)
		return -E2BIG;
	for (n = 0; msr_listed(n, feature, &index); n++)
		if (plat_copy_to_user(uarg + sizeof(n) + n * sizeof(index), &index, sizeof(index)))
			return -EFAULT;
	return 0;
}

long sys_msr_index_list(void *obj, void *arg, u64 uarg)
{
	return give_indices(uarg, false);
}

long sys_msr_feature_list(void *obj, void *arg, u64 uarg)
{
	return give_indices(uarg, true);
}

static int feature_one(struct vcpu *v, struct kvm_msr_entry *e)
{
	return msr_feature(e->index, &e->data);
}

static int get_one(struct vcpu *v, struct kvm_msr_entry *e)
{
	return x86_get_msr(v, e->index, &e->data, true);
}

static int set_one(struct vcpu *v, struct kvm_msr_entry *e)
{
	return x86_set_msr(v, e->index, e->data, true);
}

/* As many as go without an error, in order: that number is the result. */
static long for_each_msr(struct vcpu *v, u64 uarg,
			 int (*one)(struct vcpu *v, struct kvm_msr_entry *e), bool give_back)
{
	struct kvm_msr_entry *e;
	struct kvm_msrs head;
	size_t size;
	long ret = 0;

	if (plat_copy_from_user(&head, uarg, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MAX_IO_MSRS)
		return -E2BIG;
	size = head.nmsrs * sizeof(*e);
	e = plat_alloc(max(size, sizeof(*e)));
	if (!e)
		return -ENOMEM;
	if (plat_copy_from_user(e, uarg + sizeof(head), size))
		ret = -EFAULT;
	while (ret >= 0 && ret < head.nmsrs && !one(v, &e[ret]))
		ret++;
	if (ret >= 0 && give_back && plat_copy_to_user(uarg + sizeof(head), e, size))
		ret = -EFAULT;
	plat_free(e);
	return ret;
}

long sys_get_msrs(void *obj, void *arg, u64 uarg)
{
	return for_each_msr(NULL, uarg, feature_one, true);
}

long vcpu_get_msrs(void *obj, void *arg, u64 uarg)
{
	return for_each_msr(obj, uarg, get_one, true);
}

long vcpu_set_msrs(void *obj, void *arg, u64 uarg)
{
	return for_each_msr(obj, uarg, set_one, false);
}
