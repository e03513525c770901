// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CPUID for the guest: everything that the accelerator supports, less what the user switched off,
 * plus what belongs to one CPU of the machine: its APIC id, and who its neighbours are.
 * (Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E.)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/cpuid.h"
#include "host/nearest.h"
#include "host/report.h"

#define USUAL_PHYS_BITS 40
#define MAX_ENTRIES 256

enum reg { EAX, EBX, ECX, EDX };

static const struct model {
	const char *name;
	const char *what;
} models[] = {
	{ "host", "everything that the accelerator can give here" },
	{ "max", "the same" },
};

/* Names as in /proc/cpuinfo, in the order of the leaves. */
static const struct feature {
	const char *name;
	uint32_t function, index;
	enum reg reg;
	unsigned int bit;
} features[] = {
	{ "sep", 1, 0, EDX, 11 },
	{ "mtrr", 1, 0, EDX, 12 },
	{ "pge", 1, 0, EDX, 13 },
	{ "cmov", 1, 0, EDX, 15 },
	{ "pat", 1, 0, EDX, 16 },
	{ "pse36", 1, 0, EDX, 17 },
	{ "clflush", 1, 0, EDX, 19 },
	{ "mmx", 1, 0, EDX, 23 },
	{ "sse", 1, 0, EDX, 25 },
	{ "sse2", 1, 0, EDX, 26 },
	{ "pni", 1, 0, ECX, 0 },
	{ "pclmulqdq", 1, 0, ECX, 1 },
	{ "ssse3", 1, 0, ECX, 9 },
	{ "fma", 1, 0, ECX, 12 },
	{ "cx16", 1, 0, ECX, 13 },
	{ "pcid", 1, 0, ECX, 17 },
	{ "sse4_1", 1, 0, ECX, 19 },
	{ "sse4_2", 1, 0, ECX, 20 },
	{ "x2apic", 1, 0, ECX, 21 },
	{ "movbe", 1, 0, ECX, 22 },
	{ "popcnt", 1, 0, ECX, 23 },
	{ "tsc-deadline", 1, 0, ECX, 24 },
	{ "aes", 1, 0, ECX, 25 },
	{ "xsave", 1, 0, ECX, 26 },
	{ "avx", 1, 0, ECX, 28 },
	{ "f16c", 1, 0, ECX, 29 },
	{ "rdrand", 1, 0, ECX, 30 },
	{ "hypervisor", 1, 0, ECX, 31 },
	{ "fsgsbase", 7, 0, EBX, 0 },
	{ "tsc_adjust", 7, 0, EBX, 1 },
	{ "bmi1", 7, 0, EBX, 3 },
	{ "avx2", 7, 0, EBX, 5 },
	{ "smep", 7, 0, EBX, 7 },
	{ "bmi2", 7, 0, EBX, 8 },
	{ "erms", 7, 0, EBX, 9 },
	{ "invpcid", 7, 0, EBX, 10 },
	{ "avx512f", 7, 0, EBX, 16 },
	{ "rdseed", 7, 0, EBX, 18 },
	{ "adx", 7, 0, EBX, 19 },
	{ "smap", 7, 0, EBX, 20 },
	{ "clflushopt", 7, 0, EBX, 23 },
	{ "clwb", 7, 0, EBX, 24 },
	{ "sha_ni", 7, 0, EBX, 29 },
	{ "umip", 7, 0, ECX, 2 },
	{ "pku", 7, 0, ECX, 3 },
	{ "gfni", 7, 0, ECX, 8 },
	{ "vaes", 7, 0, ECX, 9 },
	{ "vpclmulqdq", 7, 0, ECX, 10 },
	{ "la57", 7, 0, ECX, 16 },
	{ "rdpid", 7, 0, ECX, 22 },
	{ "fsrm", 7, 0, EDX, 4 },
	{ "xsaveopt", 0xd, 1, EAX, 0 },
	{ "xsavec", 0xd, 1, EAX, 1 },
	{ "xgetbv1", 0xd, 1, EAX, 2 },
	{ "xsaves", 0xd, 1, EAX, 3 },
	{ "kvmclock", 0x40000001, 0, EAX, 3 },
	{ "kvm-asyncpf", 0x40000001, 0, EAX, 4 },
	{ "kvm-steal-time", 0x40000001, 0, EAX, 5 },
	{ "kvm-pv-eoi", 0x40000001, 0, EAX, 6 },
	{ "kvm-pv-unhalt", 0x40000001, 0, EAX, 7 },
	{ "kvm-pv-tlb-flush", 0x40000001, 0, EAX, 9 },
	{ "kvm-pv-ipi", 0x40000001, 0, EAX, 11 },
	{ "lahf_lm", 0x80000001, 0, ECX, 0 },
	{ "svm", 0x80000001, 0, ECX, 2 },
	{ "vmx", 1, 0, ECX, 5 },
	{ "abm", 0x80000001, 0, ECX, 5 },
	{ "sse4a", 0x80000001, 0, ECX, 6 },
	{ "misalignsse", 0x80000001, 0, ECX, 7 },
	{ "3dnowprefetch", 0x80000001, 0, ECX, 8 },
	{ "topoext", 0x80000001, 0, ECX, 22 },
	{ "syscall", 0x80000001, 0, EDX, 11 },
	{ "nx", 0x80000001, 0, EDX, 20 },
	{ "mmxext", 0x80000001, 0, EDX, 22 },
	{ "pdpe1gb", 0x80000001, 0, EDX, 26 },
	{ "rdtscp", 0x80000001, 0, EDX, 27 },
	{ "lm", 0x80000001, 0, EDX, 29 },
	{ "invtsc", 0x80000007, 0, EDX, 8 },
};

/* The few features that are the host's to turn on: the list of supported leaves leaves them out. */
static const struct { const char *name; int cap; } offered_by_cap[] = {
	{ "tsc-deadline", KVM_CAP_TSC_DEADLINE_TIMER },
	{ "x2apic", KVM_CAP_IRQCHIP },
	{ "hypervisor", KVM_CAP_IRQCHIP },
};

void cpu_help(void)
{
	unsigned int i, col = 0;

	printf("Processors, for -cpu MODEL[,FEATURE=on|off][,+FEATURE][,-FEATURE]:\n");
	for (i = 0; i < ARRAY_SIZE(models); i++)
		printf("  %-6s %s\n", models[i].name, models[i].what);
	printf("Features:\n ");
	for (i = 0; i < ARRAY_SIZE(features); i++) {
		if (col + strlen(features[i].name) + 1 > 76) {
			printf("\n ");
			col = 0;
		}
		col += (unsigned int)printf(" %s", features[i].name);
	}
	printf("\n");
}

static const struct feature *find_feature(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (strlen(features[i].name) == len && !strncmp(features[i].name, name, len))
			return &features[i];
	return NULL;
}

/* One ",..." part of the argument. Dies if it is not FEATURE=on|off, +FEATURE or -FEATURE. */
static const struct feature *parse_feature(const char *spec, const char *p, size_t len, bool *on)
{
	const char *names[ARRAY_SIZE(features)];
	const char *name = p, *val;
	size_t n = strcspn(p, "=,");
	const struct feature *f;
	unsigned int i;

	if (*p == '+' || *p == '-') {
		*on = *p == '+';
		name++;
		n = len - 1;
	} else if (n < len) {
		val = p + n + 1;
		*on = len - n - 1 == 2 && !strncmp(val, "on", 2);
		if (!*on && !(len - n - 1 == 3 && !strncmp(val, "off", 3)))
			die("-cpu %s: %.*s must be on or off", spec, (int)n, p);
	} else {
		*on = true;
	}
	f = find_feature(name, n);
	if (f)
		return f;
	for (i = 0; i < ARRAY_SIZE(features); i++)
		names[i] = features[i].name;
	die("-cpu %s: there is no feature '%.*s'; did you mean '%s'? (-cpu help lists all)", spec,
	    (int)n, name, nearest(name, n, names, ARRAY_SIZE(features)));
}

static void check_model(const char *spec)
{
	size_t len = strcspn(spec, ",");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(models); i++)
		if (strlen(models[i].name) == len && !strncmp(models[i].name, spec, len))
			return;
	die("-cpu %s: there is no model '%.*s'; there are host and max", spec, (int)len, spec);
}

/* phys-bits=N; 0: @p is something else. */
static unsigned int parse_phys_bits(const char *spec, const char *p, size_t len)
{
	static const char key[] = "phys-bits=";
	unsigned long n;
	char *end;

	if (strncmp(p, key, sizeof(key) - 1))
		return 0;
	n = strtoul(p + sizeof(key) - 1, &end, 10);
	if (end != p + len || n < 32 || n > 52)
		die("-cpu %s: phys-bits must be a whole number from 32 to 52", spec);
	return (unsigned int)n;
}

/* Call @fn for each feature that @spec switches. */
static void for_each_switch(const char *spec, void (*fn)(const struct feature *f, bool on, void *arg),
			    void *arg)
{
	const char *p = spec + strcspn(spec, ",");

	while (*p == ',') {
		size_t len = strcspn(++p, ",");
		bool on = false;

		if (!parse_phys_bits(spec, p, len))
			fn(parse_feature(spec, p, len, &on), on, arg);
		p += len;
	}
}

static void ignore(const struct feature *f, bool on, void *arg)
{
	(void)f;
	(void)on;
	(void)arg;
}

void cpu_check(const char *spec)
{
	check_model(spec);
	for_each_switch(spec, ignore, NULL);
}

/* --- leaves --- */

static struct kvm_cpuid_entry2 *leaf(struct kvm_cpuid2 *id, uint32_t function, uint32_t index)
{
	unsigned int i;

	for (i = 0; i < id->nent; i++)
		if (id->entries[i].function == function &&
		    (!(id->entries[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		     id->entries[i].index == index))
			return &id->entries[i];
	return NULL;
}

static uint32_t *leaf_reg(struct kvm_cpuid_entry2 *e, enum reg reg)
{
	uint32_t *const regs[] = { &e->eax, &e->ebx, &e->ecx, &e->edx };

	return regs[reg];
}

static struct kvm_cpuid_entry2 *need_leaf(struct kvm_cpuid2 *id, uint32_t function, uint32_t index,
					  uint32_t flags)
{
	struct kvm_cpuid_entry2 *e = leaf(id, function, index);

	if (e && e->function == function && e->index == index)
		return e;
	if (id->nent == MAX_ENTRIES)
		die("-cpu: too many CPUID leaves");
	e = &id->entries[id->nent++];
	*e = (struct kvm_cpuid_entry2){ .function = function, .index = index, .flags = flags };
	return e;
}

static void set_field(uint32_t *reg, unsigned int lo, unsigned int hi, uint32_t val)
{
	uint32_t mask = (hi - lo == 31 ? ~0u : (1u << (hi - lo + 1)) - 1) << lo;

	*reg = (*reg & ~mask) | ((val << lo) & mask);
}

struct switches {
	struct kvm_cpuid2 *id;
	const char *spec;
	const struct vm *vm;
};

static void switch_feature(const struct feature *f, bool on, void *arg)
{
	struct switches *s = arg;
	struct kvm_cpuid_entry2 *e = leaf(s->id, f->function, f->index);

	if (on && (!e || !(*leaf_reg(e, f->reg) >> f->bit & 1)))
		die("-cpu %s: -accel %s cannot give the guest '%s' on this machine", s->spec,
		    s->vm->accel->name, f->name);
	if (e && !on)
		*leaf_reg(e, f->reg) &= ~(1u << f->bit);
}

/*
 * How many bits of address the guest may use: as -cpu says, or as many as are enough. UEFI firmware
 * maps all of them before it does anything else, and at 48 that takes it minutes.
 */
static void set_phys_bits(struct kvm_cpuid2 *id, const struct vm *vm, const char *spec)
{
	struct kvm_cpuid_entry2 *e = leaf(id, 0x80000008, 0);
	unsigned int bits = 0, most = cpu_phys_bits(id);
	const char *p;

	if (!e)
		return;
	for (p = spec + strcspn(spec, ","); *p == ','; p += strcspn(p, ",")) {
		p++;
		if (parse_phys_bits(spec, p, strcspn(p, ",")))
			bits = parse_phys_bits(spec, p, strcspn(p, ","));
	}
	if (bits > most)
		die("-cpu %s: phys-bits=%u: the processor has %u", spec, bits, most);
	/* Half of the space is for RAM, the rest for what devices map. */
	if (!bits)
		for (bits = USUAL_PHYS_BITS; bits < most && vm->ram_size >> (bits - 1); bits++)
			;
	if (bits < most)
		set_field(&e->eax, 0, 7, bits);
}

struct kvm_cpuid2 *cpu_make(const struct vm *vm, const char *spec)
{
	struct kvm_cpuid2 *id = calloc(1, sizeof(*id) + MAX_ENTRIES * sizeof(id->entries[0]));
	struct switches s = { .id = id, .spec = spec, .vm = vm };
	const struct feature *f;
	unsigned int i;
	int ret;

	if (!id)
		die("out of memory for CPUID");
	id->nent = MAX_ENTRIES;
	ret = vm->accel->ioctl(vm->sys_fd, KVM_GET_SUPPORTED_CPUID, id);
	if (ret < 0)
		die("-accel %s: KVM_GET_SUPPORTED_CPUID fails: %s", vm->accel->name, strerror(-ret));
	for (i = 0; i < ARRAY_SIZE(offered_by_cap); i++) {
		if (accel_ioctl_val(vm->accel, vm->sys_fd, KVM_CHECK_EXTENSION,
				    (uint64_t)offered_by_cap[i].cap) <= 0)
			continue;
		f = find_feature(offered_by_cap[i].name, strlen(offered_by_cap[i].name));
		*leaf_reg(need_leaf(id, f->function, f->index, 0), f->reg) |= 1u << f->bit;
	}
	for_each_switch(spec, switch_feature, &s);
	set_phys_bits(id, vm, spec);
	return id;
}

unsigned int cpu_phys_bits(const struct kvm_cpuid2 *id)
{
	struct kvm_cpuid_entry2 *e = leaf((struct kvm_cpuid2 *)id, 0x80000008, 0);

	return e && (e->eax & 0xff) ? e->eax & 0xff : 36;
}

/* --- topology --- */

/* How many bits number @n things. */
static unsigned int width(unsigned int n)
{
	unsigned int w = 0;

	while ((1u << w) < n)
		w++;
	return w;
}

uint32_t cpu_apic_id(const struct topology *t, unsigned int index)
{
	unsigned int thread = index % t->threads;
	unsigned int core = index / t->threads % t->cores;
	unsigned int socket = index / (t->threads * t->cores);

	return (socket << width(t->cores) | core) << width(t->threads) | thread;
}

/* Leaf 4 of Intel and 8000_001Dh of AMD: how many ids share each cache. */
static void share_caches(struct kvm_cpuid2 *id, uint32_t function, const struct topology *t)
{
	bool intel = function == 4;
	unsigned int i, threads = 1u << width(t->threads);
	unsigned int all = 1u << (width(t->threads) + width(t->cores));

	for (i = 0; i < id->nent; i++) {
		struct kvm_cpuid_entry2 *e = &id->entries[i];

		if (e->function != function || !(e->eax & 0x1f))
			continue;
		/* The first two levels are a core's own, the third is the socket's. */
		set_field(&e->eax, 14, 25, ((e->eax >> 5 & 7) >= 3 ? all : threads) - 1);
		if (intel)
			set_field(&e->eax, 26, 31, (1u << width(t->cores)) - 1);
	}
}

/* Leaves 0Bh and 1Fh: one sub-leaf a level, with the x2APIC id in all. */
static void x2apic_levels(struct kvm_cpuid2 *id, uint32_t function, const struct topology *t,
			  uint32_t apic_id)
{
	const struct { uint32_t shift, count, type; } level[] = {
		{ width(t->threads), t->threads, 1 },
		{ width(t->threads) + width(t->cores), t->threads * t->cores, 2 },
		{ 0, 0, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(level); i++) {
		struct kvm_cpuid_entry2 *e = need_leaf(id, function, i,
						       KVM_CPUID_FLAG_SIGNIFCANT_INDEX);

		e->flags |= KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		e->eax = level[i].shift;
		e->ebx = level[i].count;
		e->ecx = i | level[i].type << 8;
		e->edx = apic_id;
	}
}

void cpu_personalize(struct kvm_cpuid2 *id, const struct topology *t, unsigned int index)
{
	uint32_t apic_id = cpu_apic_id(t, index);
	unsigned int in_socket = t->cores * t->threads;
	struct kvm_cpuid_entry2 *e, *base = leaf(id, 0, 0);
	bool amd = base && (base->ebx == 0x68747541 || base->ebx == 0x6f677948);

	if (base && base->eax < 0xb)
		base->eax = 0xb;
	e = leaf(id, 1, 0);
	if (e) {
		set_field(&e->ebx, 24, 31, apic_id);
		set_field(&e->ebx, 16, 23, in_socket > 1 ? 1u << (width(t->cores) + width(t->threads))
							 : 1);
		set_field(&e->edx, 28, 28, in_socket > 1);	/* HTT */
	}
	share_caches(id, 4, t);
	x2apic_levels(id, 0xb, t, apic_id);
	if (base && base->eax >= 0x1f)
		x2apic_levels(id, 0x1f, t, apic_id);
	e = leaf(id, 0x80000001, 0);
	if (e && amd)
		set_field(&e->ecx, 1, 1, in_socket > 1);	/* CmpLegacy */
	e = leaf(id, 0x80000008, 0);
	if (e && amd) {
		set_field(&e->ecx, 0, 7, in_socket - 1);
		set_field(&e->ecx, 12, 15, width(t->cores) + width(t->threads));
	}
	if (!amd)
		return;
	share_caches(id, 0x8000001d, t);
	e = leaf(id, 0x8000001e, 0);
	if (e) {
		e->eax = apic_id;
		set_field(&e->ebx, 0, 7, apic_id >> width(t->threads));
		set_field(&e->ebx, 8, 15, t->threads - 1);
		e->ecx = index / in_socket;
	}
}
