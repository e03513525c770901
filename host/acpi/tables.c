// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * RSDP, RSDT, XSDT, FADT, FACS, MADT and DSDT (ACPI 6.4, chapter 5): enough for a kernel to find its
 * CPUs, its interrupt wiring, the serial ports and the clock, and to turn the power off and reset.
 */
#include <string.h>

#include "host/acpi/aml.h"
#include "host/acpi/tables.h"

#define FADT_REVISION 6
#define MADT_REVISION 4

/* FADT flags (table 5.10). */
#define FADT_WBINVD		(1u << 0)
#define FADT_PROC_C1		(1u << 2)
#define FADT_SLP_BUTTON		(1u << 5)	/* no fixed sleep button */
#define FADT_FIX_RTC		(1u << 6)	/* no RTC wake in fixed registers */
#define FADT_TMR_VAL_EXT	(1u << 8)	/* the timer has 32 bits */
#define FADT_RESET_REG_SUP	(1u << 10)

/* IA-PC boot architecture flags: a serial port and CMOS, but no 8042 with a keyboard and no VGA. */
#define BOOT_ARCH_LEGACY	(1u << 0)
#define BOOT_ARCH_NO_VGA	(1u << 2)

enum madt_type { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4 };
#define MADT_PCAT_COMPAT 1
#define MPS_ACTIVE_HIGH_LEVEL 0xd

enum gas_space { GAS_IO = 1 };
enum gas_width { GAS_BYTE = 1, GAS_WORD = 2, GAS_DWORD = 3 };

static void gas(struct acpi_buf *b, uint64_t port, uint8_t bits, enum gas_width width)
{
	acpi_u8(b, GAS_IO);
	acpi_u8(b, bits);
	acpi_u8(b, 0);
	acpi_u8(b, (uint8_t)width);
	acpi_u64(b, port);
}

static void no_gas(struct acpi_buf *b)
{
	static const uint8_t none[12];

	acpi_bytes(b, none, sizeof(none));
}

static void zeros(struct acpi_buf *b, size_t n)
{
	while (n--)
		acpi_u8(b, 0);
}

static void align(struct acpi_buf *b, size_t to)
{
	while (b->len & (to - 1) && !b->overflow)
		acpi_u8(b, 0);
}

/* --- DSDT --- */

static void dsdt_cpu(struct acpi_buf *b, unsigned int index)
{
	static const char hex[] = "0123456789ABCDEF";
	const char name[5] = { 'C', hex[index >> 8 & 15], hex[index >> 4 & 15], hex[index & 15], 0 };
	size_t dev = aml_device(b, name);

	aml_name(b, "_HID");
	aml_string(b, "ACPI0007");
	aml_name(b, "_UID");
	aml_int(b, index);
	aml_end(b, dev);
}

static void dsdt_device(struct acpi_buf *b, const struct acpi_device *d)
{
	size_t dev = aml_device(b, d->name), res;

	aml_name(b, "_HID");
	aml_eisaid(b, d->hid);
	aml_name(b, "_UID");
	aml_int(b, d->uid);
	aml_name(b, "_STA");
	aml_int(b, 0xf);
	aml_name(b, "_CRS");
	res = aml_resources(b);
	aml_res_io(b, d->port, d->port_len);
	aml_res_irq(b, d->irq);
	aml_resources_end(b, res);
	aml_end(b, dev);
}

static void build_dsdt(struct acpi_buf *b, const struct acpi_machine *m)
{
	size_t start = acpi_table_begin(b, "DSDT", 2), scope, package;
	unsigned int i;

	scope = aml_scope(b, "\\_SB");
	for (i = 0; i < m->cpus; i++)
		dsdt_cpu(b, i);
	for (i = 0; i < m->nr_devices; i++)
		dsdt_device(b, &m->devices[i]);
	aml_end(b, scope);
	/* \_S5: what to write to PM1a_CNT and PM1b_CNT to turn the power off. */
	aml_name(b, "\\_S5");
	package = aml_package(b, 4);
	aml_int(b, m->s5_type);
	aml_int(b, m->s5_type);
	aml_int(b, 0);
	aml_int(b, 0);
	aml_end(b, package);
	acpi_table_end(b, start);
}

/* --- FADT, FACS --- */

static void build_facs(struct acpi_buf *b)
{
	acpi_bytes(b, "FACS", 4);
	acpi_u32(b, 64);
	zeros(b, 24);
	acpi_u8(b, 2);			/* version */
	zeros(b, 31);
}

static void build_fadt(struct acpi_buf *b, const struct acpi_machine *m, uint32_t facs, uint32_t dsdt)
{
	size_t start = acpi_table_begin(b, "FACP", FADT_REVISION);

	acpi_u32(b, facs);
	acpi_u32(b, dsdt);
	zeros(b, 1);
	acpi_u8(b, 0);			/* preferred profile: not said */
	acpi_u16(b, m->sci);
	acpi_u32(b, 0);			/* SMI_CMD: none, ACPI mode is always on */
	zeros(b, 4);			/* ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT */
	acpi_u32(b, m->pm_event);	/* PM1a_EVT */
	acpi_u32(b, 0);
	acpi_u32(b, m->pm_control);	/* PM1a_CNT */
	acpi_u32(b, 0);
	acpi_u32(b, 0);			/* PM2_CNT */
	acpi_u32(b, m->pm_timer);
	acpi_u32(b, 0);			/* GPE0 */
	acpi_u32(b, 0);			/* GPE1 */
	acpi_u8(b, 4);			/* PM1_EVT_LEN */
	acpi_u8(b, 2);			/* PM1_CNT_LEN */
	acpi_u8(b, 0);
	acpi_u8(b, 4);			/* PM_TMR_LEN */
	zeros(b, 4);			/* GPE0_LEN, GPE1_LEN, GPE1_BASE, CST_CNT */
	acpi_u16(b, 0xfff);		/* P_LVL2_LAT, P_LVL3_LAT: not supported */
	acpi_u16(b, 0xfff);
	zeros(b, 4);			/* FLUSH_SIZE, FLUSH_STRIDE */
	zeros(b, 2);			/* DUTY_OFFSET, DUTY_WIDTH */
	zeros(b, 2);			/* DAY_ALRM, MON_ALRM */
	acpi_u8(b, 0x32);		/* CENTURY */
	acpi_u16(b, BOOT_ARCH_LEGACY | BOOT_ARCH_NO_VGA);
	acpi_u8(b, 0);
	acpi_u32(b, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
		 FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP);
	gas(b, m->reset_port, 8, GAS_BYTE);
	acpi_u8(b, m->reset_value);
	acpi_u16(b, 0);			/* ARM_BOOT_ARCH */
	acpi_u8(b, 4);			/* minor version */
	acpi_u64(b, 0);			/* X_FIRMWARE_CTRL: the 32-bit field has it */
	acpi_u64(b, dsdt);
	gas(b, m->pm_event, 32, GAS_WORD);
	no_gas(b);
	gas(b, m->pm_control, 16, GAS_WORD);
	no_gas(b);
	no_gas(b);
	gas(b, m->pm_timer, 32, GAS_DWORD);
	no_gas(b);			/* GPE0, GPE1, sleep control, sleep status */
	no_gas(b);
	no_gas(b);
	no_gas(b);
	zeros(b, 8);			/* hypervisor vendor identity */
	acpi_table_end(b, start);
}

/* --- MADT --- */

static void madt_override(struct acpi_buf *b, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	acpi_u8(b, MADT_OVERRIDE);
	acpi_u8(b, 10);
	acpi_u8(b, 0);			/* ISA */
	acpi_u8(b, irq);
	acpi_u32(b, gsi);
	acpi_u16(b, flags);
}

static void build_madt(struct acpi_buf *b, const struct acpi_machine *m)
{
	size_t start = acpi_table_begin(b, "APIC", MADT_REVISION);
	unsigned int i;

	acpi_u32(b, (uint32_t)m->lapic);
	acpi_u32(b, MADT_PCAT_COMPAT);
	for (i = 0; i < m->cpus; i++) {
		acpi_u8(b, MADT_LAPIC);
		acpi_u8(b, 8);
		acpi_u8(b, (uint8_t)i);
		acpi_u8(b, (uint8_t)m->apic_id(m->arg, i));
		acpi_u32(b, 1);		/* enabled */
	}
	acpi_u8(b, MADT_IOAPIC);
	acpi_u8(b, 12);
	acpi_u8(b, 0);			/* id */
	acpi_u8(b, 0);
	acpi_u32(b, (uint32_t)m->ioapic);
	acpi_u32(b, 0);			/* first GSI */
	madt_override(b, 0, 2, 0);	/* the timer */
	madt_override(b, m->sci, m->sci, MPS_ACTIVE_HIGH_LEVEL);
	acpi_u8(b, MADT_LAPIC_NMI);
	acpi_u8(b, 6);
	acpi_u8(b, 0xff);		/* all CPUs */
	acpi_u16(b, 0);
	acpi_u8(b, 1);			/* LINT1 */
	acpi_table_end(b, start);
}

/* --- roots --- */

static void build_sdt(struct acpi_buf *b, const char *signature, const uint32_t *tables,
		      unsigned int n, unsigned int bytes)
{
	size_t start = acpi_table_begin(b, signature, 1);
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (bytes == 8)
			acpi_u64(b, tables[i]);
		else
			acpi_u32(b, tables[i]);
	}
	acpi_table_end(b, start);
}

static void build_rsdp(struct acpi_buf *b, uint32_t rsdt, uint64_t xsdt)
{
	size_t start = b->len;

	acpi_bytes(b, "RSD PTR ", 8);
	acpi_u8(b, 0);			/* checksum of the first 20 bytes */
	acpi_bytes(b, "ANYKVM", 6);
	acpi_u8(b, 2);
	acpi_u32(b, rsdt);
	acpi_u32(b, 36);
	acpi_u64(b, xsdt);
	acpi_u32(b, 0);			/* checksum of all, reserved */
	if (b->overflow)
		return;
	b->data[start + 8] = acpi_checksum(b->data + start, 20);
	b->data[start + 32] = acpi_checksum(b->data + start, 36);
}

size_t acpi_build(const struct acpi_machine *m, uint64_t gpa, uint8_t *buf, size_t size)
{
	struct acpi_buf b = { .data = buf, .size = size };
	uint32_t facs, dsdt, tables[2], rsdt, xsdt;
	size_t end;

	memset(buf, 0, size);
	b.len = 64;			/* the RSDP goes there when all addresses are known */
	facs = (uint32_t)(gpa + b.len);
	build_facs(&b);
	dsdt = (uint32_t)(gpa + b.len);
	build_dsdt(&b, m);
	align(&b, 16);
	tables[0] = (uint32_t)(gpa + b.len);
	build_fadt(&b, m, facs, dsdt);
	align(&b, 16);
	tables[1] = (uint32_t)(gpa + b.len);
	build_madt(&b, m);
	align(&b, 16);
	rsdt = (uint32_t)(gpa + b.len);
	build_sdt(&b, "RSDT", tables, 2, 4);
	align(&b, 16);
	xsdt = (uint32_t)(gpa + b.len);
	build_sdt(&b, "XSDT", tables, 2, 8);
	end = b.len;
	b.len = 0;
	build_rsdp(&b, rsdt, xsdt);
	return acpi_ok(&b) ? end : 0;
}
