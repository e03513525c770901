// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page tables as a tree: walk, add, take away, split. What an entry
 * should say is decided elsewhere.
 *
 * Faults of several vCPUs add at the same time, so they install with compare
 * and exchange. The processor sets accessed and dirty bits whenever a guest
 * runs, so whoever takes an entry away exchanges it and looks at what it was.
 * Taking away a range is quick where no dirty bit is wanted: a table that lies
 * inside is unlinked unread, with everything below it.
 */
#include "nested.h"

/* ---- tables ---- */

static u64 *table_alloc(void)
{
	struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

	if (!page)
		return NULL;
	mod_lruvec_page_state(page, NR_SECONDARY_PAGETABLE, 1);
	return page_address(page);
}

static void table_free(u64 *table)
{
	struct page *page = virt_to_page(table);

	mod_lruvec_page_state(page, NR_SECONDARY_PAGETABLE, -1);
	__free_page(page);
}

int nested_stock_fill(struct nested_stock *s, unsigned int n)
{
	for (; s->n < n; s->n++) {
		s->table[s->n] = table_alloc();
		if (!s->table[s->n])
			return -ENOMEM;
	}
	return 0;
}

void nested_stock_drop(struct nested_stock *s)
{
	while (s->n)
		table_free(s->table[--s->n]);
}

/* What an entry that points to @table says: everything is allowed, the leaf decides. */
static u64 table_entry(const struct nested *n, u64 *table)
{
	return __sme_pa(table) | n->f.read_exec | n->f.write | n->f.accessed;
}

/* ---- walking and adding ---- */

u64 *nested_entry(struct nested *n, u64 gfn, unsigned int *level)
{
	unsigned int l = n->levels;
	u64 *p = &n->root[nested_index(gfn, l)];
	u64 e = READ_ONCE(*p);

	while (nested_present(n, e) && !nested_leaf(n, e, l)) {
		p = &nested_child(e)[nested_index(gfn, --l)];
		e = READ_ONCE(*p);
	}
	*level = l;
	return p;
}

/* Make *@p, which was @old, @e. Rights and notes that are there stay. */
static void put_leaf(const struct nested *n, u64 *p, u64 old, u64 e)
{
	u64 keep = n->f.write | n->f.accessed | n->f.dirty, new;

	do {
		new = e;
		if (nested_present(n, old)) {
			/* The notifier comes before every change of the page. */
			if (WARN_ON_ONCE((old ^ e) & NESTED_ADDRESS))
				return;
			new |= old & keep;
		}
	} while (new != old && !try_cmpxchg64(p, &old, new));
}

unsigned int nested_map(struct nested *n, u64 gfn, unsigned int level, u64 pfn, u64 e,
			struct nested_stock *s)
{
	unsigned int l;
	u64 *p, old;

	for (;;) {
		p = nested_entry(n, gfn, &l);
		old = READ_ONCE(*p);
		if (l <= level)
			break;
		if (nested_present(n, old)) {
			/* A larger leaf than the host has now: it can not be, see put_leaf. */
			if (WARN_ON_ONCE(nested_leaf(n, old, l)))
				return 0;
			continue;	/* another vCPU has just put a table there */
		}
		if (s->n < l - level)
			return l - level;
		if (try_cmpxchg64(p, &old, table_entry(n, s->table[s->n - 1])))
			s->n--;
	}
	/* A table where a large leaf would fit stays until its range is taken away. */
	if (l > 1)
		e |= n->f.large;
	put_leaf(n, p, old, e | __sme_set((pfn & ~(nested_span(l) - 1)) << PAGE_SHIFT));
	return 0;
}

/* ---- taking away ---- */

void nested_zap_init(struct nested_zap *z)
{
	*z = (struct nested_zap){ .any = false };
	INIT_LIST_HEAD(&z->tables);
}

static void unlink_table(const struct nested *n, struct nested_zap *z, u64 *p, unsigned int level)
{
	struct page *page = virt_to_page(nested_child(*p));

	WRITE_ONCE(*p, 0);
	set_page_private(page, level - 1);
	list_add(&page->lru, &z->tables);
	z->any = true;
}

static void zap_leaf(const struct nested *n, struct nested_zap *z, u64 *p, u64 gfn)
{
	u64 old = xchg(p, 0);

	z->any = true;
	if (z->dirty && (old & n->f.dirty))
		set_bit(gfn - z->dirty_gfn, (unsigned long *)z->dirty);
}

/* @table is of @level and begins at page @base. */
static void zap_table(const struct nested *n, struct nested_zap *z, u64 *table,
		      unsigned int level, u64 base, u64 gfn, u64 end)
{
	u64 span = nested_span(level), at, *p;
	unsigned int i = gfn > base ? (gfn - base) / span : 0;

	for (; i < NESTED_ENTRIES; i++) {
		at = base + i * span;
		p = &table[i];
		if (at >= end)
			break;
		if (!nested_present(n, READ_ONCE(*p)))
			continue;
		if (nested_leaf(n, *p, level)) {
			zap_leaf(n, z, p, at);
			continue;
		}
		if (z->dirty || at < gfn || at + span > end)
			zap_table(n, z, nested_child(*p), level - 1, at, gfn, end);
		if (at >= gfn && at + span <= end)
			unlink_table(n, z, p, level);
	}
}

void nested_zap(struct nested *n, struct nested_zap *z, u64 gfn, u64 end)
{
	zap_table(n, z, n->root, n->levels, 0, gfn, end);
}

void nested_zap_all(struct nested *n, struct nested_zap *z)
{
	zap_table(n, z, n->root, n->levels, 0, 0, NESTED_ENTRIES * nested_span(n->levels));
}

static void free_tree(const struct nested *n, u64 *table, unsigned int level)
{
	unsigned int i;

	for (i = 0; level > 1 && i < NESTED_ENTRIES; i++)
		if (nested_present(n, table[i]) && !nested_leaf(n, table[i], level))
			free_tree(n, nested_child(table[i]), level - 1);
	table_free(table);
}

void nested_zap_free(struct nested *n, struct nested_zap *z)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &z->tables, lru) {
		list_del(&page->lru);
		free_tree(n, page_address(page), page_private(page));
	}
}

/* ---- splitting ---- */

void nested_split(struct nested *n, u64 *p, unsigned int level, struct nested_stock *s)
{
	u64 *table = s->table[--s->n], e = *p;
	unsigned int i;

	if (level == 2)
		e &= ~n->f.large;
	for (i = 0; i < NESTED_ENTRIES; i++)
		table[i] = e + ((nested_span(level - 1) << PAGE_SHIFT) * i);
	WRITE_ONCE(*p, table_entry(n, table));
}
