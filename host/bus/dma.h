/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guest memory, for devices that reach into it by themselves.
 *
 * Every address comes from the guest and may point anywhere: what is not memory reads as all ones
 * and swallows writes, and the call says so. Nothing that a device has read may be taken to be still
 * the same when it is read again: copy, check the copy, use the copy.
 *
 * PCI devices use pci_dma_*() (pci.h), which also ask whether the guest lets them be bus master.
 */
#ifndef ANYKVM_HOST_BUS_DMA_H
#define ANYKVM_HOST_BUS_DMA_H

#include "host/bus/bus.h"

/*
 * False: some of it is not memory. A number of 2, 4 or 8 bytes that is aligned on both sides goes over
 * in one piece.
 */
bool dma_read(struct bus *bus, uint64_t gpa, void *buf, uint64_t len);
bool dma_write(struct bus *bus, uint64_t gpa, const void *buf, uint64_t len);

/*
 * Guest memory in place, for a back end's readv, writev or io_uring. Any thread may use @host until
 * dma_unmap(), both of which want the machine lock.
 */
struct dma_map {
	uint8_t *host;
	uint64_t gpa, len;
	bool write;		/* to be written by the device */
	uint32_t io[2];		/* the accelerator's */
	bool held;
};

/*
 * As much of [@gpa, @gpa + @len) as is one piece of memory from its start: @m->len says how much,
 * at least 1. False: there is no memory at @gpa (or only read-only memory, for @write).
 */
bool dma_map(struct bus *bus, struct dma_map *m, uint64_t gpa, uint64_t len, bool write);
/* @written: how many bytes from the start were written. */
void dma_unmap(struct bus *bus, struct dma_map *m, uint64_t written);

/*
 * The guest does without these bytes: the host gets back the whole pages of its own among them that
 * are plain RAM, up to the first that is none, and they read as zeros. Returns how many bytes that were.
 */
uint64_t bus_discard(struct bus *bus, uint64_t gpa, uint64_t len);

/* Little-endian numbers in guest memory; 0 (reads) where there is no memory. */
static inline uint16_t dma_read16(struct bus *bus, uint64_t gpa)
{
	uint16_t v = 0;

	return dma_read(bus, gpa, &v, sizeof(v)) ? v : 0;
}

static inline uint32_t dma_read32(struct bus *bus, uint64_t gpa)
{
	uint32_t v = 0;

	return dma_read(bus, gpa, &v, sizeof(v)) ? v : 0;
}

static inline uint64_t dma_read64(struct bus *bus, uint64_t gpa)
{
	uint64_t v = 0;

	return dma_read(bus, gpa, &v, sizeof(v)) ? v : 0;
}

#endif
