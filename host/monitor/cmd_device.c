// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands about devices: those of this machine, where they stand, and those that there could be. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/bus/pci.h"
#include "host/device_option.h"
#include "host/machine/machine.h"
#include "host/monitor/monitor.h"
#include "host/nearest.h"

/* --- info qtree --- */

static void print_props(struct call *c, struct device *dev, int indent)
{
	const struct device_prop *p = dev->cls->props;
	char text[256];

	for (; p < dev->cls->props + dev->cls->nr_props; p++) {
		device_get_words(dev, p, text, sizeof(text));
		if (*text)
			call_print(c, "%*s%s = %s\n", indent, "", p->name, text);
	}
}

static void print_device(struct call *c, struct device *dev, int indent)
{
	char text[1024] = "", *line, *save;
	struct device *child;
	unsigned int i;

	call_print(c, "%*sdev: %s, id \"%s\"\n", indent, "", dev->cls->name, dev->id ? dev->id : "");
	indent += 2;
	if (dev->cls->pci)
		call_print(c, "%*saddr = %02x.%x\n", indent, "", to_pci(dev)->devfn >> 3,
			   to_pci(dev)->devfn & 7);
	print_props(c, dev, indent);
	for (i = 0; i < dev->cls->nr_irqs; i++)
		if (dev->irq[i].gsi >= 0)
			call_print(c, "%*sline %u: GSI %d%s\n", indent, "", i, dev->irq[i].gsi,
				   dev->irq[i].level ? ", up" : "");
	if (dev->cls->describe)
		dev->cls->describe(dev, text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		call_print(c, "%*s%s\n", indent, "", line);
	for (child = bus_devices(machine_bus()); child; child = child->next)
		if (child->parent == dev)
			print_device(c, child, indent);
}

static struct json_object *run_qtree(struct call *c)
{
	struct device *dev;

	call_print(c, "bus: main-system-bus\n");
	for (dev = bus_devices(machine_bus()); dev; dev = dev->next)
		if (!dev->parent && !dev->cls->pci)
			print_device(c, dev, 2);
	call_print(c, "bus: pci.0\n");
	for (dev = bus_devices(machine_bus()); dev; dev = dev->next)
		if (!dev->parent && dev->cls->pci)
			print_device(c, dev, 2);
	return NULL;
}

/* --- info mtree --- */

static struct json_object *run_mtree(struct call *c)
{
	static const char *const titles[BUS_SPACES] = { "I/O ports", "memory" };
	struct bus_piece p;
	unsigned int space, n;

	for (space = 0; space < BUS_SPACES; space++) {
		call_print(c, "%s:\n", titles[space]);
		for (n = 0; bus_piece_at(machine_bus(), space, n, &p); n++) {
			call_print(c, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s%s%s", p.base,
				   p.base + p.len - 1, p.prio,
				   !p.memory ? "i/o" : p.readonly ? "rom" : "ram",
				   p.dev ? p.dev->cls->name : "", p.dev ? " " : "", p.name);
			if (p.off)
				call_print(c, " @%#" PRIx64, p.off);
			call_print(c, "\n");
		}
	}
	return NULL;
}

/* --- info pci --- */

static const struct {
	uint8_t base;
	const char *name;
} pci_classes[] = {
	{ 0x01, "Mass storage controller" }, { 0x02, "Network controller" },
	{ 0x03, "Display controller" }, { 0x04, "Multimedia device" },
	{ 0x05, "Memory controller" }, { 0x06, "Bridge" }, { 0x07, "Communication controller" },
	{ 0x08, "System peripheral" }, { 0x09, "Input device" }, { 0x0c, "Serial bus controller" },
};

static const char *pci_class_name(uint8_t base)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pci_classes); i++)
		if (pci_classes[i].base == base)
			return pci_classes[i].name;
	return "Device";
}

/* As the guest has programmed it. NULL: there is none, or it has no address now. */
static struct json_object *region(struct pci_device *p, unsigned int n)
{
	const struct pci_bar *b = &p->dev.cls->pci->bar[n];
	struct json_object *o;
	uint64_t addr, mask;
	bool io, wide;

	if (b->kind == PCI_BAR_NONE)
		return NULL;
	io = b->kind == PCI_BAR_IO;
	wide = b->kind == PCI_BAR_MEM64 || b->kind == PCI_BAR_MEM64_PREFETCH;
	addr = pci_get32(p->config, PCI_BAR0 + 4 * n);
	mask = pci_get32(p->writable, PCI_BAR0 + 4 * n);
	if (wide) {
		addr |= (uint64_t)pci_get32(p->config, PCI_BAR0 + 4 * n + 4) << 32;
		mask |= (uint64_t)pci_get32(p->writable, PCI_BAR0 + 4 * n + 4) << 32;
	} else {
		mask |= 0xffffffff00000000ull;
	}
	o = json_object_new_object();
	put_int(o, "bar", n);
	put_str(o, "type", io ? "io" : "memory");
	put_u64(o, "address", addr & ~(io ? 3ull : 15ull));
	put_u64(o, "size", ~mask + 1);
	if (!io) {
		put_bool(o, "prefetch", b->kind == PCI_BAR_MEM32_PREFETCH ||
						b->kind == PCI_BAR_MEM64_PREFETCH);
		put_bool(o, "mem_type_64", wide);
	}
	return o;
}

static struct json_object *pci_device_info(struct pci_device *p)
{
	struct json_object *o = json_object_new_object(), *id = json_object_new_object(),
			   *class = json_object_new_object(), *regions = json_object_new_array(), *r;
	unsigned int n;

	put_int(o, "bus", 0);
	put_int(o, "slot", p->devfn >> 3);
	put_int(o, "function", p->devfn & 7);
	put_str(class, "desc", pci_class_name(p->config[PCI_CLASS + 2]));
	put_int(class, "class", pci_get16(p->config, PCI_CLASS + 1));
	json_object_object_add(o, "class_info", class);
	put_int(id, "device", pci_get16(p->config, PCI_DEVICE));
	put_int(id, "vendor", pci_get16(p->config, PCI_VENDOR));
	put_int(id, "subsystem", pci_get16(p->config, PCI_SUBSYSTEM));
	put_int(id, "subsystem-vendor", pci_get16(p->config, PCI_SUBSYSTEM_VENDOR));
	json_object_object_add(o, "id", id);
	put_int(o, "irq_pin", p->config[PCI_INTERRUPT_PIN]);
	if (p->config[PCI_INTERRUPT_PIN])
		put_int(o, "irq", p->config[PCI_INTERRUPT_LINE]);
	put_str(o, "qdev_id", p->dev.id ? p->dev.id : "");
	for (n = 0; n < PCI_BARS; n++) {
		r = region(p, n);
		if (r)
			json_object_array_add(regions, r);
	}
	json_object_object_add(o, "regions", regions);
	return o;
}

static struct json_object *run_pci(struct call *c)
{
	struct json_object *list = json_object_new_array(), *bus = json_object_new_object(),
			   *devices = json_object_new_array();
	struct device *dev, *next;
	int at = -1;

	(void)c;
	/* By slot and function. */
	for (;;) {
		for (next = NULL, dev = bus_devices(machine_bus()); dev; dev = dev->next)
			if (dev->cls->pci && to_pci(dev)->devfn > at &&
			    (!next || to_pci(dev)->devfn < to_pci(next)->devfn))
				next = dev;
		if (!next)
			break;
		json_object_array_add(devices, pci_device_info(to_pci(next)));
		at = to_pci(next)->devfn;
	}
	put_int(bus, "bus", 0);
	json_object_object_add(bus, "devices", devices);
	json_object_array_add(list, bus);
	return list;
}

static void print_pci_device(struct call *c, struct json_object *o)
{
	struct json_object *id = get_obj(o, "id"), *class = get_obj(o, "class_info"),
			   *regions = get_obj(o, "regions");
	size_t i;

	call_print(c, "  Bus  0, device %3lld, function %lld:\n", (long long)get_int(o, "slot"),
		   (long long)get_int(o, "function"));
	call_print(c, "    %s: PCI device %04llx:%04llx\n", get_str(class, "desc"),
		   (long long)get_int(id, "vendor"), (long long)get_int(id, "device"));
	if (get_int(o, "irq_pin"))
		call_print(c, "      IRQ %lld, pin %c\n", (long long)get_int(o, "irq"),
			   (char)('A' + get_int(o, "irq_pin") - 1));
	for (i = 0; i < json_object_array_length(regions); i++) {
		struct json_object *r = json_object_array_get_idx(regions, i);

		call_print(c, "      BAR%lld: %s%s%s at %#llx, %#llx bytes\n",
			   (long long)get_int(r, "bar"), get_bool(r, "mem_type_64") ? "64 bit " : "",
			   get_bool(r, "prefetch") ? "prefetchable " : "",
			   strcmp(get_str(r, "type"), "io") ? "memory" : "I/O",
			   (long long)get_int(r, "address"), (long long)get_int(r, "size"));
	}
	call_print(c, "      id \"%s\"\n", get_str(o, "qdev_id"));
}

static void print_pci(struct call *c, struct json_object *ret)
{
	struct json_object *devices = get_obj(json_object_array_get_idx(ret, 0), "devices");
	size_t i;

	for (i = 0; i < json_object_array_length(devices); i++)
		print_pci_device(c, json_object_array_get_idx(devices, i));
}

/* --- info roms: what the guest finds that it cannot write --- */

static struct json_object *run_roms(struct call *c)
{
	struct device *dev;
	struct bus_piece p;
	unsigned int n;

	for (n = 0; bus_piece_at(machine_bus(), BUS_MMIO, n, &p); n++)
		if (p.memory && p.readonly)
			call_print(c, "addr=%016" PRIx64 " size=0x%06" PRIx64 " mem=rom name=\"%s\"\n",
				   p.base, p.len, p.name);
	for (dev = bus_devices(machine_bus()); dev; dev = dev->next)
		if (dev->cls->pci && to_pci(dev)->rom)
			call_print(c, "pci %02x.%x size=0x%06x name=\"%s\"\n", to_pci(dev)->devfn >> 3,
				   to_pci(dev)->devfn & 7, to_pci(dev)->rom_len,
				   to_pci(dev)->romfile ? to_pci(dev)->romfile : dev->cls->pci->rom);
	return NULL;
}

/* --- what there could be --- */

static struct json_object *run_types(struct call *c)
{
	struct json_object *list = json_object_new_array(), *o;
	const char *parent = call_str(c, "implements");
	const struct device_class *const *cls;

	if (parent && strcmp(parent, "device"))
		return list;
	for (cls = device_classes(); *cls; cls++) {
		o = json_object_new_object();
		put_str(o, "name", (*cls)->name);
		put_bool(o, "abstract", false);
		put_str(o, "parent", "device");
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *run_properties(struct call *c)
{
	const struct device_class *cls = device_class_find(call_str(c, "typename"));
	struct json_object *list, *o;
	const struct device_prop *p;
	char values[128];

	if (!cls)
		return call_fail(c, DEVICE_NOT_FOUND, "Device '%s' not found; qom-list-types lists all",
				 call_str(c, "typename"));
	list = json_object_new_array();
	for (p = cls->props; p < cls->props + cls->nr_props; p++) {
		if (!p->help)
			continue;
		o = json_object_new_object();
		device_prop_values(p, values, sizeof(values));
		put_str(o, "name", p->name);
		put_str(o, "type", values);
		put_str(o, "description", p->help);
		if (p->initial)
			put_str(o, "default-value", p->initial);
		json_object_array_add(list, o);
	}
	return list;
}

static const struct field class_ret[] = {
	{ "desc", KIND_STR, "" }, { "class", KIND_INT, "" }, { 0 }
};

static const struct field id_ret[] = {
	{ "device", KIND_INT, "" }, { "vendor", KIND_INT, "" }, { "subsystem", KIND_INT, "" },
	{ "subsystem-vendor", KIND_INT, "" }, { 0 }
};

static const struct field region_ret[] = {
	{ "bar", KIND_INT, "" }, { "type", KIND_STR, "io or memory" }, { "address", KIND_INT, "" },
	{ "size", KIND_INT, "" }, { "prefetch", KIND_BOOL, "", .optional = true },
	{ "mem_type_64", KIND_BOOL, "", .optional = true }, { 0 }
};

static const struct field pci_dev_ret[] = {
	{ "bus", KIND_INT, "" }, { "slot", KIND_INT, "" }, { "function", KIND_INT, "" },
	{ "class_info", KIND_OBJECT, "", .of = class_ret }, { "id", KIND_OBJECT, "", .of = id_ret },
	{ "irq_pin", KIND_INT, "" }, { "irq", KIND_INT, "", .optional = true },
	{ "qdev_id", KIND_STR, "" },
	{ "regions", KIND_OBJECT, "", .array = true, .of = region_ret }, { 0 }
};

static const struct field pci_ret[] = {
	{ "bus", KIND_INT, "" }, { "devices", KIND_OBJECT, "", .array = true, .of = pci_dev_ret }, { 0 }
};

static const struct field types_args[] = {
	{ "implements", KIND_STR, "only what is such: there is 'device'", .optional = true },
	{ "abstract", KIND_BOOL, "there are none that are", .optional = true }, { 0 }
};

static const struct field types_ret[] = {
	{ "name", KIND_STR, "" }, { "abstract", KIND_BOOL, "" }, { "parent", KIND_STR, "" }, { 0 }
};

static const struct field properties_args[] = {
	{ "typename", KIND_STR, "a device's name" }, { 0 }
};

static const struct field properties_ret[] = {
	{ "name", KIND_STR, "" }, { "type", KIND_STR, "what may be written" },
	{ "description", KIND_STR, "" }, { "default-value", KIND_STR, "", .optional = true }, { 0 }
};

static const struct command device_commands[] = {
	{ .hmp = "info qtree", .help = "the devices and their properties", .run = run_qtree },
	{ .hmp = "info mtree", .help = "ports and memory, as the guest finds them", .run = run_mtree },
	{ .hmp = "info pci", .qmp = "query-pci", .help = "the devices on PCI", .returns = pci_ret,
	  .returns_array = true, .run = run_pci, .print = print_pci },
	{ .hmp = "info roms", .help = "memory that the guest cannot write, and option ROMs",
	  .run = run_roms },
	{ .qmp = "qom-list-types", .help = "kinds of devices", .args = types_args,
	  .returns = types_ret, .returns_array = true, .run = run_types },
	{ .qmp = "device-list-properties", .help = "a device's properties", .args = properties_args,
	  .returns = properties_ret, .returns_array = true, .run = run_properties },
};
COMMANDS_REGISTER(device_commands);
