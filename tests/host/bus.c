// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The bus and the PCI core: windows over windows, BARs that a guest puts anywhere, memory that moves,
 * interrupts by pin and by message. With a device of its own.
 */
#include <sys/mman.h>

#include "tests/host/world.h"

#define DEVFN (3 << 3)
#define MEMORY_LEN 0x10000

struct thing {
	struct pci_device p;
	uint64_t size;
	bool flag;
	unsigned int choice;
	uint8_t mac[6];
	uint32_t last_off, last_size;
	uint64_t last_val;
	uint8_t regs[256];
};

static uint64_t thing_read(struct device *dev, uint32_t off, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, ((struct thing *)dev)->regs + (off & 0xf8), size);
	return v;
}

static void thing_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct thing *t = (struct thing *)dev;

	t->last_off = off;
	t->last_size = size;
	t->last_val = val;
}

static const char *thing_realize(struct device *dev)
{
	const char *wrong = pci_add_msix(to_pci(dev), 3, 3, 3);

	return wrong ? wrong : pci_add_msi(to_pci(dev), 4);
}

enum { REGION_IO, REGION_REGS, REGION_MEMORY, REGION_MSIX };

static const struct device_region thing_regions[] = {
	[REGION_IO] = { "io", BUS_PORT, 32, 4, thing_read, thing_write },
	[REGION_REGS] = { "regs", BUS_MMIO, 256, 4, thing_read, thing_write },
	[REGION_MEMORY] = { "memory", BUS_MMIO, MEMORY_LEN, .memory = true },
	[REGION_MSIX] = PCI_MSIX_REGION,
};

static const char *const choices[] = { "red", "green", NULL };

static const struct device_prop thing_props[] = {
	PCI_PROPS,
	{ "size", PROP_SIZE, offsetof(struct thing, size), "bytes", "1M", 4096, 1 << 30 },
	{ "flag", PROP_BOOL, offsetof(struct thing, flag), "a flag" },
	{ "choice", PROP_ENUM, offsetof(struct thing, choice), "a choice", .names = choices },
	{ "mac", PROP_MAC, offsetof(struct thing, mac), "address" },
};

static const struct pci_info thing_info = {
	.vendor = 0x1234, .device = 0x5678, .class = 0xff0000, .interrupt_pin = 1,
	.bar = {
		[0] = { PCI_BAR_IO, REGION_IO },
		[1] = { PCI_BAR_MEM32, REGION_REGS },
		[2] = { PCI_BAR_MEM32_PREFETCH, REGION_MEMORY },
		[3] = { PCI_BAR_MEM32, REGION_MSIX },
	},
};

static const struct device_class thing = {
	.name = "thing",
	.what = "a device of this test's",
	.size = sizeof(struct thing),
	.pci = &thing_info,
	.regions = thing_regions,
	.nr_regions = ARRAY_SIZE(thing_regions),
	.props = thing_props,
	.nr_props = ARRAY_SIZE(thing_props),
	.realize = thing_realize,
};
DEVICE_REGISTER(thing);

static struct thing *t;

static void make_thing(void)
{
	fresh();
	t = (struct thing *)make_pci("thing", DEVFN);
	device_realize(&t->p.dev);
}

static void config_space(void)
{
	make_thing();
	ok(config_read(DEVFN, 0, 4) == 0x56781234, "ids");
	ok(config_read(DEVFN, 8, 4) == 0xff000000, "class and revision");
	ok(config_read(DEVFN + 8, 0, 4) == ~0u, "an empty slot reads as all ones");
	config_write(DEVFN, 0, 0xdeadbeef, 4);
	ok(config_read(DEVFN, 0, 4) == 0x56781234, "ids cannot be written");
	config_write(DEVFN, PCI_BAR0, ~0u, 4);
	ok(config_read(DEVFN, PCI_BAR0, 4) == 0xffffffe1, "I/O BAR sizes to 32 ports");
	config_write(DEVFN, PCI_BAR0 + 4, ~0u, 4);
	ok(config_read(DEVFN, PCI_BAR0 + 4, 4) == 0xffffff00, "memory BAR sizes to 256 bytes");
	config_write(DEVFN, PCI_BAR0 + 8, ~0u, 4);
	ok(config_read(DEVFN, PCI_BAR0 + 8, 4) == 0xffff0008, "prefetchable BAR sizes to 64 KiB");
	config_write(DEVFN, PCI_BAR0 + 16, ~0u, 4);
	ok(config_read(DEVFN, PCI_BAR0 + 16, 4) == 0, "a BAR that is none reads as zero");
	config_write(DEVFN, 0xfe, 0x1234, 4);
	ok(config_read(DEVFN, 0xfe, 4) == ~0u, "an access over the end of the space is none");
	ok(config_read(DEVFN, PCI_STATUS, 2) & 0x10, "there are capabilities");
}

static void bars(void)
{
	make_thing();
	config_write(DEVFN, PCI_BAR0, 0xc000, 4);
	ok(inl(0xc000) == ~0u, "not decoded before the space is on");
	pci_enable(DEVFN, 1, 0xe0000000);
	outw(0xc004, 0x4321);
	ok(t->last_off == 4 && t->last_size == 2 && t->last_val == 0x4321, "I/O reaches the device");
	mmio_write(0xe0000010, 0x11223344, 4);
	ok(t->last_off == 0x10 && t->last_val == 0x11223344, "memory reaches the device");
	config_write(DEVFN, PCI_BAR0 + 4, 0xe1000000, 4);
	ok(mmio_read(0xe0000010, 4) == 0xffffffff, "nothing where the BAR was");
	mmio_write(0xe1000020, 7, 4);
	ok(t->last_off == 0x20, "the device where it is now");
	config_write(DEVFN, PCI_COMMAND, 0, 2);
	ok(mmio_read(0xe1000020, 4) == 0xffffffff, "gone with the space off");
	bus_reset(bus);
	ok(config_read(DEVFN, PCI_BAR0 + 4, 4) == 0, "reset empties the BAR");
}

static void over_ram(void)
{
	uint32_t v = 0xabcd;

	make_thing();
	ram[0x200010] = 0x55;
	pci_enable(DEVFN, 1, 0x200000);
	ok(mmio_read(0x200010, 1) == 0 && mmio_read(0x200100, 1) == 0, "a BAR over RAM covers it");
	mmio_write(0x200010, 9, 1);
	ok(ram[0x200010] == 0x55, "and takes its writes");
	ok(!dma_read(bus, 0x200000, &v, 4) && v == 0xffffffff, "a device reads no registers by DMA");
	v = 0x01020304;
	ok(!dma_write(bus, 0x1ffffe, &v, 4) && ram[0x1fffff] == 3, "DMA over the edge: as far as RAM goes");
	config_write(DEVFN, PCI_COMMAND, 0, 2);
	ok(mmio_read(0x200010, 1) == 0x55, "RAM is back afterwards");
}

static void memory_region(void)
{
	struct dma_map m;
	uint8_t *mem;

	make_thing();
	mem = device_memory(&t->p.dev, REGION_MEMORY);
	pci_enable(DEVFN, 2, 0xd0000000);
	mmio_write(0xd0001234, 0x99, 1);
	ok(mem[0x1234] == 0x99, "a memory BAR is memory");
	mem[0xffff] = 0x42;
	ok(mmio_read(0xd000ffff, 1) == 0x42, "to its last byte");
	ok(dma_map(bus, &m, 0xd000ff00, 0x1000, true) && m.len == 0x100 && m.host == mem + 0xff00,
	   "mapped for DMA up to its end");
	dma_unmap(bus, &m, 0x100);
	ok(!dma_map(bus, &m, 0xa0000, 16, false), "nothing to map in a hole");
	config_write(DEVFN, PCI_BAR0 + 8, 0xd8000000, 4);
	ok(mmio_read(0xd8001234, 1) == 0x99, "and moves with its contents");
}

/* What the host gives for a memory region: how many of its pages are there. */
static unsigned int pages_there(uint8_t *mem, size_t len)
{
	unsigned char there[16] = { 0 };
	unsigned int i, n = 0;

	if (len > sizeof(there) * 4096 || mincore(mem, len, there))
		return ~0u;
	for (i = 0; i < len / 4096; i++)
		n += there[i] & 1;
	return n;
}

static void memory_cleared(void)
{
	uint8_t *mem, *again;
	unsigned int i, bad = 0;

	make_thing();
	mem = device_memory(&t->p.dev, REGION_MEMORY);
	/* As the translator has it: a second mapping of the same memory. */
	again = mremap(mem, 0, MEMORY_LEN, MREMAP_MAYMOVE);
	pci_enable(DEVFN, 2, 0xd0000000);
	memset(mem, 0x77, MEMORY_LEN);
	ok(again != MAP_FAILED && again[5] == 0x77, "seen through both mappings");
	device_memory_clear(&t->p.dev, REGION_MEMORY);
	ok(pages_there(mem, MEMORY_LEN) == 0, "cleared memory is given back");
	ok(written.gpa == 0xd0000000 && written.len == MEMORY_LEN, "the accelerator is told of all of it");
	for (i = 0; i < MEMORY_LEN; i++)
		bad += mem[i] || again[i];
	ok(!bad, "it reads as zeros through both");
	mem[0x1000] = 1;
	ok(mmio_read(0xd0001000, 1) == 1 && again[0x1000] == 1, "and is memory as before");
	munmap(again, MEMORY_LEN);
	/* What is locked is not given back. */
	memset(mem, 0x77, MEMORY_LEN);
	if (mlock(mem + 0x2000, 0x1000))
		return;
	device_memory_clear(&t->p.dev, REGION_MEMORY);
	for (i = 0, bad = 0; i < MEMORY_LEN; i++)
		bad += mem[i];
	ok(!bad, "zeros also where it cannot be given back");
}

static void interrupts(void)
{
	make_thing();
	pci_set_intx(&t->p, true);
	ok(intx_level[3][0] && config_read(DEVFN, PCI_STATUS, 2) & 8, "INTA# up, and in the status");
	config_write(DEVFN, PCI_COMMAND, PCI_COMMAND_INTX_OFF, 2);
	ok(!intx_level[3][0] && config_read(DEVFN, PCI_STATUS, 2) & 8, "disabled: down, still in the status");
	config_write(DEVFN, PCI_COMMAND, 0, 2);
	ok(intx_level[3][0], "enabled again: up again");
	pci_set_intx(&t->p, false);
	ok(!intx_level[3][0], "down");
}

static void msix(void)
{
	unsigned int cap;

	make_thing();
	cap = t->p.msix_cap;
	pci_enable(DEVFN, 3, 0xe0000000);
	mmio_write(0xe0000010, 0xfee00000, 4);
	mmio_write(0xe0000014, 0, 4);
	mmio_write(0xe0000018, 0x41, 4);
	pci_msix_send(&t->p, 1);
	ok(nr_msi == 0, "MSI-X off: no message");
	config_write(DEVFN, cap + 2, 0x8000, 2);
	pci_msix_send(&t->p, 1);
	ok(nr_msi == 0 && mmio_read(0xe0000800, 4) == 2, "masked from reset on: pending");
	mmio_write(0xe000001c, 0, 4);
	ok(nr_msi == 1 && msi[0].addr == 0xfee00000 && msi[0].data == 0x41 &&
	   mmio_read(0xe0000800, 4) == 0, "unmasked: sent");
	config_write(DEVFN, cap + 2, 0xc000, 2);
	pci_msix_send(&t->p, 1);
	ok(nr_msi == 1, "all masked");
	config_write(DEVFN, cap + 2, 0x8000, 2);
	ok(nr_msi == 2, "sent when the mask goes");
	pci_msix_send(&t->p, 3);
	ok(nr_msi == 2, "a vector that is none");
	config_write(DEVFN, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	pci_msix_send(&t->p, 1);
	ok(nr_msi == 2, "no messages without bus mastering");
	mmio_write(0xe0000030, ~0u, 4);
	ok(mmio_read(0xe0000030, 4) == 0, "no entry after the last");
}

static void plain_msi(void)
{
	unsigned int cap;

	make_thing();
	cap = t->p.msi_cap;
	pci_enable(DEVFN, 1, 0xe0000000);
	config_write(DEVFN, cap + 4, 0xfee01000, 4);
	config_write(DEVFN, cap + 12, 0x0050, 2);
	pci_msi_send(&t->p, 0);
	ok(nr_msi == 0, "MSI off: no message");
	config_write(DEVFN, cap + 2, 0x0021, 2);	/* on, four vectors */
	pci_msi_send(&t->p, 3);
	ok(nr_msi == 1 && msi[0].addr == 0xfee01000 && msi[0].data == 0x53, "vector 3 of four");
	config_write(DEVFN, cap + 16, 0x2, 4);
	pci_msi_send(&t->p, 1);
	ok(nr_msi == 1 && config_read(DEVFN, cap + 20, 4) == 2, "masked: pending");
	config_write(DEVFN, cap + 16, 0, 4);
	ok(nr_msi == 2 && msi[1].data == 0x51, "unmasked: sent");
}

static void properties(void)
{
	const struct device_prop *p;
	struct device *dev;
	char buf[64];

	make_thing();
	dev = &t->p.dev;
	ok(t->size == 1 << 20, "a property's initial value");
	ok(!device_set_words(dev, "size", "64K") && t->size == 65536, "a size");
	ok(device_set_words(dev, "size", "1K"), "too small: refused");
	ok(device_set_words(dev, "size", "many"), "no size: refused");
	ok(!device_set_words(dev, "flag", "on") && t->flag, "a flag");
	ok(!device_set_words(dev, "choice", "green") && t->choice == 1, "a choice");
	ok(strstr(device_set_words(dev, "choice", "blue"), "red, green") != NULL, "what there is to choose");
	ok(!device_set_words(dev, "mac", "52:54:00:00:00:01") && t->mac[5] == 1, "an address");
	ok(device_set_words(dev, "mac", "53:54:00:00:00:01"), "a multicast address: refused");
	ok(device_set_words(dev, "mac", "52:54:00:00:00:01x"), "rubbish behind an address: refused");
	ok(strstr(device_set_words(dev, "chioce", "red"), "choice") != NULL, "an unknown one: the nearest");
	for (p = thing_props; strcmp(p->name, "mac"); p++)
		;
	device_get_words(dev, p, buf, sizeof(buf));
	ok(!strcmp(buf, "52:54:00:00:00:01"), "and back in words");
	ok(pci_place(pci, make("thing"), DEVFN) != NULL, "a taken slot: refused");
}

int main(void)
{
	config_space();
	bars();
	over_ram();
	memory_region();
	memory_cleared();
	interrupts();
	msix();
	plain_msi();
	properties();
	return world_end();
}
