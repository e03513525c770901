// SPDX-License-Identifier: LGPL-2.1-or-later
/* The machine around a device under test: see world.h. */
#include <stdarg.h>
#include <sys/mman.h>

#include "tests/host/world.h"

static int count, failures;

bool world_check(bool good, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%s %d - ", good ? "ok" : "not ok", ++count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good) {
		failures++;
		printf("# line %d\n", line);
	}
	fflush(stdout);
	return good;
}

int world_end(void)
{
	if (bus)
		bus_destroy(bus);
	if (pci)
		pci_bus_destroy(pci);
	ok(!misfits, "what was asked of disks fits them (%u did not)", misfits);
	printf("1..%d\n", count);
	return failures != 0;
}

/* --- time --- */

uint64_t clock_now = 1000;
uint64_t clock_stood;
int64_t wall;
static struct device_timer *timers;

uint64_t device_now(void)
{
	return clock_now;
}

uint64_t device_run_clock(void)
{
	return clock_now - clock_stood;
}

int64_t device_wall_clock(void)
{
	return wall;
}

void device_timer_init(struct device_timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct device_timer){ .fn = fn, .arg = arg };
}

void device_timer_cancel(struct device_timer *t)
{
	struct device_timer **p;

	for (p = &timers; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			break;
		}
	t->when = 0;
}

void device_timer_set(struct device_timer *t, uint64_t when)
{
	struct device_timer **p;

	device_timer_cancel(t);
	t->when = when ? when : 1;
	for (p = &timers; *p && (*p)->when <= t->when; p = &(*p)->next)
		;
	t->next = *p;
	*p = t;
}

void pass(uint64_t ns)
{
	uint64_t end = clock_now + ns;

	settle();
	while (timers && timers->when <= end) {
		struct device_timer *t = timers;

		timers = t->next;
		if (t->when > clock_now) {
			wall += (int64_t)(t->when - clock_now);
			clock_now = t->when;
		}
		t->when = 0;
		t->fn(t->arg);
		settle();
	}
	wall += (int64_t)(end - clock_now);
	clock_now = end;
}

/* --- what the bus asks of the outside --- */

struct bus *bus;
struct pci_bus *pci;
uint8_t *ram;
bool gsi_level[256];
unsigned int gsi_edges[256];
bool intx_level[32][4];
enum machine_request requested;
struct msi_record msi[64];
unsigned int nr_msi;
struct written written;

static void set_gsi(void *arg, unsigned int gsi, bool level)
{
	(void)arg;
	gsi_level[gsi] = level;
	gsi_edges[gsi] += level;
}

static void send_msi(void *arg, uint64_t addr, uint32_t data)
{
	(void)arg;
	msi[nr_msi++ % ARRAY_SIZE(msi)] = (struct msi_record){ addr, data };
}

static void memory_written(void *arg, uint64_t gpa, uint64_t len)
{
	(void)arg;
	written = (struct written){ gpa, len };
}

static void request(void *arg, enum machine_request what, const char *why)
{
	(void)arg;
	(void)why;
	requested = what;
}

static void set_intx(void *arg, unsigned int slot, unsigned int pin, bool level)
{
	(void)arg;
	intx_level[slot][pin] = level;
}

void fresh(void)
{
	static const struct bus_ops ops = {
		.set_gsi = set_gsi, .send_msi = send_msi, .request = request,
		.memory_written = memory_written,
	};
	static const struct pci_bus_ops pci_ops = { set_intx };

	if (bus)
		bus_destroy(bus);
	if (pci)
		pci_bus_destroy(pci);
	if (!ram)
		ram = mmap(NULL, WORLD_RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			   0);
	/* Zeros again, at the price of what was touched. */
	if (madvise(ram, WORLD_RAM, MADV_REMOVE))
		memset(ram, 0, WORLD_RAM);
	timers = NULL;
	memset(gsi_level, 0, sizeof(gsi_level));
	memset(gsi_edges, 0, sizeof(gsi_edges));
	memset(intx_level, 0, sizeof(intx_level));
	nr_msi = 0;
	requested = MACHINE_RUN;
	bus = bus_create(&ops, NULL);
	bus_memory(bus, "low", 0, 0xa0000, ram, false, PRIO_RAM);
	bus_memory(bus, "high", 0x100000, WORLD_RAM - 0x100000, ram + 0x100000, false, PRIO_RAM);
	pci = pci_bus_create(bus, &pci_ops, NULL);
}

uint32_t in(uint16_t port, unsigned int size)
{
	uint32_t v = 0;

	bus_access(bus, BUS_PORT, port, &v, size, false);
	return v;
}

void out(uint16_t port, uint32_t val, unsigned int size)
{
	bus_access(bus, BUS_PORT, port, &val, size, true);
}

uint64_t mmio_read(uint64_t addr, unsigned int size)
{
	uint64_t v = 0;

	bus_access(bus, BUS_MMIO, addr, &v, size, false);
	return v;
}

void mmio_write(uint64_t addr, uint64_t val, unsigned int size)
{
	bus_access(bus, BUS_MMIO, addr, &val, size, true);
}

struct device *make(const char *class_name)
{
	return device_create(bus, class_name);
}

struct device *make_pci(const char *class_name, unsigned int devfn)
{
	struct device *dev = device_create(bus, class_name);
	const char *wrong = pci_place(pci, dev, (int)devfn);

	if (wrong) {
		printf("Bail out! %s: %s\n", class_name, wrong);
		exit(1);
	}
	return dev;
}

uint32_t config_read(unsigned int devfn, unsigned int off, unsigned int size)
{
	return pci_config_read(pci, 0, devfn, off, size);
}

void config_write(unsigned int devfn, unsigned int off, uint32_t val, unsigned int size)
{
	pci_config_write(pci, 0, devfn, off, size, val);
}

void pci_enable(unsigned int devfn, unsigned int bar, uint64_t addr)
{
	config_write(devfn, PCI_BAR0 + 4 * bar, (uint32_t)addr, 4);
	if (addr >> 32)
		config_write(devfn, PCI_BAR0 + 4 * bar + 4, (uint32_t)(addr >> 32), 4);
	config_write(devfn, PCI_COMMAND,
		     config_read(devfn, PCI_COMMAND, 2) | PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
		     PCI_COMMAND_MASTER, 2);
}
