// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The little of a home that the translator needs to stand alone in a test, and
 * a memory in which guest linear addresses are host addresses.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bt-diff.h"
#include "window.h"

/* Called from generated code: the vector registers are the guest's. */
#pragma GCC target("general-regs-only")

void *plat_alloc(size_t size)
{
	return calloc(1, size);
}

void plat_free(void *p)
{
	free(p);
}

int plat_code_alloc(size_t size, void **rw, void **rx)
{
	int fd = memfd_create("code", 0);

	if (fd < 0 || ftruncate(fd, size))
		return -ENOMEM;
	*rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	*rx = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	close(fd);
	return 0;
}

void plat_code_free(void *rw, void *rx, size_t size)
{
	munmap(rw, size);
	munmap(rx, size);
}

/* What still looks there must not find what was. */
void plat_forget(void *p, size_t size)
{
	memset(p, 0xcc, size);
}

void *plat_stack_alloc(size_t size, size_t above)
{
	return (char *)mmap(NULL, size + above, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0) + size;
}

void plat_stack_free(void *p, size_t size, size_t above)
{
	munmap((char *)p - size, size + above);
}

struct vcpu *diff_vcpu(void)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	v->vm = calloc(1, sizeof(*v->vm));
	v->vm->nr_vcpus = 1;
	return v;
}

u32 diff_tsc_khz = DIFF_NO_TIME;

u32 plat_tsc_khz(void)
{
	return diff_tsc_khz;
}

bool plat_trace_on(const char *topic)
{
	(void)topic;
	return getenv("TRACE") != NULL;
}

void plat_trace(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void plat_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

void bt_fpu_save(struct bt_ctx *x)
{
	(void)x;
}

void bt_fpu_load(struct bt_ctx *x)
{
	(void)x;
}

/* ---- the slow ways, as simple as they can be ---- */

u32 diff_bounce_percent;	/* of good accesses, how many take the bounce buffer */
u32 diff_fill;			/* fill the TLB, or keep everything slow */

static u64 fail_at(struct bt_ctx *x, u8 vector)
{
	u64 rip = 0;
	u32 len = 0;

	BUG_ON(!bt_cache_map(x->cache, x->mem_ret, &rip, &len));
	x->rip = rip;
	x->exit_reason = BT_EXIT_EXC;
	x->vcpu->emu.exc = (struct x86_exception){ .vector = vector };
	return 0;
}

static bool in_range(u64 lin, u32 size, u64 at)
{
	return lin >= at && lin + size <= at + DIFF_DATA_SIZE && lin + size > lin;
}

static bool in_data(u64 lin, u32 size)
{
	return in_range(lin, size, DIFF_DATA) || in_range(lin, size, DIFF_DATA_B);
}

/* ---- windows ---- */

static void *in_window(struct bt_ctx *x, u64 lin)
{
	u32 w = bt_window_slot(lin) == BT_WINDOW_SLOT_B ? BT_WINDOW_B : BT_WINDOW_A;

	return (void *)(lin + x->window[w].delta);
}

static void make_window(struct bt_ctx *x, enum bt_window w, u64 lin)
{
	u64 size = BT_WINDOW_SIZE + 4 * BT_WINDOW_EDGE;		/* what is beyond is seen, too */
	char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("window");
		exit(2);
	}
	x->window[w].delta = (u64)p + 2 * BT_WINDOW_EDGE -
			     ((u64)bt_window_slot(lin) << BT_WINDOW_SHIFT);
	if (mremap((void *)lin, 0, DIFF_DATA_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   in_window(x, lin)) == MAP_FAILED) {
		perror("mremap");
		exit(2);
	}
}

void diff_windows_make(struct bt_ctx *x)
{
	make_window(x, BT_WINDOW_A, DIFF_DATA);
	make_window(x, BT_WINDOW_B, DIFF_DATA_B);
	diff_windows_empty(x);
}

void diff_windows_empty(struct bt_ctx *x)
{
	mprotect(in_window(x, DIFF_DATA), DIFF_DATA_SIZE, PROT_NONE);
	mprotect(in_window(x, DIFF_DATA_B), DIFF_DATA_SIZE, PROT_NONE);
}

bool diff_in_windows(struct bt_ctx *x, u64 host)
{
	static const u64 data[] = { DIFF_DATA, DIFF_DATA_B };
	bool in = false;

	for (u32 w = 0; w < BT_WINDOW_COUNT; w++) {
		u64 lo = ((u64)bt_window_slot(data[w]) << BT_WINDOW_SHIFT) + x->window[w].delta;

		in |= host - (lo - BT_WINDOW_EDGE) < BT_WINDOW_SIZE + 2 * BT_WINDOW_EDGE;
	}
	return in;
}

static void map_in_window(struct bt_ctx *x, u64 lin)
{
	int prot = (x->memop & BT_MEMOP_W) ? PROT_READ | PROT_WRITE : PROT_READ;

	if ((lin & ~PAGE_MASK) + (x->memop & BT_MEMOP_SIZE) <= PAGE_SIZE)
		mprotect(in_window(x, lin & PAGE_MASK), PAGE_SIZE, prot);
}

/* Programs that change their code bring these: flow.c. */
__attribute__((weak)) u8 *diff_code_at(u64 lin, u32 size)
{
	(void)lin;
	(void)size;
	return NULL;
}

__attribute__((weak)) void diff_code_written(u64 lin, u32 size)
{
	(void)lin;
	(void)size;
}

static u64 bounce_at(struct bt_ctx *x, const void *from, u32 size, u64 *bounce)
{
	*bounce = 1;
	x->bounce_lin = x->mem_lin;
	x->bounce_size = size;
	if (x->memop & BT_MEMOP_R)
		memcpy(x->bounce, from, size);
	return (u64)x->bounce;
}

u64 bt_mem_slow(struct bt_ctx *x, u64 *bounce)
{
	u32 size = x->memop & BT_MEMOP_SIZE, i = bt_tlb_index(x->mem_lin);
	struct bt_tlb *tlb = &x->tlb[(x->memop >> BT_MEMOP_MMU_SHIFT) & 3];

	*bounce = 0;
	if (!x86_canonical(x->mem_lin, 48))
		return fail_at(x, X86_EXC_GP);
	if ((x->memop & BT_MEMOP_ALIGN) && (x->mem_lin & (size - 1)))
		return fail_at(x, X86_EXC_GP);
	/* Past the limit of a flat segment. */
	if ((x->key & BT_KEY_MODE) != X86_MODE_64 && x->mem_lin + size > 1ull << 32)
		return fail_at(x, X86_EXC_GP);
	if (diff_code_at(x->mem_lin, size))
		return bounce_at(x, diff_code_at(x->mem_lin, size), size, bounce);
	if (!in_data(x->mem_lin, size))
		return fail_at(x, X86_EXC_PF);
	if ((u32)rand() % 100 < diff_bounce_percent)
		return bounce_at(x, (void *)x->mem_lin, size, bounce);
	if (diff_fill) {
		u64 page = x->mem_lin & PAGE_MASK;

		tlb->r[i] = tlb->w[i] = (struct bt_tlb_half){ .tag = page, .host = page };
		if (x->key & BT_KEY_WINDOW)
			map_in_window(x, x->mem_lin);
	}
	return x->mem_lin;
}

int bt_mem_commit(struct bt_ctx *x)
{
	u8 *code = diff_code_at(x->bounce_lin, x->bounce_size);
	u32 len = 0;

	if (!code) {
		memcpy((void *)x->bounce_lin, x->bounce, x->bounce_size);
		return 0;
	}
	memcpy(code, x->bounce, x->bounce_size);
	BUG_ON(!bt_cache_map(x->cache, x->mem_ret, &x->rip, &len));
	x->rip += len;
	x->exit_reason = BT_EXIT_SMC;
	diff_code_written(x->bounce_lin, x->bounce_size);
	return 1;
}

u64 bt_seg_slow(struct bt_ctx *x, u64 *fail)
{
	*fail = 1;
	return fail_at(x, X86_EXC_GP);
}
