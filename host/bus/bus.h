/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bus contract: all that a device knows of the machine.
 *
 * A device is one file under devices/. Of the host it includes this header, host/bus/dma.h when it
 * reads or writes guest memory by itself, host/bus/pci.h when it sits on PCI, and the header of its
 * back end (host/chardev.h, host/block/block.h, host/net/net.h, host/display/display.h,
 * host/input/input.h); host/event.h when who manages the machine is to be told something. It
 * describes itself in one `struct device_class` and ends with DEVICE_REGISTER(). It has regions
 * (windows of registers or of memory, numbered), interrupt lines (numbered), properties and timers;
 * it knows no port, no address and no interrupt number. The machine (host/machine/) or -device looks
 * a class up by its name, sets the properties, realizes the device, and the board or the PCI core
 * then maps each region and connects each line.
 *
 * Everything here is called with the machine lock held, by a vCPU thread or by the event loop;
 * a device needs no lock of its own and must never wait.
 */
#ifndef ANYKVM_HOST_BUS_BUS_H
#define ANYKVM_HOST_BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline uint64_t minimum(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#define DEVICE_MAX_REGIONS 8
#define DEVICE_MAX_IRQS 32	/* a HPET has the most */

struct bus;
struct bus_window;
struct device;
struct pci_info;

enum bus_space {
	BUS_PORT,
	BUS_MMIO,
	BUS_SPACES
};

/*
 * One window, of registers or of memory.
 *
 * Registers: accesses are cut into naturally sized pieces of at most @max_access bytes that lie
 * wholly inside the window before read and write see them.
 *
 * Memory (@memory, in BUS_MMIO only): the guest reads and writes it without anybody being called;
 * device_memory() gives the host's address. With @write set it is read that way but written through
 * write() (a flash chip, a ROM); with @read and @write both set, device_memory_mode() says whether
 * it is memory or registers now.
 *
 * @len may be 0 here and be given by device_region_len() in realize, when a property decides it.
 */
struct device_region {
	const char *name;
	enum bus_space space;
	uint64_t len;
	uint32_t max_access;
	uint64_t (*read)(struct device *dev, uint32_t off, unsigned int size);
	void (*write)(struct device *dev, uint32_t off, unsigned int size, uint64_t val);
	bool memory;
};

enum device_prop_type {
	PROP_U64,		/* uint64_t */
	PROP_SIZE,		/* uint64_t, written like 16M */
	PROP_BOOL,		/* bool */
	PROP_STRING,		/* const char *, NULL when not given */
	PROP_ENUM,		/* unsigned int: an index into @names */
	PROP_MAC,		/* uint8_t[6] */
	PROP_CHARDEV,		/* struct chardev * */
	PROP_BLOCK,		/* struct block * */
	PROP_NETDEV,		/* struct netdev * */
	PROP_INDEX,		/* int32_t, -1 for none */
	PROP_TYPES
};

struct device_prop {
	const char *name;
	enum device_prop_type type;
	size_t offset;			/* of the field in the device's own struct */
	const char *help;		/* with unit; NULL: the board's alone, not for -device */
	const char *initial;		/* as a user would write it; NULL: zero bytes */
	uint64_t min, max;		/* of U64 and SIZE; both 0: any */
	const char *const *names;	/* of ENUM, NULL at the end */
};

struct device_class {
	const char *name;
	const char *what;	/* one line for lists */
	const char *sheet;	/* the data sheet or specification that it follows */
	const char *missing;	/* what of that is not modelled, in words; NULL: nothing known */
	size_t size;		/* of the device's own struct, which begins with struct device */
	const struct pci_info *pci;	/* on PCI; the struct begins with struct pci_device then */
	bool user;		/* -device may create it */
	const struct device_region *regions;
	unsigned int nr_regions;
	unsigned int nr_irqs;
	const struct device_prop *props;
	unsigned int nr_props;
	/*
	 * Of -device, after the properties are set and before realize, when it is not on PCI but on a
	 * bus that another device has (bus=, or NULL): find that and set ->parent. NULL or what is
	 * wrong. A device at ports of its own (iobase=) needs none: its realize places them.
	 */
	const char *(*attach)(struct device *dev, const char *bus);
	/* Once, after the properties are set. Returns NULL or what is wrong, in words. */
	const char *(*realize)(struct device *dev);
	void (*reset)(struct device *dev);
	void (*unrealize)(struct device *dev);
	/* For `info DEVICE` and qtree beside the properties; NULL: nothing to add. */
	void (*describe)(struct device *dev, char *buf, size_t len);
};

struct device {
	const struct device_class *cls;
	struct bus *bus;
	struct device *next;
	const char *id;			/* of -device id=, or NULL */
	int32_t bootindex;		/* BOOT_PROP; -1: not said */
	struct device *parent;		/* whose bus it is on; NULL: the machine's or PCI */
	uint64_t region_len[DEVICE_MAX_REGIONS];
	uint8_t *memory[DEVICE_MAX_REGIONS];
	struct bus_window *window[DEVICE_MAX_REGIONS];	/* NULL: not mapped yet */
	struct doorbell *doorbells;
	struct {
		int gsi;	/* -1: not connected */
		bool level;
		uint64_t raised;	/* how often, for the monitor */
	} irq[DEVICE_MAX_IRQS];
};

/* Registration: classes are found through a linker section, so a device is added by adding a file. */
#define DEVICE_REGISTER(class)							\
	static const struct device_class *const class##_registered		\
		__attribute__((used, section("anykvm_devices"))) = &(class)

/* Of a class that firmware can boot from; its realize hands the index to device_boot(). */
#define BOOT_PROP								\
	{ "bootindex", PROP_INDEX, offsetof(struct device, bootindex),		\
	  "firmware tries the lowest first, and what has none after all that have", "-1" }

/* --- what a device may call --- */

/*
 * In realize: firmware shall boot from @node of this device (Open Firmware's name below the device's
 * own, "disk@0,0") as the @index-th; -1: it was not asked for. NULL, or what is wrong: an index has
 * one owner.
 */
const char *device_boot(struct device *dev, int32_t index, const char *node);

/* In realize: the length of a region whose class does not say it (a multiple of 4 KiB for memory). */
void device_region_len(struct device *dev, unsigned int region, uint64_t len);
/* The host's address of a memory region, from realize on. It starts as zeros and stays in place. */
uint8_t *device_memory(struct device *dev, unsigned int region);
/* All zeros again, at a reset; what the host gave for it goes back. */
void device_memory_clear(struct device *dev, unsigned int region);
/* Of a memory region with read and write: is it memory now (the start), or registers? */
void device_memory_mode(struct device *dev, unsigned int region, bool memory);
/* The device wrote into its own memory region, which the guest might run code from. */
void device_memory_written(struct device *dev, unsigned int region, uint64_t off, uint64_t len);
/*
 * Which 4 KiB pages the guest has written since the last call, a bit a page, lowest first; the
 * first call begins to look. False: the accelerator cannot tell; take all as written.
 */
bool device_memory_dirty(struct device *dev, unsigned int region, uint64_t *bitmap);

void device_set_irq(struct device *dev, unsigned int n, bool level);
/* A message-signalled interrupt; devices send theirs through pci.h, which knows masks. */
void device_send_msi(struct bus *bus, uint64_t addr, uint32_t data);

/*
 * Writes of @size bytes (1, 2, 4) at @off of a register region, of the value @match where it is not
 * DOORBELL_ANY, call @fn from the event loop and return to the guest at once; write() does not see
 * them. @fn runs once for several. NULL: this machine cannot, and write() goes on seeing them.
 */
#define DOORBELL_ANY UINT64_MAX
struct doorbell;
struct doorbell *device_doorbell(struct device *dev, unsigned int region, uint32_t off,
				 unsigned int size, uint64_t match, void (*fn)(void *arg), void *arg);
void device_doorbell_free(struct doorbell *db);

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
/* Nanoseconds that the guest has been let run: it stands still while the machine is paused. */
uint64_t device_run_clock(void);

struct device_timer {
	uint64_t when;		/* 0: not set */
	void (*fn)(void *arg);
	void *arg;
	struct device_timer *next;
};

void device_timer_init(struct device_timer *timer, void (*fn)(void *arg), void *arg);
void device_timer_set(struct device_timer *timer, uint64_t when);
void device_timer_cancel(struct device_timer *timer);

/* --- what the machine calls --- */

struct ram;

/* The accelerator's and the event loop's half of a doorbell. */
struct listener;

struct bus_ops {
	void (*set_gsi)(void *arg, unsigned int gsi, bool level);
	void (*send_msi)(void *arg, uint64_t addr, uint32_t data);
	void (*request)(void *arg, enum machine_request what, const char *why);
	/*
	 * The guest sees @len bytes of host memory at @gpa from now on (@host NULL: no longer), as
	 * slot @slot. All page-aligned. NULL in a machine whose memory nobody runs code from.
	 */
	void (*set_slot)(void *arg, unsigned int slot, uint64_t gpa, uint64_t len, uint8_t *host,
			 bool readonly, bool log_dirty);
	/* One bit a page of slot @slot, cleared by reading; false: not known. */
	bool (*get_dirty)(void *arg, unsigned int slot, uint64_t *bitmap);
	/* The host wrote guest memory. */
	void (*memory_written)(void *arg, uint64_t gpa, uint64_t len);
	/* Around the kernel's writing into guest memory for us (anykvm.h). NULL: not needed. */
	bool (*io_begin)(void *arg, void *io, uint8_t *host, uint64_t len);	/* true: wants io_end */
	void (*io_end)(void *arg, void *io);
	/*
	 * What calls @fn from the event loop, NULL: cannot; and where it listens from now on, or no
	 * longer. NULL: no doorbells in this machine.
	 */
	struct listener *(*doorbell_open)(void *arg, void (*fn)(void *arg), void *fn_arg);
	bool (*doorbell_place)(void *arg, struct listener *l, enum bus_space space, uint64_t addr,
			       unsigned int size, uint64_t match, bool on);
	void (*doorbell_close)(void *arg, struct listener *l);
};

struct bus *bus_create(const struct bus_ops *ops, void *arg);
void bus_reset(struct bus *bus);
void bus_destroy(struct bus *bus);

const struct device_class *device_class_find(const char *name);	/* NULL: none */
/* All classes, by name, for lists; ends with NULL. */
const struct device_class *const *device_classes(void);
/* For families whose classes are made at start (virtio): from a constructor. */
void device_class_add(const struct device_class *cls);
struct device *bus_devices(struct bus *bus);			/* the first; ->next goes on */
struct device *device_find(struct bus *bus, const char *id);	/* NULL: none */

/* All of these end the process with a message when the machine's own wiring is wrong. */
struct device *device_create(struct bus *bus, const char *class_name);
void device_set_u64(struct device *dev, const char *prop, uint64_t val);
void device_set_bool(struct device *dev, const char *prop, bool val);
/* CHARDEV, BLOCK, NETDEV and STRING. */
void device_set_ptr(struct device *dev, const char *prop, const void *val);
/* As a user writes it; NULL, or what is wrong (a static buffer). Unknown property: says so. */
const char *device_set_words(struct device *dev, const char *prop, const char *val);
/* What @prop of every device of this class is from device_create() on: -global. */
const char *device_default(const char *class_name, const char *prop, const char *val);
/* The property's value as a user would write it. */
void device_get_words(struct device *dev, const struct device_prop *prop, char *buf, size_t len);
void device_realize(struct device *dev);
/* The same for what a user asked for: NULL, or what is wrong; the device is gone then. */
const char *device_try_realize(struct device *dev);
void device_connect_irq(struct device *dev, unsigned int n, unsigned int gsi);
void device_disconnect_irq(struct device *dev, unsigned int n);

/*
 * Where windows stand. Where two overlap, the higher @prio wins, then the later one: the board's
 * fixed chips are above what the guest places (PCI), and RAM is below all.
 */
enum {
	PRIO_RAM	= 0,
	PRIO_PCI	= 10,
	PRIO_SHADOW	= 20,	/* the BIOS area, as the host bridge shows it */
	PRIO_FIXED	= 30,
};

/* At a fixed place. Dies when another window with this priority is there already. */
void device_map(struct device *dev, unsigned int region, uint64_t base);
/* At a place that may change: again to move it, @on false to take it away. */
void device_place(struct device *dev, unsigned int region, uint64_t base, int prio, bool on);
/* Whether it is at a place now, and where. */
bool device_placed(const struct device *dev, unsigned int region, uint64_t *base);
/* Of host memory: RAM and what is shown of it elsewhere. May be placed again as well. */
struct bus_window *bus_memory(struct bus *bus, const char *name, uint64_t base, uint64_t len,
			      uint8_t *host, bool readonly, int prio);
void bus_memory_place(struct bus *bus, struct bus_window *w, uint64_t base, uint8_t *host,
		      bool readonly, bool on);
/* As device_memory_dirty(). */
bool bus_memory_dirty(struct bus *bus, struct bus_window *w, uint64_t *bitmap);
/* What firmware shall boot from, by ascending index: false after the last. */
struct bus_boot {
	int32_t index;
	const struct device *dev;
	const char *node;
};
bool bus_boot_at(const struct bus *bus, unsigned int n, struct bus_boot *boot);

/* Several changes, one look at the result: between these nothing is told to the accelerator. */
void bus_begin(struct bus *bus);
void bus_commit(struct bus *bus);

/* The address space as the guest finds it, piece by piece in order: false after the last. */
struct bus_piece {
	uint64_t base, len, off;	/* @off: in its window */
	const char *name;
	const struct device *dev;	/* NULL: plain memory */
	bool memory, readonly;
	int prio;
};
bool bus_piece_at(const struct bus *bus, enum bus_space space, unsigned int n,
		  struct bus_piece *piece);

/* How many message-signalled interrupts have been sent. */
uint64_t bus_messages(const struct bus *bus);

/*
 * An access by a vCPU; what no device answers reads as all ones. Where memory stands it is memory
 * that is read or written.
 */
void bus_access(struct bus *bus, enum bus_space space, uint64_t addr, void *data,
		unsigned int size, bool write);

#endif
