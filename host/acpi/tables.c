// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * RSDP, RSDT, XSDT, FADT, FACS, MADT, HPET and WAET (ACPI 6.4, chapter 5). The DSDT is in dsdt.c.
 */
#include <stdlib.h>
#include <string.h>

#include "host/acpi/tables.h"
#include "host/report.h"

#define FADT_REVISION 6
#define MADT_REVISION 4

/* FADT flags (table 5.10). */
#define FADT_WBINVD		(1u << 0)
#define FADT_PROC_C1		(1u << 2)
#define FADT_SLP_BUTTON		(1u << 5)	/* no fixed sleep button */
#define FADT_FIX_RTC		(1u << 6)	/* no RTC wake in fixed registers */
#define FADT_RESET_REG_SUP	(1u << 10)

/* IA-PC boot architecture flags (table 5.11). */
#define BOOT_ARCH_LEGACY	(1u << 0)
#define BOOT_ARCH_8042		(1u << 1)
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

/* --- what depends on an address --- */

static uint32_t here(const struct acpi_tables *t)
{
	return (uint32_t)t->buf[ACPI_FILE_TABLES].len;
}

static void pointer(struct acpi_tables *t, enum acpi_file file, uint64_t to, unsigned int bytes)
{
	struct acpi_buf *b = &t->buf[file];

	t->pointer[t->nr_pointers++] = (struct acpi_pointer){ file, (uint32_t)b->len,
							      (uint8_t)bytes };
	acpi_bytes(b, &to, bytes);
}

static void sum(struct acpi_tables *t, enum acpi_file file, size_t at, size_t off, size_t len)
{
	t->sum[t->nr_sums++] = (struct acpi_sum){ file, (uint32_t)at, (uint32_t)off, (uint32_t)len };
}

/* A table of the tables' file: where it begins, and its end with a checksum to be made. */
static uint32_t begin(struct acpi_tables *t, const char *signature, uint8_t revision)
{
	align(&t->buf[ACPI_FILE_TABLES], 16);
	return (uint32_t)acpi_table_begin(&t->buf[ACPI_FILE_TABLES], signature, revision);
}

static void end(struct acpi_tables *t, uint32_t start)
{
	struct acpi_buf *b = &t->buf[ACPI_FILE_TABLES];

	acpi_table_end(b, start);
	/* To be made once there are addresses; OVMF adds what stands there to the sum. */
	if (acpi_ok(b))
		b->data[start + 9] = 0;
	sum(t, ACPI_FILE_TABLES, start + 9, start, here(t) - start);
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

static uint32_t build_fadt(struct acpi_tables *t, const struct acpi_machine *m, uint32_t facs,
			   uint32_t dsdt)
{
	struct acpi_buf *b = &t->buf[ACPI_FILE_TABLES];
	uint32_t start = begin(t, "FACP", FADT_REVISION);

	pointer(t, ACPI_FILE_TABLES, facs, 4);
	pointer(t, ACPI_FILE_TABLES, dsdt, 4);
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
	acpi_u32(b, m->pm_gpe0);
	acpi_u32(b, 0);			/* GPE1 */
	acpi_u8(b, 4);			/* PM1_EVT_LEN */
	acpi_u8(b, 2);			/* PM1_CNT_LEN */
	acpi_u8(b, 0);
	acpi_u8(b, 4);			/* PM_TMR_LEN */
	acpi_u8(b, 4);			/* GPE0_LEN */
	zeros(b, 3);			/* GPE1_LEN, GPE1_BASE, CST_CNT */
	acpi_u16(b, 0xfff);		/* P_LVL2_LAT, P_LVL3_LAT: not supported */
	acpi_u16(b, 0xfff);
	zeros(b, 4);			/* FLUSH_SIZE, FLUSH_STRIDE */
	zeros(b, 2);			/* DUTY_OFFSET, DUTY_WIDTH */
	zeros(b, 2);			/* DAY_ALRM, MON_ALRM */
	acpi_u8(b, 0x32);		/* CENTURY */
	acpi_u16(b, (uint16_t)(BOOT_ARCH_LEGACY | (m->i8042 ? BOOT_ARCH_8042 : 0) |
			       (m->vga ? 0 : BOOT_ARCH_NO_VGA)));
	acpi_u8(b, 0);
	acpi_u32(b, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
		 FADT_RESET_REG_SUP);
	gas(b, m->reset_port, 8, GAS_BYTE);
	acpi_u8(b, m->reset_value);
	acpi_u16(b, 0);			/* ARM_BOOT_ARCH */
	acpi_u8(b, 4);			/* minor version */
	acpi_u64(b, 0);			/* X_FIRMWARE_CTRL: the 32-bit field has it */
	pointer(t, ACPI_FILE_TABLES, dsdt, 8);
	gas(b, m->pm_event, 32, GAS_WORD);
	no_gas(b);
	gas(b, m->pm_control, 16, GAS_WORD);
	no_gas(b);
	no_gas(b);
	gas(b, m->pm_timer, 32, GAS_DWORD);
	gas(b, m->pm_gpe0, 32, GAS_BYTE);
	no_gas(b);			/* GPE1, sleep control, sleep status */
	no_gas(b);
	no_gas(b);
	zeros(b, 8);			/* hypervisor vendor identity */
	end(t, start);
	return start;
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

/* The PCI links' interrupts keep the ISA bus's numbers, and PCI's manner. */
static const uint8_t pci_irqs[] = { 5, 10, 11 };

static uint32_t build_madt(struct acpi_tables *t, const struct acpi_machine *m)
{
	struct acpi_buf *b = &t->buf[ACPI_FILE_TABLES];
	uint32_t start = begin(t, "APIC", MADT_REVISION);
	unsigned int i;

	acpi_u32(b, m->lapic);
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
	acpi_u32(b, m->ioapic);
	acpi_u32(b, 0);			/* first GSI */
	madt_override(b, 0, 2, 0);	/* the timer */
	madt_override(b, m->sci, m->sci, MPS_ACTIVE_HIGH_LEVEL);
	for (i = 0; i < sizeof(pci_irqs); i++)
		madt_override(b, pci_irqs[i], pci_irqs[i], MPS_ACTIVE_HIGH_LEVEL);
	acpi_u8(b, MADT_LAPIC_NMI);
	acpi_u8(b, 6);
	acpi_u8(b, 0xff);		/* all CPUs */
	acpi_u16(b, 0);
	acpi_u8(b, 1);			/* LINT1 */
	end(t, start);
	return start;
}

/* --- small ones --- */

static uint32_t build_hpet(struct acpi_tables *t, const struct acpi_machine *m)
{
	struct acpi_buf *b = &t->buf[ACPI_FILE_TABLES];
	uint32_t start = begin(t, "HPET", 1);

	acpi_u32(b, m->hpet_id);
	acpi_u8(b, 0);			/* in memory */
	acpi_u8(b, 64);
	acpi_u8(b, 0);
	acpi_u8(b, 0);
	acpi_u64(b, m->hpet);
	acpi_u8(b, 0);			/* its number */
	acpi_u16(b, 0);			/* shortest period: not said */
	acpi_u8(b, 0);
	end(t, start);
	return start;
}

/* Windows ACPI Emulated Devices Table: the timer need not be read three times. */
static uint32_t build_waet(struct acpi_tables *t)
{
	uint32_t start = begin(t, "WAET", 1);

	acpi_u32(&t->buf[ACPI_FILE_TABLES], 1u << 1);
	end(t, start);
	return start;
}

/* --- roots --- */

static uint32_t build_sdt(struct acpi_tables *t, const char *signature, const uint32_t *tables,
			  unsigned int n, unsigned int bytes)
{
	uint32_t start = begin(t, signature, 1);
	unsigned int i;

	for (i = 0; i < n; i++)
		pointer(t, ACPI_FILE_TABLES, tables[i], bytes);
	end(t, start);
	return start;
}

static void build_rsdp(struct acpi_tables *t, uint32_t rsdt, uint32_t xsdt)
{
	struct acpi_buf *b = &t->buf[ACPI_FILE_RSDP];

	acpi_bytes(b, "RSD PTR ", 8);
	acpi_u8(b, 0);			/* checksum of the first 20 bytes */
	acpi_bytes(b, "ANYKVM", 6);
	acpi_u8(b, 2);
	pointer(t, ACPI_FILE_RSDP, rsdt, 4);
	acpi_u32(b, ACPI_RSDP_LEN);
	pointer(t, ACPI_FILE_RSDP, xsdt, 8);
	acpi_u32(b, 0);			/* checksum of all, reserved */
	sum(t, ACPI_FILE_RSDP, 8, 0, 20);
	sum(t, ACPI_FILE_RSDP, 32, 0, ACPI_RSDP_LEN);
}

static bool build(struct acpi_tables *t, const struct acpi_machine *m)
{
	struct acpi_buf *b = &t->buf[ACPI_FILE_TABLES];
	uint32_t facs, dsdt, tables[4], rsdt;
	unsigned int n = 0;

	t->nr_pointers = t->nr_sums = 0;
	b->len = t->buf[ACPI_FILE_RSDP].len = 0;
	b->overflow = false;
	facs = here(t);
	build_facs(b);
	dsdt = begin(t, "DSDT", 2);
	acpi_dsdt(b, m);
	end(t, dsdt);
	tables[n++] = build_fadt(t, m, facs, dsdt);
	tables[n++] = build_madt(t, m);
	if (m->hpet)
		tables[n++] = build_hpet(t, m);
	tables[n++] = build_waet(t);
	rsdt = build_sdt(t, "RSDT", tables, n, 4);
	build_rsdp(t, rsdt, build_sdt(t, "XSDT", tables, n, 8));
	return acpi_ok(b);
}

void acpi_build(struct acpi_tables *t, const struct acpi_machine *m)
{
	struct acpi_buf *b = &t->buf[ACPI_FILE_TABLES], *rsdp = &t->buf[ACPI_FILE_RSDP];

	if (!b->data) {
		b->size = 32 << 10;
		rsdp->size = ACPI_RSDP_LEN;
		b->data = malloc(b->size);
		rsdp->data = malloc(rsdp->size);
	}
	while (b->data && rsdp->data && !build(t, m)) {
		b->size *= 2;
		b->data = realloc(b->data, b->size);
	}
	if (!b->data || !rsdp->data)
		die("out of memory for the ACPI tables");
}
