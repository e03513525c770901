/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * kvmclock: the guest's nanoseconds as a line over the TSC (the kernel's
 * Documentation/virt/kvm/x86/msr, timekeeping).
 *
 * One line a VM: a pair (host TSC, ns) and a slope, taken when the clock is
 * started or set and never moved after. Each vCPU's page is that pair seen
 * through its TSC offset, and KVM_GET_CLOCK reads the same line. So the clock
 * can't run backwards between vCPUs; when all offsets are equal a guest may
 * read one page on every CPU, which is what the stable bit says.
 *
 * Where the guest's TSC has another rate the line is one over the scaled TSC,
 * for that is what guests read: the last bit of the scaling must come out the
 * same on both sides. A vCPU whose ratio is not the others' has a slope of its
 * own, rounded to run behind the line rather than ahead: the next pair moves
 * its clock forward.
 */
#include "x86/pv.h"

#define NS_PER_S 1000000000ull
#define PVCLOCK_TSC_STABLE BIT(0)
#define PVCLOCK_GUEST_STOPPED BIT(1)

struct pvclock_time {
	u32 version;
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time;
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
	u8 pad[2];
};
_Static_assert(sizeof(struct pvclock_time) == 32, "the guest's layout");

struct pvclock_wall {
	u32 version, sec, nsec;
};

struct kvmclock_vm {
	struct plat_spinlock lock;	/* the pair is read and set whole */
	u64 base_tsc, base_ns;
	u64 ratio;			/* of the line: that of the vCPUs, when they agree */
	struct slope {
		u32 mul;
		s8 shift;
	} slope;
};

/* ns = ((tsc << shift) * mul) >> 32, with mul in the upper half of 32 bits. */
static struct slope slope_of(u64 hz)
{
	struct slope s = { 0 };

	if (!hz)
		hz = NS_PER_S;
	while (hz > 2 * NS_PER_S) {
		hz >>= 1;
		s.shift--;
	}
	while (hz <= NS_PER_S) {
		hz <<= 1;
		s.shift++;
	}
	s.mul = (NS_PER_S << 32) / hz;
	return s;
}

/*
 * Of a TSC with @ratio. Rounding makes slopes differ by less than 2^-28, so much @behind the line
 * is a slope that must never be ahead of it.
 */
static struct slope slope_at(struct vm *vm, u64 ratio, bool behind)
{
	u64 hz = x86_tsc_scale(vm, ratio, (u64)plat_tsc_khz() * 1000);

	return slope_of(behind ? hz + (hz >> 28) + 1 : hz);
}

static u64 line(struct vm *vm, u64 tsc)
{
	const struct kvmclock_vm *c = vm->clock;
	const struct slope *s = &c->slope;
	u64 delta = 0;

	if (tsc > c->base_tsc)
		delta = x86_tsc_scale(vm, c->ratio, tsc) - x86_tsc_scale(vm, c->ratio, c->base_tsc);
	delta = s->shift < 0 ? delta >> -s->shift : delta << s->shift;
	return c->base_ns + (u64)((unsigned __int128)delta * s->mul >> 32);
}

static u64 line_at(struct vm *vm, u64 tsc)
{
	struct kvmclock_vm *c = vm->clock;
	u64 ns;

	plat_spin_lock(&c->lock);
	ns = line(vm, tsc);
	plat_spin_unlock(&c->lock);
	return ns;
}

u64 kvmclock_now(struct vm *vm)
{
	return line_at(vm, plat_rdtsc());
}

static bool ratios_match(struct vm *vm, u64 ratio)
{
	for (u32 i = 0, n = READ_ONCE(vm->nr_vcpus); i < n; i++)
		if (vm->vcpus[i] && READ_ONCE(vm->vcpus[i]->tsc_ratio) != ratio)
			return false;
	return true;
}

static bool tscs_match(struct vm *vm)
{
	u32 n = READ_ONCE(vm->nr_vcpus);
	u64 first;

	if (!n || !vm->vcpus[0])
		return true;
	first = READ_ONCE(vm->vcpus[0]->cpu.tsc_offset);
	for (u32 i = 1; i < n; i++)
		if (vm->vcpus[i] && READ_ONCE(vm->vcpus[i]->cpu.tsc_offset) != first)
			return false;
	return ratios_match(vm, READ_ONCE(vm->clock->ratio));
}

static void request_all(struct vm *vm)
{
	for (u32 i = 0, n = READ_ONCE(vm->nr_vcpus); i < n; i++) {
		struct vcpu *v = READ_ONCE(vm->vcpus[i]);

		if (v)
			vcpu_request_kick(v, VCPU_REQ_CLOCK);
	}
}

void kvmclock_get(struct vm *vm, struct kvm_clock_data *d)
{
	u64 before, after, real;

	before = plat_rdtsc();
	real = plat_real_ns();
	after = plat_rdtsc();
	memset(d, 0, sizeof(*d));
	d->host_tsc = before + (after - before) / 2;
	d->realtime = real;
	d->clock = line_at(vm, d->host_tsc);
	d->flags = KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
	if (tscs_match(vm))
		d->flags |= KVM_CLOCK_TSC_STABLE;
}

int kvmclock_set(struct vm *vm, const struct kvm_clock_data *d)
{
	struct kvmclock_vm *c = vm->clock;
	u64 real = plat_real_ns(), ns = d->clock;

	if (d->flags & ~(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC))
		return -EINVAL;
	/* The guest was away: what passed on the wall passed for it. */
	if ((d->flags & KVM_CLOCK_REALTIME) && real > d->realtime)
		ns += real - d->realtime;
	plat_spin_lock(&c->lock);
	c->base_tsc = plat_rdtsc();
	c->base_ns = ns;
	plat_spin_unlock(&c->lock);
	request_all(vm);
	return 0;
}

int kvmclock_ctrl(struct vcpu *v)
{
	if (!v->pv || !(v->pv->system_time_msr & KVM_MSR_ENABLED))
		return -EINVAL;
	v->pv->guest_stopped = true;
	vcpu_request(v, VCPU_REQ_CLOCK);
	return 0;
}

/*
 * The offset or the ratio has changed. The line starts anew here: its first point must not lie
 * before a guest's TSC was 0.
 */
void kvmclock_tsc_changed(struct vcpu *v)
{
	struct kvmclock_vm *c = v->vm->clock;
	bool agreed = ratios_match(v->vm, v->tsc_ratio);
	u64 now;

	plat_spin_lock(&c->lock);
	now = plat_rdtsc();
	c->base_ns = line(v->vm, now);
	c->base_tsc = now;
	if (agreed && c->ratio != v->tsc_ratio) {
		WRITE_ONCE(c->ratio, v->tsc_ratio);
		c->slope = slope_at(v->vm, c->ratio, false);
	}
	plat_spin_unlock(&c->lock);
	request_all(v->vm);
}

/* A reader takes the page only when the version is even and the same before and after. */
static void write_page(struct vcpu *v, u64 gpa, struct pvclock_time *t)
{
	struct vm *vm = v->vm;

	vm_write(vm, v, gpa, &t->version, sizeof(t->version));
	vm_write(vm, v, gpa + 4, &t->pad0, sizeof(*t) - 4);
	t->version++;
	vm_write(vm, v, gpa, &t->version, sizeof(t->version));
}

void kvmclock_update(struct vcpu *v)
{
	struct kvmclock_vm *c = v->vm->clock;
	struct pvclock_time t, old;
	struct slope slope;
	u64 gpa;

	if (!v->pv || !(v->pv->system_time_msr & KVM_MSR_ENABLED))
		return;
	gpa = v->pv->system_time_msr & ~(u64)KVM_MSR_ENABLED;
	if (vm_read(v->vm, gpa, &old, sizeof(old)))
		return;
	memset(&t, 0, sizeof(t));
	t.version = (old.version + 1) | 1;
	plat_spin_lock(&c->lock);
	t.tsc_timestamp = x86_tsc_at(v, c->base_tsc);
	t.system_time = c->base_ns;
	slope = c->ratio == v->tsc_ratio ? c->slope : slope_at(v->vm, v->tsc_ratio, true);
	plat_spin_unlock(&c->lock);
	t.tsc_to_system_mul = slope.mul;
	t.tsc_shift = slope.shift;
	t.flags = tscs_match(v->vm) ? PVCLOCK_TSC_STABLE : 0;
	/* The guest clears this one itself, when its watchdog has seen it. */
	t.flags |= old.flags & PVCLOCK_GUEST_STOPPED;
	if (v->pv->guest_stopped) {
		v->pv->guest_stopped = false;
		t.flags |= PVCLOCK_GUEST_STOPPED;
	}
	write_page(v, gpa, &t);
}

void kvmclock_write_wall(struct vcpu *v, u64 gpa)
{
	struct pvclock_wall w;
	u64 ns;

	if (!gpa || vm_read(v->vm, gpa, &w.version, sizeof(w.version)))
		return;
	/* The time of day at which the guest's clock was 0. */
	ns = plat_real_ns() - kvmclock_now(v->vm);
	w.version = (w.version + 1) | 1;
	w.sec = ns / NS_PER_S;
	w.nsec = ns % NS_PER_S;
	vm_write(v->vm, v, gpa, &w.version, sizeof(w.version));
	vm_write(v->vm, v, gpa + 4, &w.sec, 8);
	w.version++;
	vm_write(v->vm, v, gpa, &w.version, sizeof(w.version));
}

int kvmclock_create(struct vm *vm)
{
	struct kvmclock_vm *c = plat_alloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	plat_spin_init(&c->lock);
	c->ratio = vm->tsc_ratio;
	vm->clock = c;
	c->slope = slope_at(vm, c->ratio, false);
	c->base_tsc = plat_rdtsc();
	return 0;
}

void kvmclock_destroy(struct vm *vm)
{
	plat_free(vm->clock);
	vm->clock = NULL;
}
