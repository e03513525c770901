// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of our own: the core's, what it shares with the host program, and
 * pages that the processor reads by physical address. What a host program can
 * make us allocate is charged to its memory cgroup.
 */
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>
#include <linux/mem_encrypt.h>
#include "hw.h"

#define PLAT_ALIGN 64ul

/*
 * The kernel's small objects are aligned to their size only where it is a power of two; large
 * ones are whole pages.
 */
void *plat_alloc(size_t size)
{
	size = max(size, PLAT_ALIGN);
	if (size < PAGE_SIZE * 2)
		size = roundup_pow_of_two(size);
	return kvzalloc(size, GFP_KERNEL_ACCOUNT);
}

void plat_free(void *p)
{
	kvfree(p);
}

/* Single pages, each with its own count: a mapping takes vmalloc_to_page() and a reference. */
void *plat_alloc_shared(struct plat_file *owner, u64 offset, size_t size)
{
	return __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

void plat_free_shared(void *p, size_t size)
{
	vfree(p);
}

static void *pages_of(struct page *page, u64 *phys)
{
	if (!page)
		return NULL;
	*phys = __sme_set(page_to_phys(page));
	return page_address(page);
}

void *hw_pages_alloc(unsigned int order, u64 *phys)
{
	return pages_of(alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO, order), phys);
}

void *hw_cpu_pages_alloc(int cpu, unsigned int order, u64 *phys)
{
	return pages_of(alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, order), phys);
}

void hw_pages_free(void *p, unsigned int order)
{
	if (p)
		__free_pages(virt_to_page(p), order);
}
