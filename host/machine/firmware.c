// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Firmware in the PC: its ROM below 4 GiB, and all that it asks fw_cfg for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "devices/pc/fw_cfg.h"
#include "devices/pc/rtc.h"
#include "devices/pci/i440fx.h"
#include "devices/storage/fdc82077.h"
#include "host/boot/rom.h"
#include "host/firmware.h"
#include "host/machine/pc.h"
#include "host/machine/pc_options.h"
#include "host/report.h"

#define BIOS_NAME	"bios-256k.bin"
#define BIOS_MAX	(16u << 20)
#define PAGE		4096u

/* Cells of the CMOS memory. */
#define CMOS_FLOPPIES	0x10	/* types of the two drives, four bits each, the first one's above */
#define CMOS_EQUIPMENT	0x14
#define EQUIPMENT_FLOPPY	0x01
#define EQUIPMENT_FPU		0x02
#define EQUIPMENT_MOUSE		0x04
#define EQUIPMENT_2_FLOPPIES	0x40
#define CMOS_BOOT_3	0x38
#define CMOS_BOOT_12	0x3d
#define CMOS_CPUS	0x5f

/* --- the ROM --- */

static void make_rom(struct pc *pc, const char *name)
{
	const char *wrong;
	uint8_t *data;
	size_t len;

	wrong = firmware_load(name, &data, &len);
	if (wrong)
		die("-bios %s: %s", name, wrong);
	if (len < I440FX_ROM_LEN || len > BIOS_MAX || len % PAGE)
		die("-bios %s: has %zu bytes; a PC's firmware has 128 KiB to 16 MiB, in whole pages",
		    name, len);
	/* Of its own, page-aligned, and such that an accelerator can map it again. */
	pc->bios = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pc->bios == MAP_FAILED)
		die("-bios %s: out of memory", name);
	memcpy(pc->bios, data, len);
	free(data);
	pc->bios_len = len;
	bus_memory(pc->bus, "bios", HIGH_RAM_BASE - len, len, pc->bios, true, PRIO_FIXED);
}

/* Flash if there is some, the ROM that was asked for, or the usual one; none for a kernel alone. */
void pc_load_bios(struct pc *pc)
{
	pc->bios = pc_make_flash(pc, &pc->bios_len);
	if (pc->bios && pc_options.bios)
		die("-bios %s: there is firmware in -drive if=pflash already; leave one of them out",
		    pc_options.bios);
	if (pc->bios && pc->bios_len < I440FX_ROM_LEN)
		die("-drive if=pflash,unit=0: has %llu bytes; firmware has 128 KiB at least",
		    (unsigned long long)pc->bios_len);
	if (!pc->bios && (pc_options.bios || !pc->cfg->kernel))
		make_rom(pc, pc_options.bios ? pc_options.bios : BIOS_NAME);
}

/* --- fw_cfg --- */

static void add_file(struct pc *pc, const char *name, const void *data, size_t len)
{
	const char *wrong = fw_cfg_add_file(pc->fw_cfg, name, data, (uint32_t)len);

	if (wrong)
		die("-fw_cfg name=%s: %s", name, wrong);
}

static void add_number(struct pc *pc, const char *name, uint64_t val, unsigned int bytes)
{
	uint8_t *p = malloc(8);

	if (!p)
		die("out of memory for fw_cfg");
	put_le(p, val, bytes);
	add_file(pc, name, p, bytes);
}

static void add_e820(struct pc *pc)
{
	static struct e820_entry map[3];
	unsigned int n = 0;

	map[n++] = (struct e820_entry){ 0, pc->vm->low_size, E820_RAM };
	map[n++] = (struct e820_entry){ KVM_IDENTITY_BASE, KVM_RESERVED_LEN, E820_RESERVED };
	if (pc->vm->high_size)
		map[n++] = (struct e820_entry){ HIGH_RAM_BASE, pc->vm->high_size, E820_RAM };
	add_file(pc, "etc/e820", map, n * sizeof(map[0]));
}

/* The tables are read once PCI is set up; firmware has placed the power management block by then. */
static void tables_selected(void *arg)
{
	pc_make_tables(arg);
}

static void add_tables(struct pc *pc)
{
	const struct acpi_tables *t = &pc->tables;
	const struct acpi_buf *tables = &t->buf[ACPI_FILE_TABLES], *rsdp = &t->buf[ACPI_FILE_RSDP];
	size_t len;
	uint8_t *script = acpi_loader_script(t, &len);
	const char *wrong;

	wrong = fw_cfg_add_live(pc->fw_cfg, "etc/acpi/tables", tables->data, (uint32_t)tables->len,
				tables_selected, pc);
	if (wrong)
		die("-fw_cfg: etc/acpi/tables: %s", wrong);
	add_file(pc, "etc/acpi/rsdp", rsdp->data, rsdp->len);
	add_file(pc, "etc/table-loader", script, len);
}

static void add_smbios(struct pc *pc)
{
	add_file(pc, "etc/smbios/smbios-anchor", pc->smbios.anchor, sizeof(pc->smbios.anchor));
	add_file(pc, "etc/smbios/smbios-tables", pc->smbios.data, pc->smbios.len);
}

static void add_part(struct pc *pc, const struct boot_part *part, unsigned int addr,
		     unsigned int size, unsigned int data)
{
	fw_cfg_add_number(pc->fw_cfg, addr, part->addr, 4);
	fw_cfg_add_number(pc->fw_cfg, size, part->len, 4);
	if (part->len)
		fw_cfg_add(pc->fw_cfg, data, part->data, part->len);
}

static void add_kernel(struct pc *pc, const struct boot *boot)
{
	struct boot_parts p;

	boot_split(boot, &p);
	add_part(pc, &p.setup, FW_CFG_SETUP_ADDR, FW_CFG_SETUP_SIZE, FW_CFG_SETUP_DATA);
	add_part(pc, &p.cmdline, FW_CFG_CMDLINE_ADDR, FW_CFG_CMDLINE_SIZE, FW_CFG_CMDLINE_DATA);
	add_part(pc, &p.kernel, FW_CFG_KERNEL_ADDR, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA);
	add_part(pc, &p.initrd, FW_CFG_INITRD_ADDR, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA);
	add_file(pc, BOOT_ROM_NAME, p.rom.data, p.rom.len);
}

static void add_roms(struct pc *pc)
{
	unsigned int i;

	for (i = 0; i < pc_options.nr_roms; i++) {
		const struct pc_option_rom *rom = &pc_options.rom[i];
		const char *wrong;
		uint8_t *data;
		char name[FW_CFG_NAME_MAX + 2];
		size_t len;

		wrong = firmware_load(rom->path, &data, &len);
		if (wrong)
			die("-option-rom %s: %s", rom->path, wrong);
		snprintf(name, sizeof(name), PC_ROM_DIR "%s", rom->name);
		wrong = fw_cfg_add_file(pc->fw_cfg, name, data, (uint32_t)len);
		if (wrong)
			die("-option-rom %s: %s", rom->path, wrong);
	}
}

static void add_words(struct pc *pc)
{
	unsigned int i;

	for (i = 0; i < pc_options.nr_fw_cfg; i++) {
		const struct pc_fw_cfg_word *w = &pc_options.fw_cfg[i];
		const char *wrong;
		uint8_t *data;
		size_t len;

		if (w->string) {
			add_file(pc, w->name, w->string, strlen(w->string));
			continue;
		}
		wrong = firmware_load(w->file, &data, &len);
		if (wrong)
			die("-fw_cfg name=%s: %s", w->name, wrong);
		add_file(pc, w->name, data, len);
	}
}

/* --- CMOS memory --- */

/* The letters of -boot as the BIOS knows them; 0: no more. */
static uint8_t boot_code(const char *order, unsigned int n)
{
	static const char letters[] = "acdn";
	static const uint8_t codes[] = { 1, 2, 3, 4 };

	return n < strlen(order) ? codes[strchr(letters, order[n]) - letters] : 0;
}

void pc_set_cmos(struct pc *pc, bool first)
{
	const char *order = pc_options.boot_order ? pc_options.boot_order : "cad";
	unsigned int a = fdc_drive_type(pc->fdc, 0), b = fdc_drive_type(pc->fdc, 1);

	if (first && pc_options.boot_once)
		order = pc_options.boot_once;
	rtc_set_cell(pc->rtc, CMOS_BOOT_12,
		     (uint8_t)(boot_code(order, 1) << 4 | boot_code(order, 0)));
	/* Bit 0: a floppy need not have the boot signature. */
	rtc_set_cell(pc->rtc, CMOS_BOOT_3, (uint8_t)(boot_code(order, 2) << 4));
	rtc_set_cell(pc->rtc, CMOS_FLOPPIES, (uint8_t)(a << 4 | b));
	rtc_set_cell(pc->rtc, CMOS_EQUIPMENT, EQUIPMENT_FPU | EQUIPMENT_MOUSE |
		     (a || b ? EQUIPMENT_FLOPPY : 0) | (a && b ? EQUIPMENT_2_FLOPPIES : 0));
	rtc_set_cell(pc->rtc, CMOS_CPUS, (uint8_t)(pc->cfg->smp.cpus - 1));
}

static void add_boot(struct pc *pc)
{
	size_t len;
	char *order = pc_boot_order(pc, &len);

	/* With the NUL: OVMF takes none without. */
	if (len)
		add_file(pc, "bootorder", order, len + 1);
	else
		free(order);
	fw_cfg_add_number(pc->fw_cfg, FW_CFG_BOOT_MENU, pc_options.boot_menu, 2);
	if (pc_options.boot_menu_ms >= 0)
		add_number(pc, "etc/boot-menu-wait", (uint64_t)pc_options.boot_menu_ms, 2);
	add_number(pc, "etc/boot-fail-wait", (uint32_t)pc_options.reboot_ms, 4);
}

void pc_fill_fw_cfg(struct pc *pc, const struct boot *boot)
{
	struct device *f = pc->fw_cfg;
	unsigned int cpus = pc->cfg->smp.cpus;

	if (pc->cfg->have_uuid)
		fw_cfg_add(f, FW_CFG_UUID, pc->cfg->uuid, sizeof(pc->cfg->uuid));
	fw_cfg_add_number(f, FW_CFG_RAM_SIZE, pc->vm->ram_size, 8);
	fw_cfg_add_number(f, FW_CFG_NOGRAPHIC, pc_options.vga == VGA_NONE, 2);
	fw_cfg_add_number(f, FW_CFG_NB_CPUS, cpus, 2);
	/* As many as there are APIC ids, for firmware's tables go by these. */
	fw_cfg_add_number(f, FW_CFG_MAX_CPUS, pc->acpi.apic_id(pc->acpi.arg, cpus - 1) + 1, 2);
	fw_cfg_add_number(f, FW_CFG_IRQ0_OVERRIDE, 1, 4);
	add_e820(pc);
	add_boot(pc);
	if (pc->cfg->nographic)
		add_number(pc, "etc/sercon-port", 0x3f8, 2);
	add_tables(pc);
	add_smbios(pc);
	if (pc->cfg->kernel && pc->bios)
		add_kernel(pc, boot);
	add_roms(pc);
	add_words(pc);
}
