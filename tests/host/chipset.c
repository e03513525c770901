// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The chipset by its data sheets: 82441FX (configuration mechanism #1, PAM), PIIX3 (interrupt
 * steering, reset control), PIIX4's power management; flash; and fw_cfg by its specification.
 */
#include "devices/pc/fw_cfg.h"
#include "devices/pc/pflash.h"
#include "devices/pci/i440fx.h"
#include "devices/pci/piix3.h"
#include "devices/pci/piix4_pm.h"
#include "tests/host/world.h"

#define DEVFN_HOST	0
#define DEVFN_ISA	(1 << 3)
#define DEVFN_PM	(1 << 3 | 3)
#define DWORD_AT(devfn, reg) (0x80000000u | (devfn) << 8 | (reg))
#define SHADOW_RAM	0x11
#define ROM_BYTE	0x22

static uint8_t shadow[I440FX_SHADOW_LEN] __attribute__((aligned(4096)));
static uint8_t rom[I440FX_ROM_LEN] __attribute__((aligned(4096)));
static struct device *host, *isa, *pm;

static void make_chipset(void)
{
	unsigned int i;

	fresh();
	memset(shadow, SHADOW_RAM, sizeof(shadow));
	memset(rom, ROM_BYTE, sizeof(rom));
	isa = make_pci("piix3", DEVFN_ISA);
	device_realize(isa);
	for (i = 0; i < 16; i++)
		device_connect_irq(isa, i, i);
	host = make_pci("i440fx", DEVFN_HOST);
	i440fx_set_memory(host, shadow, rom);
	i440fx_set_isa(host, isa, PIIX3_REGION_RESET);
	device_realize(host);
	device_map(host, I440FX_REGION_CONFIG, 0xcf8);
	pm = make_pci("piix4-pm", DEVFN_PM);
	device_realize(pm);
	device_connect_irq(pm, 0, 9);
}

/* --- configuration mechanism #1 --- */

static void mechanism_1(void)
{
	make_chipset();
	ok(inl(0xcfc) == ~0u, "CONFDATA without CONFADD's enable bit reads as all ones");
	outl(0xcf8, DWORD_AT(DEVFN_HOST, 0));
	ok(inl(0xcf8) == DWORD_AT(DEVFN_HOST, 0), "CONFADD reads back");
	ok(inl(0xcfc) == 0x12378086, "82441FX at 00:00.0");
	ok(inw(0xcfe) == 0x1237 && inb(0xcfd) == 0x80, "parts of CONFDATA");
	outl(0xcf8, DWORD_AT(DEVFN_ISA, 0));
	ok(inl(0xcfc) == 0x70008086, "82371SB at 00:01.0");
	outl(0xcf8, DWORD_AT(DEVFN_PM, 0));
	ok(inl(0xcfc) == 0x71138086, "82371AB function 3 at 00:01.3");
	outl(0xcf8, DWORD_AT(DEVFN_ISA, 0) | 1 << 16);
	ok(inl(0xcfc) == ~0u, "there is no bus 1");
	outl(0xcf8, 0x7fffffff);
	ok(inl(0xcf8) == 0x00fffffc, "reserved bits of CONFADD read as 0");
	outl(0xcf8, DWORD_AT(DEVFN_HOST, 0x04));
	ok((inl(0xcfc) & 0xffff) == 0x0006, "PCICMD: memory and master are fixed");
	outw(0xcfc, 0);
	ok((inl(0xcfc) & 0xffff) == 0x0006, "and stay");
	outb(0xcf8, 0x12);
	ok(inl(0xcf8) == DWORD_AT(DEVFN_HOST, 0x04), "a byte to CF8h is not CONFADD's");
}

/* --- PAM --- */

static void pam(unsigned int reg, uint8_t val)
{
	config_write(DEVFN_HOST, reg, val, 1);
}

static void bios_area(void)
{
	static const struct { unsigned int reg, shift; uint32_t at; } seg[] = {
		{ 0x59, 4, 0xf0000 }, { 0x5a, 0, 0xc0000 }, { 0x5a, 4, 0xc4000 },
		{ 0x5b, 0, 0xc8000 }, { 0x5b, 4, 0xcc000 }, { 0x5c, 0, 0xd0000 },
		{ 0x5c, 4, 0xd4000 }, { 0x5d, 0, 0xd8000 }, { 0x5d, 4, 0xdc000 },
		{ 0x5e, 0, 0xe0000 }, { 0x5e, 4, 0xe4000 }, { 0x5f, 0, 0xe8000 },
		{ 0x5f, 4, 0xec000 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(seg); i++) {
		uint32_t at = seg[i].at, off = at - I440FX_SHADOW_BASE;
		uint8_t pci_byte = at >= 0xe0000 ? ROM_BYTE : 0xff;

		make_chipset();
		ok(mmio_read(at, 1) == pci_byte, "%x: at reset reads go to PCI", at);
		mmio_write(at, 0x5a, 1);
		ok(shadow[off] == SHADOW_RAM && mmio_read(at, 1) == pci_byte, "%x: and writes", at);
		pam(seg[i].reg, (uint8_t)(1 << seg[i].shift));
		ok(mmio_read(at + 8, 8) == 0x1111111111111111ull, "%x: RE: reads are RAM's", at);
		mmio_write(at, 0x5a, 1);
		ok(shadow[off] == SHADOW_RAM, "%x: RE: writes are not", at);
		pam(seg[i].reg, (uint8_t)(2 << seg[i].shift));
		mmio_write(at + 0x3ffe, 0x6677, 2);
		ok(shadow[off + 0x3ffe] == 0x77 && shadow[off + 0x3fff] == 0x66,
		   "%x: WE: writes are RAM's", at);
		ok(mmio_read(at + 0x3ffe, 1) == pci_byte, "%x: WE: reads are not", at);
		pam(seg[i].reg, (uint8_t)(3 << seg[i].shift));
		mmio_write(at, 0x1234, 2);
		ok(mmio_read(at, 2) == 0x1234 && shadow[off] == 0x34, "%x: both: RAM", at);
		bus_reset(bus);
		ok(mmio_read(at, 1) == pci_byte, "%x: reset shows PCI again", at);
	}
	ok(rom[0] == ROM_BYTE, "nothing has written the ROM");
	make_chipset();
	pam(0x59, 0xff);
	ok(config_read(DEVFN_HOST, 0x59, 1) == 0x70, "PAM0 holds only its upper half");
	config_write(DEVFN_HOST, 0x72, 0x50, 1);
	config_write(DEVFN_HOST, 0x72, 0x48, 1);
	ok(config_read(DEVFN_HOST, 0x72, 1) == 0x12, "SMRAM: D_LCK cannot be taken back");
	bus_reset(bus);
	ok(config_read(DEVFN_HOST, 0x72, 1) == 0x02, "but by a reset");
}

/* --- PIIX3 --- */

static void steering(void)
{
	make_chipset();
	ok(config_read(DEVFN_ISA, 0x60, 4) == 0x80808080, "PIRQRC: off at reset");
	piix3_set_pirq(isa, 0, true);
	ok(!gsi_edges[0] && !gsi_edges[10], "an interrupt that is not steered reaches nobody");
	config_write(DEVFN_ISA, 0x60, 10, 1);
	ok(gsi_level[10], "steered to 10 while it is up");
	config_write(DEVFN_ISA, 0x61, 10, 1);
	piix3_set_pirq(isa, 1, true);
	piix3_set_pirq(isa, 0, false);
	ok(gsi_level[10] && gsi_edges[10] == 1, "two links share a line");
	piix3_set_pirq(isa, 1, false);
	ok(!gsi_level[10], "both have let go");
	piix3_set_pirq(isa, 2, true);
	config_write(DEVFN_ISA, 0x62, 11, 1);
	config_write(DEVFN_ISA, 0x62, 5, 1);
	ok(!gsi_level[11] && gsi_level[5], "steered elsewhere, the line goes along");
	config_write(DEVFN_ISA, 0x62, 0xff, 1);
	ok(!gsi_level[5] && config_read(DEVFN_ISA, 0x62, 1) == 0x8f, "off");
	config_write(DEVFN_ISA, 0x62, 8, 1);
	config_write(DEVFN_ISA, 0x62, 13, 1);
	ok(!gsi_edges[8] && !gsi_edges[13], "clock and coprocessor cannot be steered to");
	config_write(DEVFN_ISA, 0x62, 9, 1);
	bus_reset(bus);
	ok(!gsi_level[9], "reset takes the steering away");
}

static void reset_control(void)
{
	make_chipset();
	outl(0xcf8, 0x80000600);
	ok(requested == MACHINE_RUN, "a dword at CF8h does not touch CF9h");
	outb(0xcf9, 0x02);
	ok(requested == MACHINE_RUN && inb(0xcf9) == 0x02, "RC: SRST alone does nothing");
	outb(0xcf9, 0x06);
	ok(requested == MACHINE_RESET, "RC: RCPU going up resets");
	requested = MACHINE_RUN;
	outb(0xcf9, 0x06);
	ok(requested == MACHINE_RUN, "RC: staying up does not");
	ok(inb(0xcfa) == 0xff, "nothing at CFAh");
}

/* --- PIIX4 power management --- */

static void place_pm(void)
{
	make_chipset();
	clock_now = 1000;
	bus_reset(bus);
	config_write(DEVFN_PM, PIIX4_PM_PMBA, 0x600, 4);
	config_write(DEVFN_PM, PIIX4_PM_PMREGMISC, 1, 1);
}

static void power_management(void)
{
	uint32_t t0, t1;

	make_chipset();
	config_write(DEVFN_PM, PIIX4_PM_PMBA, 0x600, 4);
	ok(inw(0x604) == 0xffff, "no block before PMIOSE");
	ok(config_read(DEVFN_PM, PIIX4_PM_PMBA, 4) == 0x601, "PMBA says I/O");
	place_pm();
	ok(piix4_pm_base(pm) == 0x600 && inw(0x604) == 1, "SCI_EN is set from the start");
	t0 = inl(0x608);
	pass(1000000000);
	t1 = inl(0x608);
	ok(t1 - t0 >= 3579544 && t1 - t0 <= 3579546, "the timer runs at 3.579545 MHz");
	pass(4000000000);
	ok(!(inl(0x608) >> 24), "and has 24 bits");
	outw(0x600, 1);
	outw(0x602, 1);
	ok(inw(0x602) == 1 && !gsi_level[9], "TMROF_EN");
	pass(2400000000);
	ok(gsi_level[9] && (inw(0x600) & 1), "the overflow raises the SCI");
	outw(0x600, 1);
	ok(!gsi_level[9] && !(inw(0x600) & 1), "writing the status clears it");
	outw(0x602, 0x100);
	piix4_pm_power_button(pm);
	ok(gsi_level[9] && (inw(0x600) & 0x100), "the power button raises the SCI");
	outb(0x601, 1);
	ok(!gsi_level[9], "a byte clears it");
	outw(0x604, 5 << 10 | 1 << 13);
	ok(requested == MACHINE_RUN, "another sleep type does nothing");
	outw(0x604, 0);
	ok(requested == MACHINE_RUN, "nor does soft off without SUS_EN");
	outw(0x604, 1 << 13);
	ok(requested == MACHINE_POWEROFF, "soft off turns the power off");
	ok(inw(0x604) == 1, "SUS_EN reads as 0");
	ok(config_read(DEVFN_PM, 0x58, 4) == 1u << 25, "firmware finds SMIs set up");
	config_write(DEVFN_PM, PIIX4_PM_PMBA, 0xb000, 4);
	ok(inw(0x604) == 0xffff && inw(0xb004) == 1, "the block moves");
	bus_reset(bus);
	ok(inw(0xb004) == 0xffff, "and is gone after a reset");
}

/* --- fw_cfg --- */

static struct device *fw;
static unsigned int selections;

static void selected(void *arg)
{
	selections++;
	*(char *)arg = 'N';
}

static uint32_t dma(uint32_t control, uint32_t len, uint64_t to)
{
	const uint32_t command[4] = { __builtin_bswap32(control), __builtin_bswap32(len),
				      __builtin_bswap32((uint32_t)(to >> 32)),
				      __builtin_bswap32((uint32_t)to) };
	uint32_t status;

	memcpy(ram + 0x1000, command, sizeof(command));
	outl(0x514, 0);
	outl(0x518, __builtin_bswap32(0x1000));
	memcpy(&status, ram + 0x1000, 4);
	return __builtin_bswap32(status);
}

static unsigned int find(const char *name, uint32_t *len)
{
	const uint8_t *p = ram + 0x2004;
	unsigned int i, n;

	dma(FW_CFG_FILE_DIR << 16 | 0x0a, 4 + 64 * 64, 0x2000);
	n = (unsigned int)(ram[0x2002] << 8 | ram[0x2003]);
	for (i = 0; i < n; i++, p += 64)
		if (!strcmp((const char *)p + 8, name)) {
			*len = (uint32_t)(p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]);
			return (unsigned int)(p[4] << 8 | p[5]);
		}
	return 0;
}

static void firmware_configuration(void)
{
	static char live[4] = "abc";
	uint32_t len = 0;
	unsigned int key;

	fresh();
	fw = make("fw_cfg");
	device_realize(fw);
	device_map(fw, FW_CFG_REGION_IO, 0x510);
	device_map(fw, FW_CFG_REGION_DMA, 0x514);
	fw_cfg_add_number(fw, FW_CFG_NB_CPUS, 0x0102, 2);
	ok(!fw_cfg_add_file(fw, "opt/zz", "last", 4), "a file");
	ok(!fw_cfg_add_live(fw, "etc/live", live, 4, selected, live), "a live one");
	ok(!fw_cfg_add_file(fw, "opt/aa", "first", 5), "another");
	ok(fw_cfg_add_file(fw, "opt/aa", "again", 5) != NULL, "the same name again is refused");
	ok(fw_cfg_add_file(fw, "opt/0123456789012345678901234567890123456789012345678901234",
			   "x", 1) != NULL, "so is a name of 58 letters");
	outw(0x510, FW_CFG_SIGNATURE);
	ok(inb(0x511) == 'Q' && inb(0x511) == 'E' && inb(0x511) == 'M' && inb(0x511) == 'U' &&
	   inb(0x511) == 0, "signature, and zero behind its end");
	outw(0x510, FW_CFG_ID);
	ok(inb(0x511) == 3, "it has DMA");
	outw(0x510, FW_CFG_NB_CPUS);
	ok(inb(0x511) == 2 && inb(0x511) == 1, "numbers are little-endian");
	outw(0x510, 0x7777);
	ok(inb(0x511) == 0, "an item that is none reads as zero");
	ok(inl(0x514) == 0x554d4551 && inl(0x518) == 0x47464320, "DMA's signature");
	key = find("opt/aa", &len);
	ok(key == 0x21 && len == 5, "the directory is sorted by name");
	ok(find("opt/zz", &len) == 0x22 && len == 4, "its last file");
	ok(dma(key << 16 | 0x0a, 8, 0x3000) == 0 && !memcmp(ram + 0x3000, "first\0\0\0", 8),
	   "DMA reads a file, and zeros behind it");
	dma(key << 16 | 0x08, 0, 0);
	ok(dma(0x04, 2, 0) == 0 && dma(0x02, 2, 0x3000) == 0 && !memcmp(ram + 0x3000, "rs", 2),
	   "DMA skips");
	ok(dma(key << 16 | 0x18, 1, 0x3000) == 1, "DMA cannot write");
	ok(dma(key << 16 | 0x0a, 5, 0xfffffffff000ull) == 1, "DMA to where no memory is fails");
	ok(dma(key << 16 | 0x0a, 0xffffffff, 0x3000) == 1, "so does one of 4 GiB");
	outl(0x518, __builtin_bswap32(0xfffffff0));
	ok(1, "a command that is not in memory is ignored");
	key = find("etc/live", &len);
	ok(dma(key << 16 | 0x0a, 4, 0x3000) == 0 && selections == 1 &&
	   !memcmp(ram + 0x3000, "Nbc", 4), "a live file is brought up to date");
}

/* --- flash --- */

#define FLASH		0xffff0000ull
#define FLASH_LEN	0x10000u

static struct block *image;
static struct device *flash;

static void make_flash(bool read_only)
{
	fresh();
	image = make_disk(FLASH_LEN);
	memset(image->data, 0xf0, FLASH_LEN);
	image->read_only = read_only;
	flash = make("pflash");
	device_set_ptr(flash, "drive", image);
	device_realize(flash);
	device_map(flash, PFLASH_REGION, FLASH);
}

static void write_byte(uint32_t off, uint8_t command, uint8_t val)
{
	mmio_write(FLASH + off, command, 1);
	mmio_write(FLASH + off, val, 1);
}

static void flash_reads(void)
{
	make_flash(false);
	ok(mmio_read(FLASH + 8, 8) == 0xf0f0f0f0f0f0f0f0ull, "array: the image");
	mmio_write(FLASH, 0x90, 1);
	ok(mmio_read(FLASH, 1) == 0x89, "identification: Intel");
	mmio_write(FLASH, 0x98, 1);
	ok(mmio_read(FLASH + 0x10, 1) == 'Q' && mmio_read(FLASH + 0x11, 2) == ('R' | 'Y' << 8),
	   "CFI query");
	ok(mmio_read(FLASH + 0x27, 1) == 16, "CFI: 64 KiB");
	ok(mmio_read(FLASH + 0x2d, 4) == 0x0010000f, "CFI: 16 blocks of 4 KiB");
	mmio_write(FLASH, 0x70, 1);
	ok(mmio_read(FLASH + 0x1234, 1) == 0x80, "status: ready");
	mmio_write(FLASH, 0x50, 1);
	mmio_write(FLASH, 0x70, 1);
	ok(mmio_read(FLASH, 1) == 0, "status: cleared");
	mmio_write(FLASH, 0xff, 1);
	ok(mmio_read(FLASH, 1) == 0xf0, "array again");
	mmio_write(FLASH, 0x98, 1);
	bus_reset(bus);
	ok(mmio_read(FLASH, 1) == 0xf0, "reset: array");
	free_disk(image);
}

static void flash_programs(void)
{
	unsigned int i;

	make_flash(false);
	write_byte(0x2010, 0x40, 0x3c);
	ok(mmio_read(FLASH + 0x2010, 1) == 0x80, "program: status follows");
	mmio_write(FLASH, 0xff, 1);
	ok(mmio_read(FLASH + 0x2010, 1) == 0x30, "program: bits can only be cleared");
	settle();
	ok(image->data[0x2010] == 0x30 && image->requests[BLOCK_WRITE] == 1, "the image has it");
	write_byte(0x2abc, 0x20, 0xd0);
	mmio_write(FLASH, 0xff, 1);
	ok(mmio_read(FLASH + 0x2010, 1) == 0xff && mmio_read(FLASH + 0x1fff, 1) == 0xf0 &&
	   mmio_read(FLASH + 0x3000, 1) == 0xf0, "erase: one block");
	settle();
	ok(image->data[0x2010] == 0xff && image->data[0x2fff] == 0xff, "the image has it");
	write_byte(0x2000, 0x20, 0x55);
	ok((mmio_read(FLASH, 1) & 0x30) == 0x30, "erase without its confirmation: an error");
	mmio_write(FLASH, 0x50, 1);
	mmio_write(FLASH + 0x2040, 0xe8, 1);
	mmio_write(FLASH + 0x2040, 3, 1);
	for (i = 0; i < 4; i++)
		mmio_write(FLASH + 0x2044 + i, 0x10 + i, 1);
	mmio_write(FLASH + 0x2040, 0xd0, 1);
	mmio_write(FLASH, 0xff, 1);
	ok(mmio_read(FLASH + 0x2044, 4) == 0x13121110 && mmio_read(FLASH + 0x2040, 4) == 0xffffffff,
	   "buffer: what was given, and no more");
	mmio_write(FLASH + 0x2080, 0xe8, 1);
	mmio_write(FLASH + 0x2080, 1, 1);
	mmio_write(FLASH + 0x20c0, 0, 1);
	ok((mmio_read(FLASH, 1) & 0x30) == 0x30, "buffer: a byte outside of it is an error");
	mmio_write(FLASH, 0x50, 1);
	mmio_write(FLASH, 0xff, 1);
	image->hold = true;
	write_byte(0x5000, 0x40, 0x10);
	write_byte(0x5000, 0x40, 0x00);
	write_byte(0x7000, 0x40, 0x00);
	settle();
	image->hold = false;
	settle();
	ok(image->data[0x5000] == 0 && image->data[0x7000] == 0, "what comes while one is under way");
	free_disk(image);
}

static void flash_protected(void)
{
	make_flash(true);
	write_byte(0x10, 0x40, 0);
	ok(mmio_read(FLASH, 1) == 0x92, "read-only: programming fails");
	mmio_write(FLASH, 0x50, 1);
	write_byte(0x10, 0x20, 0xd0);
	ok(mmio_read(FLASH, 1) == 0xa2, "read-only: erasing fails");
	mmio_write(FLASH, 0xff, 1);
	settle();
	ok(mmio_read(FLASH + 0x10, 1) == 0xf0 && !image->requests[BLOCK_WRITE], "nothing has changed");
	free_disk(image);
}

int main(void)
{
	mechanism_1();
	bios_area();
	steering();
	reset_control();
	power_management();
	firmware_configuration();
	flash_reads();
	flash_programs();
	flash_protected();
	fresh();
	return world_end();
}
