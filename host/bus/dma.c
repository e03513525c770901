// SPDX-License-Identifier: LGPL-2.1-or-later
/* Guest memory for devices: see dma.h. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/*
 * A number that a vCPU may be reading or writing at this moment goes over in one piece, which
 * memcpy() does not promise (glibc's writes a 2-byte number as a byte, then a word).
 */
static void copy(void *to, const void *from, uint64_t n)
{
	uintptr_t both = (uintptr_t)to | (uintptr_t)from;

	if (n == 2 && !(both & 1))
		__atomic_store_n((uint16_t *)to, __atomic_load_n((const uint16_t *)from,
								 __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	else if (n == 4 && !(both & 3))
		__atomic_store_n((uint32_t *)to, __atomic_load_n((const uint32_t *)from,
								 __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	else if (n == 8 && !(both & 7))
		__atomic_store_n((uint64_t *)to, __atomic_load_n((const uint64_t *)from,
								 __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	else
		memcpy(to, from, n);
}

bool dma_read(struct bus *bus, uint64_t gpa, void *buf, uint64_t len)
{
	uint8_t *to = buf;
	bool whole = true;

	while (len) {
		uint64_t n = len;
		const uint8_t *from = memory_at(bus, gpa, &n, false);

		if (from) {
			copy(to, from, n);
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
			copy(to, from, n);
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

/* Shared memory is let go by punching a hole into it, private memory by forgetting it. */
static bool let_go(uint8_t *host, uint64_t len)
{
	return !madvise(host, len, MADV_REMOVE) || !madvise(host, len, MADV_DONTNEED);
}

uint64_t bus_discard(struct bus *bus, uint64_t gpa, uint64_t len)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), given = 0;

	while (len) {
		const struct flat *f = flat_find(bus, BUS_MMIO, gpa);
		uint64_t n = len, skip, whole;
		uint8_t *host;

		if (!f || !f->w->memory || f->w->readonly || f->w->dev)
			break;
		if (n > f->len - (gpa - f->base))
			n = f->len - (gpa - f->base);
		host = f->w->host + (gpa - f->w->base);
		skip = -(uintptr_t)host & (page - 1);
		whole = skip < n ? (n - skip) & ~(page - 1) : 0;
		if (whole && let_go(host + skip, whole)) {
			written(bus, gpa + skip, whole);
			given += whole;
		}
		gpa += n;
		len -= n;
	}
	return given;
}
