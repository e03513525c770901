// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Windows: what stands where in the two address spaces.
 *
 * Windows may overlap, and a guest that places a BAR over anything it likes is no error. So each
 * change paints a flat view, lowest priority first: a sorted array of pieces that each belong to
 * one window, in which an access is a binary search. The pieces that are memory go on to the
 * accelerator as slots; only what has changed is told. Changes are rare (firmware that places
 * BARs), accesses are not.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/bus/dma.h"
#include "host/bus/internal.h"
#include "host/report.h"

#define PAGE 4096ull

/* --- the flat view --- */

static void put(struct flat_view *v, unsigned int at, struct flat f)
{
	if (v->nr == v->room) {
		v->room = v->room ? 2 * v->room : 64;
		v->at = realloc(v->at, v->room * sizeof(*v->at));
		if (!v->at)
			die("out of memory for the machine's address map");
	}
	memmove(&v->at[at + 1], &v->at[at], (v->nr - at) * sizeof(*v->at));
	v->at[at] = f;
	v->nr++;
}

/* @w goes over all that is there: what it covers is cut away. */
static void paint(struct flat_view *v, struct bus_window *w)
{
	uint64_t start = w->base, last = w->base + (w->len - 1);
	unsigned int i = 0;

	while (i < v->nr && v->at[i].base + (v->at[i].len - 1) < start)
		i++;
	if (i < v->nr && v->at[i].base < start) {
		struct flat *f = &v->at[i];
		uint64_t f_last = f->base + (f->len - 1);

		if (f_last > last)
			put(v, i + 1, (struct flat){ last + 1, f_last - last, f->w });
		v->at[i].len = start - v->at[i].base;
		i++;
	}
	while (i < v->nr && v->at[i].base <= last) {
		struct flat *f = &v->at[i];
		uint64_t f_last = f->base + (f->len - 1);

		if (f_last > last) {
			f->base = last + 1;
			f->len = f_last - last;
			break;
		}
		memmove(f, f + 1, (v->nr - i - 1) * sizeof(*f));
		v->nr--;
	}
	put(v, i, (struct flat){ w->base, w->len, w });
}

static int below(const void *a, const void *b)
{
	const struct bus_window *x = *(struct bus_window *const *)a;
	const struct bus_window *y = *(struct bus_window *const *)b;

	if (x->prio != y->prio)
		return x->prio < y->prio ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void render(struct bus *bus, enum bus_space space)
{
	struct bus_window **list, *w;
	unsigned int n = 0, i;

	for (w = bus->windows; w; w = w->next)
		n += w->space == space && w->on;
	list = calloc(n ? n : 1, sizeof(struct bus_window *));
	if (!list)
		die("out of memory for the machine's address map");
	for (w = bus->windows, i = 0; w; w = w->next)
		if (w->space == space && w->on)
			list[i++] = w;
	qsort(list, n, sizeof(struct bus_window *), below);
	bus->view[space].nr = 0;
	for (i = 0; i < n; i++)
		paint(&bus->view[space], list[i]);
	free(list);
}

const struct flat *flat_find(const struct bus *bus, enum bus_space space, uint64_t addr)
{
	const struct flat *f = bus->view[space].at;
	unsigned int lo = 0, hi = bus->view[space].nr;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (addr < f[mid].base)
			hi = mid;
		else if (addr - f[mid].base >= f[mid].len)
			lo = mid + 1;
		else
			return &f[mid];
	}
	return NULL;
}

/* --- slots --- */

static void set_slot(struct bus *bus, unsigned int i, bool on)
{
	struct slot *s = &bus->slot[i];

	bus->ops->set_slot(bus->arg, i, s->gpa, s->len, on ? s->host : NULL, s->readonly,
			   s->log_dirty);
	s->used = on;
	/* What its log would still have said is gone. */
	if (!on && s->log_dirty)
		s->w->dirty_all = true;
}

bool bus_piece_at(const struct bus *bus, enum bus_space space, unsigned int n,
		  struct bus_piece *piece)
{
	const struct flat *f = &bus->view[space].at[n];

	if (n >= bus->view[space].nr)
		return false;
	*piece = (struct bus_piece){
		.base = f->base, .len = f->len, .off = f->base - f->w->base, .name = f->w->name,
		.dev = f->w->dev, .memory = f->w->memory, .readonly = f->w->readonly,
		.prio = f->w->prio,
	};
	return true;
}

static bool memory_piece(const struct flat *f, struct slot *want)
{
	const struct bus_window *w = f->w;
	uint64_t off = f->base - w->base;

	if (!w->memory || (f->base | f->len | off) & (PAGE - 1))
		return false;
	*want = (struct slot){ .gpa = f->base, .len = f->len, .host = w->host + off,
			       .readonly = w->readonly, .log_dirty = w->log_dirty, .w = f->w };
	return true;
}

static bool same_place(const struct slot *a, const struct slot *b)
{
	return a->gpa == b->gpa && a->len == b->len && a->host == b->host &&
	       a->readonly == b->readonly;
}

/* The slot that is @want already, or, with @or_free, a free one; NULL: there is none. */
static struct slot *find_slot(struct bus *bus, const struct slot *want, bool or_free)
{
	struct slot *s, *unused = NULL;

	for (s = bus->slot; s < bus->slot + BUS_MAX_SLOTS; s++) {
		if (s->used && same_place(s, want))
			return s;
		if (!unused && !s->used)
			unused = s;
	}
	return or_free ? unused : NULL;
}

/* Old slots that are not wanted go first: the accelerator refuses any two that overlap. */
static void update_slots(struct bus *bus)
{
	const struct flat_view *v = &bus->view[BUS_MMIO];
	struct slot *s, want;
	unsigned int i, k;

	if (!bus->ops->set_slot)
		return;
	for (k = 0; k < BUS_MAX_SLOTS; k++)
		bus->slot[k].wanted = false;
	for (i = 0; i < v->nr; i++) {
		if (!memory_piece(&v->at[i], &want))
			continue;
		s = find_slot(bus, &want, false);
		if (s)
			s->wanted = true;
	}
	for (k = 0; k < BUS_MAX_SLOTS; k++)
		if (bus->slot[k].used && !bus->slot[k].wanted)
			set_slot(bus, k, false);
	for (i = 0; i < v->nr; i++) {
		if (!memory_piece(&v->at[i], &want))
			continue;
		s = find_slot(bus, &want, true);
		/* A guest whose BARs cut its memory into more pieces than this has the rest slowly. */
		if (!s)
			continue;
		if (s->used && s->log_dirty == want.log_dirty) {
			s->w = want.w;
			continue;
		}
		*s = want;
		set_slot(bus, (unsigned int)(s - bus->slot), true);
	}
}

static void refresh(struct bus *bus)
{
	struct device *dev;
	bool mmio = bus->stale[BUS_MMIO];
	unsigned int space;

	for (space = 0; space < BUS_SPACES; space++)
		if (bus->stale[space])
			render(bus, space);
	bus->stale[BUS_PORT] = bus->stale[BUS_MMIO] = false;
	if (mmio)
		update_slots(bus);
	for (dev = bus->devices; dev; dev = dev->next)
		device_doorbells_place(dev);
}

void bus_changed(struct bus *bus, enum bus_space space)
{
	bus->stale[space] = true;
	if (!bus->nesting)
		refresh(bus);
}

void bus_begin(struct bus *bus)
{
	bus->nesting++;
}

void bus_commit(struct bus *bus)
{
	if (!--bus->nesting && (bus->stale[BUS_PORT] || bus->stale[BUS_MMIO]))
		refresh(bus);
}

/* --- windows --- */

static struct bus_window *new_window(struct bus *bus, const char *name, enum bus_space space)
{
	struct bus_window *w = calloc(1, sizeof(*w));

	if (!w)
		die("out of memory for the machine's address map");
	w->name = name;
	w->space = space;
	w->order = bus->next_order++;
	w->next = bus->windows;
	bus->windows = w;
	return w;
}

static struct bus_window *region_window(struct device *dev, unsigned int region)
{
	const struct device_region *r = &dev->cls->regions[region];
	struct bus_window *w = dev->window[region];

	if (region >= dev->cls->nr_regions)
		die("device %s has no region %u", dev->cls->name, region);
	if (!w) {
		w = dev->window[region] = new_window(dev->bus, r->name, r->space);
		w->dev = dev;
		w->region = r;
		w->host = dev->memory[region];
		w->memory = r->memory;
		w->readonly = r->memory && r->write;
	}
	return w;
}

void device_place(struct device *dev, unsigned int region, uint64_t base, int prio, bool on)
{
	struct bus_window *w = region_window(dev, region);
	uint64_t len = dev->region_len[region];

	/* What would wrap round the end of the space cannot be reached there. */
	if (!len || base + (len - 1) < base)
		on = false;
	if (w->on == on && (!on || (w->base == base && w->prio == prio && w->len == len)))
		return;
	w->base = base;
	w->len = len;
	w->prio = prio;
	w->on = on;
	bus_changed(dev->bus, w->space);
}

bool device_placed(const struct device *dev, unsigned int region, uint64_t *base)
{
	const struct bus_window *w = dev->window[region];

	if (!w || !w->on)
		return false;
	*base = w->base;
	return true;
}

void device_map(struct device *dev, unsigned int region, uint64_t base)
{
	enum bus_space space = dev->cls->regions[region].space;
	const struct bus_window *w;
	uint64_t len = dev->region_len[region];

	for (w = dev->bus->windows; w; w = w->next)
		if (w->on && w->space == space && w->prio == PRIO_FIXED && w->dev &&
		    base < w->base + w->len && w->base < base + len)
			die("device %s: %s at %#" PRIx64 " is over %s of %s", dev->cls->name,
			    dev->cls->regions[region].name, base, w->name, w->dev->cls->name);
	device_place(dev, region, base, PRIO_FIXED, true);
}

struct bus_window *bus_memory(struct bus *bus, const char *name, uint64_t base, uint64_t len,
			      uint8_t *host, bool readonly, int prio)
{
	struct bus_window *w = new_window(bus, name, BUS_MMIO);

	w->base = base;
	w->len = len;
	w->host = host;
	w->memory = true;
	w->readonly = readonly;
	w->prio = prio;
	w->on = len != 0;
	bus_changed(bus, BUS_MMIO);
	return w;
}

void bus_memory_place(struct bus *bus, struct bus_window *w, uint64_t base, uint8_t *host,
		      bool readonly, bool on)
{
	if (base + (w->len - 1) < base)
		on = false;
	if (w->on == on && w->base == base && w->host == host && w->readonly == readonly)
		return;
	w->base = base;
	w->host = host;
	w->readonly = readonly;
	w->on = on;
	bus_changed(bus, BUS_MMIO);
}

void device_memory_mode(struct device *dev, unsigned int region, bool memory)
{
	struct bus_window *w = region_window(dev, region);

	if (w->memory == memory)
		return;
	w->memory = memory;
	bus_changed(dev->bus, w->space);
}

void device_windows_free(struct device *dev)
{
	struct bus_window **p = &dev->bus->windows;

	bus_begin(dev->bus);
	while (*p) {
		struct bus_window *w = *p;

		if (w->dev != dev) {
			p = &w->next;
			continue;
		}
		dev->bus->stale[w->space] = true;
		*p = w->next;
		free(w);
	}
	bus_commit(dev->bus);
}

void bus_windows_free(struct bus *bus)
{
	struct bus_window *w;
	unsigned int space;

	while ((w = bus->windows)) {
		bus->windows = w->next;
		free(w);
	}
	for (space = 0; space < BUS_SPACES; space++)
		free(bus->view[space].at);
}

/* --- memory that devices share with the guest --- */

void device_region_len(struct device *dev, unsigned int region, uint64_t len)
{
	const struct device_region *r = &dev->cls->regions[region];

	dev->region_len[region] = len;
	if (!r->memory || !len)
		return;
	dev->memory[region] = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				   -1, 0);
	if (dev->memory[region] == MAP_FAILED)
		die("out of memory for %s of device %s", r->name, dev->cls->name);
}

uint8_t *device_memory(struct device *dev, unsigned int region)
{
	return dev->memory[region];
}

void device_memory_clear(struct device *dev, unsigned int region)
{
	uint64_t len = dev->region_len[region];

	/* It goes on as a hole, which reads as zeros. Not where some of it is write-protected. */
	if (madvise(dev->memory[region], len, MADV_REMOVE))
		memset(dev->memory[region], 0, len);
	device_memory_written(dev, region, 0, len);
}

void device_memory_written(struct device *dev, unsigned int region, uint64_t off, uint64_t len)
{
	const struct bus_window *w = dev->window[region];

	if (w && w->on && dev->bus->ops->memory_written)
		dev->bus->ops->memory_written(dev->bus->arg, w->base + off, len);
}

/* OR @n bits of @from into @to from bit @at on. */
static void merge_bits(uint64_t *to, const uint64_t *from, uint64_t at, uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		if (from[i / 64] >> (i % 64) & 1)
			to[(at + i) / 64] |= 1ull << ((at + i) % 64);
}

bool bus_memory_dirty(struct bus *bus, struct bus_window *w, uint64_t *bitmap)
{
	uint64_t pages = w->len / PAGE;
	bool known = w->log_dirty && !w->dirty_all && bus->ops->get_dirty;
	uint64_t *bits;
	unsigned int k;

	memset(bitmap, 0, (pages + 63) / 64 * 8);
	if (!bus->ops->get_dirty)
		return false;
	if (!w->log_dirty) {
		w->log_dirty = true;
		bus_changed(bus, BUS_MMIO);
	}
	w->dirty_all = false;
	bits = calloc((pages + 63) / 64, 8);
	if (!bits)
		return false;
	for (k = 0; k < BUS_MAX_SLOTS; k++) {
		const struct slot *s = &bus->slot[k];

		if (!s->used || s->w != w)
			continue;
		if (!bus->ops->get_dirty(bus->arg, k, bits))
			known = false;
		else
			merge_bits(bitmap, bits, (uint64_t)(s->host - w->host) / PAGE,
				   s->len / PAGE);
	}
	free(bits);
	return known;
}

bool device_memory_dirty(struct device *dev, unsigned int region, uint64_t *bitmap)
{
	struct bus_window *w = region_window(dev, region);

	/* Not placed yet, it has no length of its own. */
	w->len = dev->region_len[region];
	return bus_memory_dirty(dev->bus, w, bitmap);
}
