/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bus contract: all that a device knows of the machine.
 *
 * A device is one file under devices/. It includes this header and no other of the host's; it
 * describes itself in one `struct device_class` and ends with DEVICE_REGISTER(). It has regions
 * (windows of registers, numbered), interrupt lines (numbered), properties and timers; it knows
 * no port, no address and no interrupt number. The machine (host/machine/) looks a class up by
 * its name, sets the properties, realizes the device, and then maps each region and connects each
 * line to where its board has them.
 *
 * Everything here is called with the machine lock held, by a vCPU thread or by the event loop;
 * a device needs no lock of its own and must never wait.
 */
#ifndef ANYKVM_HOST_BUS_H
#define ANYKVM_HOST_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define DEVICE_MAX_REGIONS 6
#define DEVICE_MAX_IRQS 4

struct bus;
struct device;
struct chardev;

enum bus_space {
	BUS_PORT,
	BUS_MMIO,
	BUS_SPACES
};

/*
 * One window of registers. Accesses are cut into naturally sized pieces of at most @max_access
 * bytes that lie wholly inside the window before read and write see them.
 */
struct device_region {
	const char *name;
	enum bus_space space;
	uint32_t len;
	uint32_t max_access;
	uint64_t (*read)(struct device *dev, uint32_t off, unsigned int size);
	void (*write)(struct device *dev, uint32_t off, unsigned int size, uint64_t val);
};

enum device_prop_type {
	PROP_U64,
	PROP_BOOL,
	PROP_CHARDEV,
};

struct device_prop {
	const char *name;
	enum device_prop_type type;
	size_t offset;		/* of the field in the device's own struct */
};

struct device_class {
	const char *name;
	const char *what;	/* one line for lists */
	size_t size;		/* of the device's own struct, which begins with struct device */
	const struct device_region *regions;
	unsigned int nr_regions;
	unsigned int nr_irqs;
	const struct device_prop *props;
	unsigned int nr_props;
	/* Once, after the properties are set. Returns NULL or what is wrong, in words. */
	const char *(*realize)(struct device *dev);
	void (*reset)(struct device *dev);
	void (*unrealize)(struct device *dev);
};

struct device {
	const struct device_class *cls;
	struct bus *bus;
	struct device *next;
	struct {
		int gsi;	/* -1: not connected */
		bool level;
	} irq[DEVICE_MAX_IRQS];
};

/* Registration: classes are found through a linker section, so a device is added by adding a file. */
#define DEVICE_REGISTER(class)							\
	static const struct device_class *const class##_registered		\
		__attribute__((used, section("anykvm_devices"))) = &(class)

/* --- what a device may call --- */

void device_set_irq(struct device *dev, unsigned int n, bool level);

enum machine_request {
	MACHINE_RUN,		/* nothing asked */
	MACHINE_RESET,
	MACHINE_POWEROFF,
	MACHINE_QUIT,		/* the user's wish, not the guest's */
};

/* Ask for a reset or the end; it happens soon, after the present access. @why is for -d reset. */
void device_request(struct device *dev, enum machine_request what, const char *why);

/* Nanoseconds since the machine began, and the wall clock in nanoseconds since 1970. */
uint64_t device_now(void);
int64_t device_wall_clock(void);

struct device_timer {
	uint64_t when;		/* 0: not set */
	void (*fn)(void *arg);
	void *arg;
	struct device_timer *next;
};

void device_timer_init(struct device_timer *timer, void (*fn)(void *arg), void *arg);
void device_timer_set(struct device_timer *timer, uint64_t when);
void device_timer_cancel(struct device_timer *timer);

/* A character back end: a terminal, a file, nothing. */
struct chardev_user {
	/* How many bytes can be taken now. */
	unsigned int (*room)(void *arg);
	void (*input)(void *arg, const uint8_t *data, unsigned int len);
	/* The back end can take output again after chardev_write() said 0. */
	void (*writable)(void *arg);
};

void chardev_attach(struct chardev *chr, const struct chardev_user *user, void *arg);
/* 1: taken. 0: full, ->writable() will be called. */
unsigned int chardev_write(struct chardev *chr, uint8_t byte);
/* There is room for input again. */
void chardev_input_ready(struct chardev *chr);

/* --- what the machine calls --- */

struct bus_ops {
	void (*set_gsi)(void *arg, unsigned int gsi, bool level);
	void (*request)(void *arg, enum machine_request what, const char *why);
};

struct bus *bus_create(const struct bus_ops *ops, void *arg);
void bus_reset(struct bus *bus);
void bus_destroy(struct bus *bus);

/* All of these end the process with a message when the machine's own wiring is wrong. */
struct device *device_create(struct bus *bus, const char *class_name);
void device_set_u64(struct device *dev, const char *prop, uint64_t val);
void device_set_bool(struct device *dev, const char *prop, bool val);
void device_set_chardev(struct device *dev, const char *prop, struct chardev *chr);
void device_realize(struct device *dev);
void device_map(struct device *dev, unsigned int region, uint64_t base);
void device_connect_irq(struct device *dev, unsigned int n, unsigned int gsi);

/* An access by a vCPU; what no device answers reads as all ones. */
void bus_access(struct bus *bus, enum bus_space space, uint64_t addr, void *data,
		unsigned int size, bool write);

#endif
