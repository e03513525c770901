/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The guest's time-stamp counter: the host's, where the engine can at another
 * rate, plus an offset.
 *
 * Host programs set the TSC of one vCPU after another and mean the same time
 * by it. A write that is within a second of where the last one's counter is
 * now therefore gets the same offset, and so does a write of 0.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/cpuid.h"
#include "x86/lapic.h"
#include "x86/msr.h"
#include "x86/pv.h"

#define TSC_KHZ_MAX 0x7fffffffull	/* KVM_GET_TSC_KHZ returns it */

u64 x86_guest_tsc(struct vcpu *v)
{
	return x86_tsc_at(v, plat_rdtsc());
}

static void offset_changed(struct vcpu *v)
{
	const struct engine *e = v->vm->engine;

	kvmclock_tsc_changed(v);
	lapic_tsc_changed(v);
	if (e->tsc_changed)
		e->tsc_changed(v);
	else
		e->state_written(v);
}

static void set_offset(struct vcpu *v, u64 offset)
{
	v->cpu.tsc_offset = offset;
	offset_changed(v);
}

void x86_tsc_synchronize(struct vcpu *v, u64 val)
{
	struct vm_tsc *t = &v->vm->tsc;
	u64 now = x86_tsc_scale(v->vm, v->tsc_ratio, plat_rdtsc());
	u64 hz = (u64)v->tsc_khz * 1000, expected, offset;

	plat_spin_lock(&t->lock);
	offset = val - now;
	if (t->valid && t->ratio == v->tsc_ratio) {
		expected = now + t->offset;
		if (!val || (val < expected + hz && expected < val + hz))
			offset = t->offset;
	}
	t->offset = offset;
	t->ratio = v->tsc_ratio;
	t->valid = true;
	plat_spin_unlock(&t->lock);
	set_offset(v, offset);
}

int tsc_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = x86_guest_tsc(v);
	return 0;
}

int tsc_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	u64 delta;

	if (host) {
		x86_tsc_synchronize(v, val);
		return 0;
	}
	/* The guest's own write shows in TSC_ADJUST (SDM vol. 3, 18.17.3). */
	delta = val - x86_guest_tsc(v);
	v->msrs->tsc_adjust += delta;
	set_offset(v, v->cpu.tsc_offset + delta);
	return 0;
}

int tsc_adjust_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = v->msrs->tsc_adjust;
	return host || x86_guest_has(v, CPUID_TSC_ADJUST) ? 0 : -EINVAL;
}

int tsc_adjust_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	if (!host && !x86_guest_has(v, CPUID_TSC_ADJUST))
		return -EINVAL;
	if (!host)
		set_offset(v, v->cpu.tsc_offset + (val - v->msrs->tsc_adjust));
	v->msrs->tsc_adjust = val;
	return 0;
}

/* ---- ioctls ---- */

/* 250 ppm is what clocks differ by anyway: then the guest's rate is the host's. */
static bool is_host_khz(u64 khz)
{
	u64 host = plat_tsc_khz(), diff = khz > host ? khz - host : host - khz;

	return diff <= host / 4000;
}

/*
 * The ratio that makes the host's rate @khz, rounded down, or -EINVAL: a long
 * division, 32 fraction bits a step. *@khz becomes the rate that it is.
 */
static int find_ratio(const struct engine *e, u64 *khz, u64 *ratio)
{
	u32 bits = e->tsc_ratio_fraction_bits, step;
	u64 host = plat_tsc_khz(), q, rem;

	*ratio = 0;
	if (!*khz || is_host_khz(*khz)) {
		*khz = host;
		return 0;
	}
	if (!bits || !host || *khz > TSC_KHZ_MAX || *khz / host >> (e->tsc_ratio_bits - bits))
		return -EINVAL;
	q = *khz / host;
	rem = *khz % host;
	for (; bits; bits -= step) {
		step = min(bits, 32u);
		rem <<= step;
		q = q << step | rem / host;
		rem %= host;
	}
	*ratio = q;
	return 0;
}

/* The counter goes on from where it is, in step with those that have the new rate already. */
long vcpu_set_tsc_khz(void *obj, void *arg, u64 uarg)
{
	struct vcpu *v = obj;
	u64 now = x86_guest_tsc(v), ratio;
	int err = find_ratio(v->vm->engine, &uarg, &ratio);

	if (err)
		return err;
	v->tsc_khz = uarg;
	if (ratio == v->tsc_ratio)
		return 0;
	v->tsc_ratio = ratio;
	x86_tsc_synchronize(v, now);
	return 0;
}

long vcpu_get_tsc_khz(void *obj, void *arg, u64 uarg)
{
	struct vcpu *v = obj;

	return v->tsc_khz;
}

long vm_set_tsc_khz(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;
	u64 ratio;
	int err = find_ratio(vm->engine, &uarg, &ratio);

	if (err || vm->nr_vcpus)
		return -EINVAL;
	vm->tsc_khz = uarg;
	vm->tsc_ratio = ratio;
	return 0;
}

long vm_get_tsc_khz(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;

	return vm->tsc_khz;
}

static int check_attr(const struct kvm_device_attr *a)
{
	if (a->flags || a->group != KVM_VCPU_TSC_CTRL || a->attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	return 0;
}

long vcpu_has_attr(void *obj, void *arg, u64 uarg)
{
	return check_attr(arg);
}

long vcpu_get_attr(void *obj, void *arg, u64 uarg)
{
	const struct kvm_device_attr *a = arg;
	struct vcpu *v = obj;
	int err = check_attr(a);

	return err ? err : plat_copy_to_user(a->addr, &v->cpu.tsc_offset, sizeof(u64));
}

long vcpu_set_attr(void *obj, void *arg, u64 uarg)
{
	const struct kvm_device_attr *a = arg;
	struct vcpu *v = obj;
	u64 offset;
	int err = check_attr(a);

	if (!err)
		err = plat_copy_from_user(&offset, a->addr, sizeof(offset));
	if (err)
		return err;
	plat_spin_lock(&v->vm->tsc.lock);
	v->vm->tsc.offset = offset;
	v->vm->tsc.ratio = v->tsc_ratio;
	v->vm->tsc.valid = true;
	plat_spin_unlock(&v->vm->tsc.lock);
	set_offset(v, offset);
	return 0;
}
