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

void *plat_stack_alloc(size_t size, size_t above)
{
	return (char *)mmap(NULL, size + above, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0) + size;
}

void plat_stack_free(void *p, size_t size, size_t above)
{
	munmap((char *)p - size, size + above);
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

static bool in_data(u64 lin, u32 size)
{
	return lin >= DIFF_DATA && lin + size <= DIFF_DATA + DIFF_DATA_SIZE && lin + size > lin;
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
