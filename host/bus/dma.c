// SPDX-License-Identifier: LGPL-2.1-or-later
/* Guest memory for devices: see dma.h. */
#include <string.h>

#include "host/bus/dma.h"
#include "host/bus/internal.h"

/* The memory at @gpa and how much of @len is in one piece; NULL: none. */
static uint8_t *memory_at(struct bus *bus, uint64_t gpa, uint64_t *len, bool write)
{
	const struct flat *f = flat_find(bus, BUS_MMIO, gpa);
	uint64_t left;

	if (!f || !f->w->memory || (write && f->w->readonly))
		return NULL;
	left = f->len - (gpa - f->base);
	if (*len > left)
		*len = left;
	/* The log sees what the guest writes, not what we do. */
	if (write && f->w->dev)
		f->w->dirty_all = true;
	return f->w->host + (gpa - f->w->base);
}

static void written(struct bus *bus, uint64_t gpa, uint64_t len)
{
	if (len && bus->ops->memory_written)
		bus->ops->memory_written(bus->arg, gpa, len);
}

bool dma_read(struct bus *bus, uint64_t gpa, void *buf, uint64_t len)
{
	uint8_t *to = buf;
	bool whole = true;

	while (len) {
		uint64_t n = len;
		const uint8_t *from = memory_at(bus, gpa, &n, false);

		if (from) {
			memcpy(to, from, n);
		} else {
			/* Byte by byte: what follows may be memory again. */
			n = 1;
			*to = 0xff;
			whole = false;
		}
		to += n;
		gpa += n;
		len -= n;
	}
	return whole;
}

bool dma_write(struct bus *bus, uint64_t gpa, const void *buf, uint64_t len)
{
	const uint8_t *from = buf;
	bool whole = true;

	while (len) {
		uint64_t n = len;
		uint8_t *to = memory_at(bus, gpa, &n, true);

		if (to) {
			memcpy(to, from, n);
			written(bus, gpa, n);
		} else {
			n = 1;
			whole = false;
		}
		from += n;
		gpa += n;
		len -= n;
	}
	return whole;
}

bool dma_map(struct bus *bus, struct dma_map *m, uint64_t gpa, uint64_t len, bool write)
{
	*m = (struct dma_map){ .gpa = gpa, .len = len, .write = write };
	m->host = len ? memory_at(bus, gpa, &m->len, write) : NULL;
	if (!m->host)
		return false;
	if (write && bus->ops->io_begin)
		m->held = bus->ops->io_begin(bus->arg, m->io, m->host, m->len);
	return true;
}

void dma_unmap(struct bus *bus, struct dma_map *m, uint64_t n)
{
	if (!m->write)
		return;
	if (m->held)
		bus->ops->io_end(bus->arg, m->io);
	written(bus, m->gpa, n < m->len ? n : m->len);
}
