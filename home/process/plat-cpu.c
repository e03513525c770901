/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processor below: CPUID as far as the operating system lets a program
 * use what it says, and the frequency of the TSC.
 *
 * Sources: Intel SDM vol. 2A (CPUID, XGETBV), vol. 3B 19.7.3 (TSC frequency);
 * leaf 40000010h is the hypervisors' common timing leaf. perf_event_open(2)
 * documents time_mult and time_shift, which are the kernel's own calibration.
 */
#include <cpuid.h>
#include <linux/perf_event.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include "home.h"

static u64 xgetbv0(void)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo | (u64)hi << 32;
}

static u64 host_xcr0(void)
{
	static u64 cached;
	u32 a, b, c, d;

	if (!cached) {
		__cpuid(1, a, b, c, d);
		cached = c & (1u << 27) ? xgetbv0() : 1; /* OSXSAVE */
	}
	return cached;
}

enum { EAX, EBX, ECX, EDX };

/* Features that need a state component: what XCR0 lacks takes them away. */
static const struct {
	u32 leaf, sub;
	u8 reg;
	u64 xcr0;
	u32 bits;
} needs[] = {
	/* XSAVE OSXSAVE: x87 alone (bit 0) is what an OS without XSAVE leaves */
	{ 1, 0, ECX, 0x2, 1u << 26 | 1u << 27 },
	/* FMA, AVX, F16C */
	{ 1, 0, ECX, 0x6, 1u << 12 | 1u << 28 | 1u << 29 },
	/* AVX2 */
	{ 7, 0, EBX, 0x6, 1u << 5 },
	/* VAES, VPCLMULQDQ */
	{ 7, 0, ECX, 0x6, 1u << 9 | 1u << 10 },
	/* AVX512 F DQ IFMA PF ER CD BW VL */
	{ 7, 0, EBX, 0xe6,
	  1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31 },
	/* VBMI VBMI2 VNNI BITALG VPOPCNTDQ */
	{ 7, 0, ECX, 0xe6, 1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14 },
	/* 4VNNIW 4FMAPS VP2INTERSECT AVX512_FP16 */
	{ 7, 0, EDX, 0xe6, 1u << 2 | 1u << 3 | 1u << 8 | 1u << 23 },
	/* AMX: bf16 tile int8; a program must ask the kernel for it first, so it is never there */
	{ 7, 0, EDX, ~0ull, 1u << 22 | 1u << 24 | 1u << 25 },
	/* PKU */
	{ 7, 0, ECX, 0x200, 1u << 3 | 1u << 4 },
	/* CET: shadow stacks and branch tracking are the kernel's to switch on */
	{ 7, 0, ECX, ~0ull, 1u << 7 },
	{ 7, 0, EDX, ~0ull, 1u << 20 },
	/* AVX-VNNI, AVX512_BF16 */
	{ 7, 1, EAX, 0x6, 1u << 4 },
	{ 7, 1, EAX, 0xe6, 1u << 5 },
	/* XOP, FMA4 */
	{ 0x80000001, 0, ECX, 0x6, 1u << 11 | 1u << 16 },
};

void plat_cpuid(u32 leaf, u32 sub, u32 out[4])
{
	u64 xcr0 = host_xcr0();
	size_t i;

	__cpuid_count(leaf, sub, out[EAX], out[EBX], out[ECX], out[EDX]);
	for (i = 0; i < ARRAY_SIZE(needs); i++)
		if (needs[i].leaf == leaf && needs[i].sub == sub &&
		    (xcr0 & needs[i].xcr0) != needs[i].xcr0)
			out[needs[i].reg] &= ~needs[i].bits;
	/* FSGSBASE instructions: CR4.FSGSBASE is seen in AT_HWCAP2 bit 1 */
	if (leaf == 7 && !sub && !(getauxval(AT_HWCAP2) & 2))
		out[EBX] &= ~1u;
	if (leaf == 0xd && !sub) {
		out[EAX] &= (u32)xcr0;
		out[EDX] &= (u32)(xcr0 >> 32);
	}
	if (leaf == 0xd && sub >= 2 && (sub >= 63 || !(xcr0 >> sub & 1)))
		out[EAX] = out[EBX] = out[ECX] = out[EDX] = 0;
}

void plat_random(void *buf, size_t n)
{
	u8 *p = buf;

	while (n) {
		long got = sys3(SYS_getrandom, p, min(n, (size_t)256), 0);

		if (got > 0) {
			p += got;
			n -= got;
		} else if (got != -4 /* EINTR */) {
			/* No such call (seccomp): unpredictable enough is the best there is. */
			for (; n; n--)
				*p++ = (u8)((plat_rdtsc() * 0x9e3779b97f4a7c15ull) >> 56);
		}
	}
}

/* ---- TSC ---- */

static u32 khz_cpuid(void)
{
	u32 max, a, b, c, d;

	__cpuid(0, max, b, c, d);
	if (max >= 0x15) {
		__cpuid(0x15, a, b, c, d);
		if (a && b && c)
			return (u64)c * b / a / 1000;
		if (a && b && max >= 0x16) {
			/*
			 * No crystal frequency: the base frequency (MHz) is the TSC's on such
			 * parts.
			 */
			__cpuid(0x16, a, b, c, d);
			if (a & 0xffff)
				return (a & 0xffff) * 1000;
		}
	}
	__cpuid(1, a, b, c, d);
	if (c & 1u << 31) {
		__cpuid(0x40000000, max, b, c, d);
		if (max >= 0x40000010 && max < 0x40010000) {
			__cpuid(0x40000010, a, b, c, d);
			return a;
		}
	}
	return 0;
}

static u32 khz_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	struct perf_event_mmap_page *page;
	u32 khz = 0, a, b, c, d;
	int fd;

	/* Where the kernel's clock is a hypervisor's, it does not say; the first event takes 8 ms. */
	__cpuid(1, a, b, c, d);
	if (c & 1u << 31)
		return 0;
	fd = sys6(SYS_perf_event_open, (u64)&attr, 0, -1ull, -1ull, 8 /* CLOEXEC */, 0);
	if (fd < 0)
		return 0;
	page = home_mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (page) {
		if (page->cap_user_time && page->time_mult)
			khz = (u32)((1000000ull << page->time_shift) / page->time_mult);
		home_munmap(page, 4096);
	}
	home_close(fd);
	return khz;
}

static u64 raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/*
 * The clock and the TSC at one time: the mean of many reads, without those that something came
 * between.
 */
#define READS 100

static void sample(u64 *ns, u64 *tsc)
{
	u64 before[READS], between[READS], after[READS], best = ~0ull, n = 0;
	int i;

	for (i = 0; i < READS; i++) {
		before[i] = raw_ns();
		between[i] = plat_rdtsc();
		after[i] = raw_ns();
		best = min(best, after[i] - before[i]);
	}
	*ns = *tsc = 0;
	for (i = 0; i < READS; i++) {
		if (after[i] - before[i] > best + best / 4)
			continue;
		*ns += before[i] - before[0] + after[i] - before[0];
		*tsc += between[i] - between[0];
		n++;
	}
	*ns = before[0] + *ns / (2 * n);
	*tsc = between[0] + *tsc / n;
}

/*
 * Measured from when the library was loaded, so that little or none of the time is waited for. Two
 * milliseconds are good to 2 ppm (a sample is good to some 3 ns); a machine may have slept in much
 * more.
 */
#define MEASURE_NS 2000000
#define MEASURE_MAX_NS 1000000000

static u64 loaded_ns, loaded_tsc;

static void __attribute__((constructor)) loaded(void)
{
	sample(&loaded_ns, &loaded_tsc);
}

static u32 khz_measure(void)
{
	u64 ns, tsc;

	sample(&ns, &tsc);
	if (ns - loaded_ns > MEASURE_MAX_NS) {
		loaded_ns = ns;
		loaded_tsc = tsc;
	}
	while (ns - loaded_ns < MEASURE_NS) {
		struct timespec ts = { 0, MEASURE_NS - (ns - loaded_ns) };

		nanosleep(&ts, NULL);
		sample(&ns, &tsc);
	}
	return (u32)((tsc - loaded_tsc) * 1000000 / (ns - loaded_ns));
}

u32 plat_tsc_khz(void)
{
	static u32 khz;

	if (!khz) {
		u32 k = khz_cpuid();

		if (!k)
			k = khz_perf();
		if (!k)
			k = khz_measure();
		khz = k;
	}
	return khz;
}
