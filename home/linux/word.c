// SPDX-License-Identifier: GPL-2.0
/*
 * Small words of plat.h: clocks, the processor below, what is said to people.
 */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/ratelimit.h>
#include <linux/sched/clock.h>
#include <linux/ktime.h>
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include <asm/processor.h>
#include <asm/tsc.h>
#include "plat.h"
#include "module.h"

/* ---- clocks ---- */

u64 plat_time_ns(void)
{
	return ktime_get_ns();
}

u64 plat_boot_ns(void)
{
	return ktime_get_boottime_ns();
}

u64 plat_real_ns(void)
{
	return ktime_get_real_ns();
}

u32 plat_tsc_khz(void)
{
	return tsc_khz;
}

/* ---- the processor ---- */

void plat_random(void *buf, size_t n)
{
	get_random_bytes(buf, n);
}

/*
 * Feature words of CPUID that the kernel keeps, with what it (or its command
 * line) turned off taken out: a guest is offered nothing that its host's
 * kernel does not trust.
 */
static const struct known_word {
	u32 leaf, sub;
	u8 reg;			/* eax, ebx, ecx, edx */
	u8 word;		/* of boot_cpu_data.x86_capability */
} known[] = {
	{ 1, 0, 2, CPUID_1_ECX },
	{ 1, 0, 3, CPUID_1_EDX },
	{ 7, 0, 1, CPUID_7_0_EBX },
	{ 7, 0, 2, CPUID_7_ECX },
	{ 7, 0, 3, CPUID_7_EDX },
	{ 7, 1, 0, CPUID_7_1_EAX },
	{ 0xd, 1, 0, CPUID_D_1_EAX },
	{ 0x80000001, 0, 2, CPUID_8000_0001_ECX },
	{ 0x80000001, 0, 3, CPUID_8000_0001_EDX },
	{ 0x80000008, 0, 1, CPUID_8000_0008_EBX },
	{ 0x8000000a, 0, 3, CPUID_8000_000A_EDX },
};

void plat_cpuid(u32 leaf, u32 sub, u32 out[4])
{
	u64 xcr0;
	u32 i;

	cpuid_count(leaf, sub, &out[0], &out[1], &out[2], &out[3]);
	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].leaf == leaf && known[i].sub == sub)
			out[known[i].reg] &= boot_cpu_data.x86_capability[known[i].word];
	if (leaf == 0xd && !sub) {
		xcr0 = boot_cpu_has(X86_FEATURE_OSXSAVE) ? xgetbv(XCR_XFEATURE_ENABLED_MASK) : 0;
		out[0] &= xcr0;
		out[3] &= xcr0 >> 32;
	}
}

/* ---- to people ---- */

/* "exit,msr": the topics of plat_trace that VMs made from now on have on. */
static char trace[64];
module_param_string(trace, trace, sizeof(trace), 0644);
MODULE_PARM_DESC(trace, "Topics for the tracepoint anykvm:anykvm_note: exit,msr,event");

bool plat_trace_on(const char *topic)
{
	size_t n = strlen(topic);
	const char *p = trace;

	for (; (p = strstr(p, topic)); p += n)
		if ((p == trace || p[-1] == ',') && strchr(",\n", p[n]))
			return true;
	return false;
}

void plat_trace(const char *fmt, ...)
{
	struct va_format f = { .fmt = fmt };
	va_list ap;

	va_start(ap, fmt);
	f.va = &ap;
	trace_note(&f);
	va_end(ap);
}

/* A guest can make us say something as often as it likes. */
void plat_log(const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	struct va_format f = { .fmt = fmt };
	va_list ap;

	if (!__ratelimit(&limit))
		return;
	va_start(ap, fmt);
	f.va = &ap;
	pr_info("anykvm: %pV\n", &f);
	va_end(ap);
}

int plat_snprintf(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(buf, n, fmt, ap);
	va_end(ap);
	return len;
}

void plat_bug(const char *file, int line, const char *what)
{
	pr_emerg("anykvm: %s:%d: %s\n", file, line, what);
	BUG();
}
