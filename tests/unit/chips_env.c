/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <time.h>
#include "chips_env.h"

u64 env_now = 1000000000, env_real = 1700000000ull * 1000000000;
u64 env_run_delay;
u8 env_mem[ENV_MEM];
u32 env_timer_starts, env_alloc_fail;
int env_live_allocs;
u32 env_acked[64];
int env_lower_on_ack = -1;
u32 env_resets;
u32 env_cpuid1_ecx = BIT(21) | BIT(24), env_pv_features = ~0u;
u64 env_seed;

/* ---- TAP ---- */

static int tests, failed;

void ok_(bool cond, const char *name, const char *file, int line)
{
	printf("%sok %d - %s\n", cond ? "" : "not ", ++tests, name);
	if (!cond) {
		failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
}

int tap_end(void)
{
	printf("1..%d\n", tests);
	return failed != 0;
}

u64 env_rand(void)
{
	u64 z = env_seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* ---- plat ---- */

/* Spinlocks held (known to a sanitized build), timers' functions running: see home/test. */
static int atomic;

#ifdef ANYKVM_SAN
void plat_spin_held(int n)
{
	static int spins;

	spins += n;
	if (spins > 1) {
		fprintf(stderr, "a spinlock is taken under another one\n");
		abort();
	}
	atomic += n;
}
#endif

static void may_sleep(const char *what)
{
	if (!atomic)
		return;
	fprintf(stderr, "%s in atomic context\n", what);
	abort();
}

void *plat_alloc(size_t n)
{
	may_sleep("an allocation");
	if (env_alloc_fail && !--env_alloc_fail)
		return NULL;
	__atomic_add_fetch(&env_live_allocs, 1, __ATOMIC_SEQ_CST);
	return calloc(1, n);
}

void plat_free(void *p)
{
	may_sleep("plat_free");
	if (p)
		__atomic_sub_fetch(&env_live_allocs, 1, __ATOMIC_SEQ_CST);
	free(p);
}

u64 plat_time_ns(void) { return __atomic_load_n(&env_now, __ATOMIC_RELAXED); }
u64 plat_real_ns(void) { return env_real; }
u32 plat_tsc_khz(void) { return ENV_TSC_KHZ; }
u64 plat_run_delay_ns(void) { return env_run_delay; }
void plat_yield(void) { }
void plat_yield_to(struct plat_thread *t) { may_sleep("plat_yield_to"); }
u64 x86_guest_tsc(struct vcpu *v) { return env_now * 2 + v->cpu.tsc_offset; }

void plat_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "BUG %s:%d: %s\n", file, line, what);
	abort();
}

#define MAX_TIMERS 64
static struct plat_timer *timers[MAX_TIMERS];
static u64 deadlines[MAX_TIMERS];	/* 0: not armed */

static u32 timer_index(struct plat_timer *t)
{
	for (u32 i = 0; i < MAX_TIMERS; i++)
		if (timers[i] == t)
			return i;
	abort();
}

int plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t))
{
	if (env_alloc_fail && !--env_alloc_fail)
		return -ENOMEM;
	for (u32 i = 0; i < MAX_TIMERS; i++) {
		if (timers[i])
			continue;
		t->fn = fn;
		timers[i] = t;
		deadlines[i] = 0;
		return 0;
	}
	return -ENOMEM;
}

void plat_timer_start(struct plat_timer *t, u64 deadline)
{
	env_timer_starts++;
	deadlines[timer_index(t)] = deadline ? deadline : 1;
}

void plat_timer_cancel(struct plat_timer *t)
{
	may_sleep("plat_timer_cancel");
	deadlines[timer_index(t)] = 0;
}

void plat_timer_destroy(struct plat_timer *t) { timers[timer_index(t)] = NULL; }

void env_advance(u64 ns)
{
	u64 end = env_now + ns;

	for (;;) {
		int first = -1;

		for (u32 i = 0; i < MAX_TIMERS; i++)
			if (timers[i] && deadlines[i] && deadlines[i] <= end &&
			    (first < 0 || deadlines[i] < deadlines[first]))
				first = i;
		if (first < 0)
			break;
		env_now = max(env_now, deadlines[first]);
		deadlines[first] = 0;
		atomic++;
		timers[first]->fn(timers[first]);
		atomic--;
	}
	env_now = end;
}

int plat_guest_read(void *dst, const void *host, size_t n)
{
	may_sleep("plat_guest_read");
	memcpy(dst, host, n);
	return 0;
}

int plat_guest_cmpxchg(void *host, void *old, const void *val, size_t n, bool *done)
{
	may_sleep("plat_guest_cmpxchg");
	*done = !memcmp(host, old, n);
	if (*done)
		memcpy(host, val, n);
	else
		memcpy(old, host, n);
	return 0;
}

/* ---- what the rest of the core does ---- */

int vm_read(struct vm *vm, u64 gpa, void *buf, size_t n)
{
	may_sleep("vm_read");
	if (gpa >= ENV_MEM || n > ENV_MEM - gpa)
		return -EFAULT;
	memcpy(buf, env_mem + gpa, n);
	return 0;
}

int vm_write(struct vm *vm, struct vcpu *v, u64 gpa, const void *buf, size_t n)
{
	may_sleep("vm_write");
	if (gpa >= ENV_MEM || n > ENV_MEM - gpa)
		return -EFAULT;
	memcpy(env_mem + gpa, buf, n);
	return 0;
}

void *vm_page(struct vm *vm, struct vcpu *v, u64 gpa, bool write)
{
	may_sleep("vm_page");
	return gpa < ENV_MEM ? env_mem + (gpa & PAGE_MASK) : NULL;
}

struct memslot *vm_slot_find(struct vm *vm, u64 gfn)
{
	static struct memslot all = { .npages = ENV_MEM >> PAGE_SHIFT };

	all.uaddr = (u64)env_mem;
	return gfn < all.npages ? &all : NULL;
}

static u32 kicks[64];

void vcpu_request_kick(struct vcpu *v, enum vcpu_req r)
{
	vcpu_request(v, r);
	__atomic_add_fetch(&kicks[v->index], 1, __ATOMIC_SEQ_CST);
}

u32 env_kicks(struct vcpu *v)
{
	return __atomic_exchange_n(&kicks[v->index], 0, __ATOMIC_SEQ_CST);
}

void vcpu_queue_exception(struct vcpu *v, const struct x86_exception *e)
{
	v->exception = *e;
	v->exception_pending = true;
}

void x86_vcpu_reset(struct vcpu *v, bool init)
{
	env_resets++;
	v->cpu.seg[X86_CS].selector = 0xf000;
	v->cpu.seg[X86_CS].base = 0xffff0000;
	v->cpu.rip = 0xfff0;
	v->cpu.rflags = 2;
}

const struct kvm_cpuid_entry2 *x86_cpuid_find(struct vcpu *v, u32 leaf, u32 sub)
{
	static struct kvm_cpuid_entry2 e;

	e = (struct kvm_cpuid_entry2){ .function = leaf };
	switch (leaf) {
	case 1:
		e.ecx = env_cpuid1_ecx;
		return &e;
	case KVM_CPUID_SIGNATURE:
		memcpy(&e.ebx, "KVMK", 4);
		memcpy(&e.ecx, "VMKV", 4);
		memcpy(&e.edx, "M\0\0", 4);
		return &e;
	case KVM_CPUID_FEATURES:
		e.eax = env_pv_features;
		return &e;
	}
	return NULL;
}

static struct io_device *io[2];

void vm_io_add(struct vm *vm, enum io_bus bus, struct io_device *d)
{
	d->next = io[bus];
	io[bus] = d;
}

void vm_io_remove(struct vm *vm, enum io_bus bus, struct io_device *d)
{
	struct io_device **p = &io[bus];

	while (*p && *p != d)
		p = &(*p)->next;
	if (*p)
		*p = d->next;
}

static struct io_device *find(enum io_bus bus, u64 addr, u32 len)
{
	struct io_device *d = io[bus];

	while (d && !(addr >= d->addr && addr + len <= d->addr + d->len))
		d = d->next;
	return d;
}

int vm_io_read(struct vcpu *v, enum io_bus bus, u64 addr, u32 len, void *val)
{
	struct io_device *d = find(bus, addr, len);

	if (bus == IO_BUS_MMIO && lapic_mmio_hit(v, addr))
		return lapic_mmio_read(v, addr, len, val);
	return d ? d->ops->read(v, d, addr, len, val) : -EOPNOTSUPP;
}

int vm_io_write(struct vcpu *v, enum io_bus bus, u64 addr, u32 len, const void *val)
{
	struct io_device *d = find(bus, addr, len);

	if (bus == IO_BUS_MMIO && lapic_mmio_hit(v, addr))
		return lapic_mmio_write(v, addr, len, val);
	return d ? d->ops->write(v, d, addr, len, val) : -EOPNOTSUPP;
}

static struct kvm_irq_routing_entry routes[64];
static u32 nr_routes;

u32 irq_route_get(struct vm *vm, u32 gsi, struct kvm_irq_routing_entry *e, u32 max)
{
	u32 n = 0;

	for (u32 i = 0; i < nr_routes && n < max; i++)
		if (routes[i].gsi == gsi)
			e[n++] = routes[i];
	return n;
}

int irq_route_gsi(struct vm *vm, u32 chip, u32 pin)
{
	for (u32 i = 0; i < nr_routes; i++)
		if (routes[i].type == KVM_IRQ_ROUTING_IRQCHIP &&
		    routes[i].u.irqchip.irqchip == chip && routes[i].u.irqchip.pin == pin)
			return routes[i].gsi;
	return -1;
}

void env_route(u32 gsi, u32 chip, u32 pin)
{
	for (u32 i = 0; i < nr_routes; i++)
		if (routes[i].gsi == gsi && routes[i].u.irqchip.irqchip == chip)
			routes[i].u.irqchip.pin = pin;
}

void env_route_msi(u32 gsi, u32 lo, u32 hi, u32 data)
{
	routes[nr_routes++] = (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = lo, .address_hi = hi, .data = data },
	};
}

void eventfd_irq_acked(struct vm *vm, u32 gsi)
{
	may_sleep("eventfd_irq_acked");
	env_acked[gsi & 63]++;
	if ((int)gsi == env_lower_on_ack)
		vm_set_irq(vm, IRQ_SOURCE_RESAMPLE, gsi, 0, false);
}

/* ---- the machine ---- */

static const struct engine no_engine = { .name = "none" };

const struct engine *core_engine(void)
{
	return &no_engine;
}

struct vm *env_vm(enum vm_irqchip kind, u32 n, const u32 *ids)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	vm->engine = &no_engine;
	vm->irqchip = kind;
	nr_routes = 0;
	memset(env_acked, 0, sizeof(env_acked));
	memset(env_mem, 0, sizeof(env_mem));
	if (kvmclock_create(vm))
		abort();
	if (kind == VM_IRQCHIP_KERNEL) {
		irq_default_routing(routes);
		nr_routes = IRQ_NR_DEFAULT_ROUTES;
		if (irqchip_create(vm))
			abort();
	}
	for (u32 i = 0; i < n; i++) {
		struct vcpu *v = aligned_alloc(64, ALIGN_UP(sizeof(*v), 64ul));

		memset(v, 0, sizeof(*v));
		v->vm = vm;
		v->id = ids ? ids[i] : i;
		v->index = i;
		v->run = calloc(1, sizeof(*v->run));
		v->cpu.maxphyaddr = 40;
		v->cpu.rflags = 2 | X86_IF;
		v->tsc_khz = ENV_TSC_KHZ;
		if (pv_create(v) || (kind != VM_IRQCHIP_NONE && lapic_create(v)))
			abort();
		v->mp_state = i ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE;
		vm->vcpus[i] = v;
		vm->nr_vcpus = i + 1;
		kicks[i] = 0;
	}
	return vm;
}

void env_vm_free(struct vm *vm)
{
	pit_destroy(vm);
	irqchip_destroy(vm);
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpus[i];

		lapic_destroy(v);
		pv_destroy(v);
		free(v->run);
		free(v);
	}
	apic_map_destroy(vm);
	kvmclock_destroy(vm);
	free(vm);
}

u8 env_inb(struct vcpu *v, u16 port)
{
	u8 val = 0xff;

	if (vm_io_read(v, IO_BUS_PIO, port, 1, &val))
		return 0xff;
	return val;
}

void env_outb(struct vcpu *v, u16 port, u8 val) { vm_io_write(v, IO_BUS_PIO, port, 1, &val); }

u32 env_rd(struct vcpu *v, u64 gpa)
{
	u32 val = 0;

	vm_io_read(v, IO_BUS_MMIO, gpa, 4, &val);
	return val;
}

void env_wr(struct vcpu *v, u64 gpa, u32 val) { vm_io_write(v, IO_BUS_MMIO, gpa, 4, &val); }
u32 env_apic(struct vcpu *v, u32 reg) { return env_rd(v, 0xfee00000 + reg); }
void env_set_apic(struct vcpu *v, u32 reg, u32 val) { env_wr(v, 0xfee00000 + reg, val); }

u32 env_ioapic(struct vcpu *v, u32 reg)
{
	env_wr(v, 0xfec00000, reg);
	return env_rd(v, 0xfec00010);
}

void env_set_ioapic(struct vcpu *v, u32 reg, u32 val)
{
	env_wr(v, 0xfec00000, reg);
	env_wr(v, 0xfec00010, val);
}

void env_redir(struct vcpu *v, u32 pin, u64 entry)
{
	env_set_ioapic(v, 0x11 + pin * 2, entry >> 32);
	env_set_ioapic(v, 0x10 + pin * 2, entry);
}
