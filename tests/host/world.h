/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine for one device under test: a bus, RAM, a PCI bus, a clock that the test moves, and a
 * record of interrupts, messages and requests. Back ends that are recorders too: a serial line, a
 * disk in memory, a network cable. Linked with the devices in place of the host's own.
 */
#ifndef ANYKVM_TESTS_HOST_WORLD_H
#define ANYKVM_TESTS_HOST_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/block/block.h"
#include "host/bus/bus.h"
#include "host/bus/dma.h"
#include "host/bus/pci.h"
#include "host/chardev.h"
#include "host/net/net.h"

/* TAP. */
#define ok(cond, ...) world_check((cond), __LINE__, __VA_ARGS__)
bool world_check(bool good, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int world_end(void);		/* prints the plan; the exit status */

/* --- the machine --- */

#define WORLD_RAM (16u << 20)	/* bytes from address 0 on, but for the 384 KiB from 640 KiB on */

extern struct bus *bus;
extern struct pci_bus *pci;
extern struct written {
	uint64_t gpa, len;
} written;				/* what the accelerator was told last */
extern uint8_t *ram;
extern bool gsi_level[256];
extern unsigned int gsi_edges[256];
extern bool intx_level[32][4];		/* slot, pin */
extern enum machine_request requested;

struct msi_record { uint64_t addr; uint32_t data; };
extern struct msi_record msi[64];	/* the last ones; nr_msi counts all */
extern unsigned int nr_msi;

extern uint64_t clock_now;		/* nanoseconds, see device_now() */
extern uint64_t clock_stood;		/* what of that the machine was paused: device_run_clock() */
extern int64_t wall;			/* see device_wall_clock() */
void fresh(void);			/* a new machine; the clock goes on */
void pass(uint64_t ns);			/* time passes, timers and back ends run */
/* Doorbells and finished requests of back ends; no time passes. */
void settle(void);

uint32_t in(uint16_t port, unsigned int size);
void out(uint16_t port, uint32_t val, unsigned int size);
static inline uint8_t inb(uint16_t port) { return (uint8_t)in(port, 1); }
static inline uint16_t inw(uint16_t port) { return (uint16_t)in(port, 2); }
static inline uint32_t inl(uint16_t port) { return in(port, 4); }
static inline void outb(uint16_t port, uint8_t val) { out(port, val, 1); }
static inline void outw(uint16_t port, uint16_t val) { out(port, val, 2); }
static inline void outl(uint16_t port, uint32_t val) { out(port, val, 4); }
uint64_t mmio_read(uint64_t addr, unsigned int size);
void mmio_write(uint64_t addr, uint64_t val, unsigned int size);

/* Create, place (PCI, at @devfn), leave to be realized. */
struct device *make(const char *class_name);
struct device *make_pci(const char *class_name, unsigned int devfn);
uint32_t config_read(unsigned int devfn, unsigned int off, unsigned int size);
void config_write(unsigned int devfn, unsigned int off, uint32_t val, unsigned int size);
/* What firmware does: BAR n to @addr; then memory, I/O and bus mastering on. */
void pci_enable(unsigned int devfn, unsigned int bar, uint64_t addr);

/* --- a serial line --- */

struct chardev {
	const struct chardev_user *user;
	void *arg;
	uint8_t out[4096];		/* the last bytes */
	unsigned int len;
	bool full;
};

/* --- a disk in memory --- */

struct block {
	uint8_t *data;
	uint64_t size;
	const char *id, *serial;
	bool read_only, no_medium, locked_tray, write_cache, can_discard;
	bool opened;			/* by block_guest_eject() */
	int fail;			/* this error for every request, when not 0 */
	uint64_t bad;			/* requests over this byte fail, when not 0 */
	bool hold;			/* requests wait until it is false again */
	unsigned int requests[BLOCK_OPS];
	unsigned int stable;		/* writes that came with FUA */
	uint64_t last;			/* where the last request went */
	struct block_choice choice;
	const struct block_user *user;
	void *arg;
	struct block_request *waiting;
};

/* Requests that did not fit their disk when they came: a device looks first. world_end() tells. */
extern unsigned int misfits;

struct block *make_disk(uint64_t size);
void free_disk(struct block *blk);

/* --- a network cable --- */

struct netdev {
	const struct net_user *user;
	void *arg;
	bool link, offload;
	unsigned int guest_takes;
	unsigned int queues, used_queues;	/* 0: one */
	unsigned int queue;			/* of the last frame */
	uint8_t frame[NET_MAX_FRAME];	/* the last one that was sent */
	size_t len;
	struct net_offload off;
	unsigned int sent, asked;	/* frames; net_ready() calls */
	unsigned int filtered;		/* net_rx_filter_changed() calls */
};

bool cable_receive(struct netdev *nd, const void *frame, size_t len);

#endif
