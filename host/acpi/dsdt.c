// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The DSDT: processors, the PCI host bridge with what it passes on and how its interrupt pins are
 * wired, the ISA bridge's four interrupt links, the devices on ISA, and how to turn the power off.
 */
#include "host/acpi/tables.h"

#define PCI_SLOTS 32
#define NR_LINKS 4

static const char *const link_name[NR_LINKS] = { "LNKA", "LNKB", "LNKC", "LNKD" };
static const char *const link_register[NR_LINKS] = { "PRQ0", "PRQ1", "PRQ2", "PRQ3" };
static const char *const link_path[NR_LINKS] = {
	"\\_SB.PCI0.ISA.PRQ0", "\\_SB.PCI0.ISA.PRQ1", "\\_SB.PCI0.ISA.PRQ2", "\\_SB.PCI0.ISA.PRQ3",
};

#define LINK_OFF	0x80
#define LINK_IRQ	0x0f
/* The byte of an interrupt template that holds the number. */
#define TEMPLATE_IRQ	5

static void cpu(struct acpi_buf *b, unsigned int index)
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

/* --- interrupt links: PIRQRC, bit 7 off, bits 3:0 the interrupt request --- */

static void link_sta(struct acpi_buf *b, unsigned int n)
{
	size_t method = aml_method(b, "_STA", 0, false), cond = aml_if(b);

	aml_op(b, AML_AND);
	aml_path(b, link_path[n]);
	aml_int(b, LINK_OFF);
	aml_none(b);
	aml_op(b, AML_RETURN);
	aml_int(b, 0x09);		/* there, not working */
	aml_end(b, cond);
	aml_op(b, AML_RETURN);
	aml_int(b, 0x0b);
	aml_end(b, method);
}

static void link_dis(struct acpi_buf *b, unsigned int n)
{
	size_t method = aml_method(b, "_DIS", 0, false);

	aml_op(b, AML_OR);
	aml_path(b, link_path[n]);
	aml_int(b, LINK_OFF);
	aml_path(b, link_path[n]);
	aml_end(b, method);
}

static void link_crs(struct acpi_buf *b, unsigned int n)
{
	static const uint32_t none;
	size_t res, method;

	aml_name(b, "TMPL");
	res = aml_resources(b);
	aml_res_interrupt(b, &none, 1);
	aml_resources_end(b, res);
	method = aml_method(b, "_CRS", 0, true);
	aml_op(b, AML_DWORD_FIELD);
	aml_path(b, "TMPL");
	aml_int(b, TEMPLATE_IRQ);
	aml_path(b, "TIRQ");
	aml_op(b, AML_AND);
	aml_path(b, link_path[n]);
	aml_int(b, LINK_IRQ);
	aml_path(b, "TIRQ");
	aml_op(b, AML_RETURN);
	aml_path(b, "TMPL");
	aml_end(b, method);
}

static void link_srs(struct acpi_buf *b, unsigned int n)
{
	size_t method = aml_method(b, "_SRS", 1, true);

	aml_op(b, AML_DWORD_FIELD);
	aml_op(b, AML_ARG0);
	aml_int(b, TEMPLATE_IRQ);
	aml_path(b, "SIRQ");
	aml_op(b, AML_STORE);
	aml_path(b, "SIRQ");
	aml_path(b, link_path[n]);
	aml_end(b, method);
}

static void link_device(struct acpi_buf *b, unsigned int n)
{
	static const uint32_t possible[] = { 5, 10, 11 };
	size_t dev = aml_device(b, link_name[n]), res;

	aml_name(b, "_HID");
	aml_eisaid(b, "PNP0C0F");
	aml_name(b, "_UID");
	aml_int(b, n + 1);
	aml_name(b, "_PRS");
	res = aml_resources(b);
	aml_res_interrupt(b, possible, sizeof(possible) / sizeof(possible[0]));
	aml_resources_end(b, res);
	link_sta(b, n);
	link_dis(b, n);
	link_crs(b, n);
	link_srs(b, n);
	aml_end(b, dev);
}

/* --- the ISA bridge and what is behind it --- */

static void isa_device(struct acpi_buf *b, const struct acpi_device *d)
{
	size_t dev = aml_device(b, d->name), res;
	unsigned int i;

	aml_name(b, "_HID");
	aml_eisaid(b, d->hid);
	aml_name(b, "_UID");
	aml_int(b, d->uid);
	aml_name(b, "_STA");
	aml_int(b, 0xf);
	aml_name(b, "_CRS");
	res = aml_resources(b);
	for (i = 0; i < sizeof(d->port) / sizeof(d->port[0]); i++)
		if (d->port[i].len)
			aml_res_io(b, d->port[i].base, d->port[i].len);
	if (d->irq)
		aml_res_irq(b, d->irq);
	if (d->dma)
		aml_res_dma(b, d->channel);
	aml_resources_end(b, res);
	aml_end(b, dev);
}

static void isa_bridge(struct acpi_buf *b, const struct acpi_machine *m)
{
	size_t dev = aml_device(b, "ISA"), field;
	unsigned int i;

	aml_name(b, "_ADR");
	aml_int(b, m->isa_devfn >> 3 << 16 | (m->isa_devfn & 7));
	aml_region(b, "PIRQ", AML_PCI_CONFIG, m->pirqrc, NR_LINKS);
	field = aml_field(b, "PIRQ");
	for (i = 0; i < NR_LINKS; i++)
		aml_field_unit(b, link_register[i], 8);
	aml_end(b, field);
	for (i = 0; i < m->nr_devices; i++)
		isa_device(b, &m->devices[i]);
	aml_end(b, dev);
}

/* --- the host bridge --- */

static void pci_crs(struct acpi_buf *b, const struct acpi_machine *m)
{
	size_t res;

	aml_name(b, "_CRS");
	res = aml_resources(b);
	aml_res_range(b, AML_BUS, 0, 0xff);
	aml_res_io(b, 0xcf8, 8);
	aml_res_range(b, AML_IO, 0, 0xcf7);
	aml_res_range(b, AML_IO, 0xd00, 0xffff);
	aml_res_range(b, AML_MEMORY, 0xa0000, 0xbffff);
	aml_res_range(b, AML_MEMORY, m->mmio32, m->mmio32_last);
	if (m->mmio64 < m->mmio64_last)
		aml_res_range(b, AML_MEMORY, m->mmio64, m->mmio64_last);
	aml_resources_end(b, res);
}

/* Pin n of slot s hangs on PIRQ (s + n - 1) mod 4: so slots share the lines evenly. */
static void pci_prt(struct acpi_buf *b)
{
	size_t all, one;
	unsigned int slot, pin;

	aml_name(b, "_PRT");
	all = aml_package(b, PCI_SLOTS * 4);
	for (slot = 0; slot < PCI_SLOTS; slot++)
		for (pin = 0; pin < 4; pin++) {
			one = aml_package(b, 4);
			aml_int(b, slot << 16 | 0xffff);
			aml_int(b, pin);
			aml_path(b, link_name[(slot + pin + 3) % NR_LINKS]);
			aml_int(b, 0);
			aml_end(b, one);
		}
	aml_end(b, all);
}

static void hpet(struct acpi_buf *b, uint32_t base)
{
	size_t dev = aml_device(b, "HPET"), res;

	aml_name(b, "_HID");
	aml_eisaid(b, "PNP0103");
	aml_name(b, "_UID");
	aml_int(b, 0);
	aml_name(b, "_CRS");
	res = aml_resources(b);
	aml_res_memory(b, base, 0x400, false);
	aml_resources_end(b, res);
	aml_end(b, dev);
}

/* Linux and SeaBIOS look for virtio over MMIO by this name. */
static void virtio_mmio(struct acpi_buf *b, const struct acpi_mmio *at, unsigned int n)
{
	static const char hex[] = "0123456789ABCDEF";
	const char name[5] = { 'V', 'R', hex[n >> 4 & 15], hex[n & 15], 0 };
	size_t dev = aml_device(b, name), res;

	aml_name(b, "_HID");
	aml_string(b, "LNRO0005");
	aml_name(b, "_UID");
	aml_int(b, n);
	aml_name(b, "_CCA");
	aml_int(b, 1);
	aml_name(b, "_CRS");
	res = aml_resources(b);
	aml_res_memory(b, at->base, at->len, true);
	aml_res_interrupt(b, &at->gsi, 1);
	aml_resources_end(b, res);
	aml_end(b, dev);
}

void acpi_dsdt(struct acpi_buf *b, const struct acpi_machine *m)
{
	size_t scope, dev, package;
	unsigned int i;

	scope = aml_scope(b, "\\_SB");
	for (i = 0; i < m->cpus; i++)
		cpu(b, i);
	dev = aml_device(b, "PCI0");
	aml_name(b, "_HID");
	aml_eisaid(b, "PNP0A03");
	aml_name(b, "_UID");
	aml_int(b, 0);
	pci_crs(b, m);
	isa_bridge(b, m);
	aml_end(b, dev);
	for (i = 0; i < NR_LINKS; i++)
		link_device(b, i);
	aml_end(b, scope);
	/* After the links that it names. */
	scope = aml_scope(b, "\\_SB.PCI0");
	pci_prt(b);
	aml_end(b, scope);
	if (m->hpet) {
		scope = aml_scope(b, "\\_SB");
		hpet(b, m->hpet);
		aml_end(b, scope);
	}
	scope = aml_scope(b, "\\_SB");
	for (i = 0; i < m->nr_virtio_mmio; i++)
		virtio_mmio(b, &m->virtio_mmio[i], i);
	aml_end(b, scope);
	/* \_S5: what to write to PM1a_CNT and PM1b_CNT to turn the power off. */
	aml_name(b, "\\_S5");
	package = aml_package(b, 4);
	aml_int(b, m->s5_type);
	aml_int(b, m->s5_type);
	aml_int(b, 0);
	aml_int(b, 0);
	aml_end(b, package);
}
