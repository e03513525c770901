// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -device NAME[,PROPERTY=VALUE...][,id=ID][,bus=BUS][,addr=SLOT[.FUNCTION]] and -global.
 *
 * All that is known of a device comes from its class: so do the lists that -device help prints, and
 * the refusals. Names of devices and properties are checked while the command line is read; values,
 * which may name disks and back ends, when the device is made.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/device_option.h"
#include "host/keyval.h"
#include "host/nearest.h"
#include "host/options.h"
#include "host/report.h"

#define MAX_NAMES 256

struct user_device {
	const char *text;
	const struct device_class *cls;
	struct user_device *next;
};

static struct user_device *wanted, **last_wanted = &wanted;

/* --- kinds, for lists --- */

#define NO_PCI_CLASS (-1)

/* What a device is for: by its PCI base class, or by the back end that it takes. */
static const struct category {
	const char *title;
	int pci_class;
	enum device_prop_type back_end;
} categories[] = {
	{ "Storage", 0x01, PROP_BLOCK },
	{ "Network", 0x02, PROP_NETDEV },
	{ "Display", 0x03, PROP_TYPES },
	{ "Serial and console", 0x07, PROP_CHARDEV },
	{ "Bridges", 0x06, PROP_TYPES },
	{ "Other", NO_PCI_CLASS, PROP_TYPES },
};

static bool takes(const struct device_class *cls, enum device_prop_type type)
{
	unsigned int i;

	for (i = 0; i < cls->nr_props; i++)
		if (cls->props[i].type == type)
			return true;
	return false;
}

const char *device_category(const struct device_class *cls)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(categories) - 1; i++)
		if ((cls->pci && (int)(cls->pci->class >> 16) == categories[i].pci_class) ||
		    takes(cls, categories[i].back_end))
			break;
	return categories[i].title;
}

void device_prop_values(const struct device_prop *p, char *buf, size_t len)
{
	static const char *const words[PROP_TYPES] = {
		[PROP_U64] = "NUMBER", [PROP_SIZE] = "SIZE", [PROP_BOOL] = "on|off",
		[PROP_STRING] = "TEXT", [PROP_MAC] = "XX:XX:XX:XX:XX:XX", [PROP_CHARDEV] = "CHARDEV",
		[PROP_BLOCK] = "DRIVE", [PROP_NETDEV] = "NETDEV", [PROP_INDEX] = "NUMBER",
	};
	unsigned int i, at = 0;

	if (p->type == PROP_ENUM) {
		for (i = 0; p->names[i] && at < len; i++)
			at += (unsigned int)snprintf(buf + at, len - at, "%s%s", i ? "|" : "", p->names[i]);
	} else if (p->type == PROP_U64 && (p->min || p->max)) {
		snprintf(buf, len, "%" PRIu64 "..%" PRIu64, p->min, p->max);
	} else {
		snprintf(buf, len, "%s", words[p->type]);
	}
}

/* --- help --- */

static void list_category(const char *title)
{
	const struct device_class *const *c;
	bool any = false;

	for (c = device_classes(); *c; c++) {
		if (!(*c)->user || strcmp(device_category(*c), title))
			continue;
		if (!any)
			printf("\n%s:\n", title);
		any = true;
		printf("  %-30s %s%s\n", (*c)->name, (*c)->what, (*c)->pci ? " [PCI]" : "");
	}
}

static noreturn void list_devices(void)
{
	unsigned int i;

	printf("Devices for -device NAME; -device NAME,help lists one's properties.\n");
	for (i = 0; i < ARRAY_SIZE(categories); i++)
		list_category(categories[i].title);
	end_process(0);
}

static noreturn void list_properties(const struct device_class *cls)
{
	const struct device_prop *p = cls->props;
	char left[128], values[96];

	printf("%s: %s\n", cls->name, cls->what);
	if (cls->sheet)
		printf("After: %s\n", cls->sheet);
	if (cls->missing)
		printf("Not modelled: %s\n", cls->missing);
	printf("\nProperties:\n  %-32s name of this device for the monitor\n", "id=NAME");
	if (cls->pci)
		printf("  %-32s slot and function on the PCI bus, in hexadecimal\n",
		       "addr=SLOT[.FUNCTION]");
	for (; p < cls->props + cls->nr_props; p++) {
		if (!p->help)
			continue;
		device_prop_values(p, values, sizeof(values));
		snprintf(left, sizeof(left), "%s=%s", p->name, values);
		printf("  %-32s %s", left, p->help);
		if (p->initial && *p->initial)
			printf(" (default %s)", p->initial);
		printf("\n");
	}
	end_process(0);
}

/* docs/devices.md: `make devices-table`. */
static void table_row(const struct device_class *cls)
{
	const struct device_prop *p = cls->props;
	const char *between = "";
	char values[96];
	size_t i;

	printf("| `%s` | %s | %s | ", cls->name, cls->what, cls->sheet ? cls->sheet : "");
	for (; p < cls->props + cls->nr_props; p++) {
		if (!p->help)
			continue;
		device_prop_values(p, values, sizeof(values));
		printf("%s`%s=", between, p->name);
		for (i = 0; values[i]; i++)
			printf(values[i] == '|' ? "\\|" : "%c", values[i]);
		printf("`");
		between = " ";
	}
	printf(" | %s |\n", cls->missing ? cls->missing : "");
}

static void table(const char *title, bool user)
{
	const struct device_class *const *c;
	unsigned int i;

	printf("\n## %s\n\n| device | what | after | properties | not modelled |\n"
	       "| --- | --- | --- | --- | --- |\n", title);
	for (i = 0; i < ARRAY_SIZE(categories); i++)
		for (c = device_classes(); *c; c++)
			if ((*c)->user == user && !strcmp(device_category(*c), categories[i].title))
				table_row(*c);
}

static noreturn void print_table(void)
{
	printf("# Devices\n\n"
	       "Printed by `make devices-table` from what the devices say of themselves; a test holds it "
	       "to that.\n`-device NAME,help` explains the properties.\n");
	table("By -device", true);
	table("On the board", false);
	end_process(0);
}

/* --- -device --- */

static const struct device_class *find_class(const struct keyval *kv, const char *name)
{
	const struct device_class *cls = device_class_find(name), *const *c;
	const char *names[MAX_NAMES];
	unsigned int n = 0;

	if (cls && cls->user)
		return cls;
	if (cls)
		keyval_die(kv, "%s is part of the board; -device cannot add another", name);
	for (c = device_classes(); *c && n < MAX_NAMES; c++)
		if ((*c)->user)
			names[n++] = (*c)->name;
	if (!n)
		keyval_die(kv, "there is no device '%s'", name);
	keyval_die(kv, "there is no device '%s'; did you mean '%s'? (-device help lists all)", name,
		   nearest(name, strlen(name), names, n));
}

static bool is_id(const char *id)
{
	return isalpha((unsigned char)*id) &&
	       id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")] == 0;
}

/* Every name that is written is one of the class's: what is left then is refused. */
static void check_names(struct keyval *kv, const struct device_class *cls)
{
	const struct device_prop *p = cls->props;
	const char *id = keyval_take(kv, "id"), *first;
	const struct user_device *d;

	keyval_take(kv, "bus");
	keyval_take(kv, "addr");
	for (; p < cls->props + cls->nr_props; p++)
		if (p->help)
			keyval_take(kv, p->name);
	if (id && !is_id(id))
		keyval_die(kv, "id=%s: must begin with a letter and have only letters, digits, '-', '.' and '_'",
			   id);
	for (d = wanted; id && d; d = d->next) {
		struct keyval *other = keyval_parse("-device", d->text, "driver");

		first = keyval_take(other, "id");
		if (first && !strcmp(first, id))
			keyval_die(kv, "id=%s: is the name of another device already", id);
		keyval_free(other);
	}
	keyval_end(kv);
}

void device_option_add(const char *val)
{
	const char *name, *left, *ignored;
	struct user_device *d;
	struct keyval *kv;
	unsigned int i;

	val = keyval_flat("-device", val);
	kv = keyval_parse("-device", val, "driver");
	name = keyval_need(kv, "driver");
	if (!strcmp(name, "help") || !strcmp(name, "?"))
		list_devices();
	if (!strcmp(name, "help-table"))
		print_table();
	d = calloc(1, sizeof(*d));
	if (!d)
		die("out of memory");
	d->text = val;
	d->cls = find_class(kv, name);
	for (i = 0; (left = keyval_left(kv, i, &ignored)); i++)
		if (!strcmp(left, "help") || !strcmp(left, "?"))
			list_properties(d->cls);
	check_names(kv, d->cls);
	*last_wanted = d;
	last_wanted = &d->next;
}

static void parse_device(struct config *cfg, const char *val)
{
	(void)cfg;
	device_option_add(val);
}

/* SLOT[.FUNCTION] in hexadecimal, -1 when it is none. */
static int parse_addr(const char *s)
{
	unsigned long slot, fn = 0;
	char *end;

	if (!isxdigit((unsigned char)*s))
		return -1;
	slot = strtoul(s, &end, 16);
	if (*end == '.' && end[1] >= '0' && end[1] <= '7' && !end[2])
		fn = (unsigned long)(end[1] - '0');
	else if (*end)
		return -1;
	return slot < 32 ? (int)(slot << 3 | fn) : -1;
}

static const char *place_on_pci(struct pci_bus *pci, struct device *dev, const char *bus,
				const char *addr)
{
	static char text[128];
	const struct pci_device *first;
	int devfn = -1;

	if (!pci)
		return "is a PCI device, and this machine has no PCI bus";
	if (bus && strcmp(bus, "pci.0") && strcmp(bus, "pci")) {
		snprintf(text, sizeof(text), "bus=%s: there is one PCI bus, pci.0", bus);
		return text;
	}
	if (addr && (devfn = parse_addr(addr)) < 0) {
		snprintf(text, sizeof(text),
			 "addr=%s: must be SLOT or SLOT.FUNCTION in hexadecimal, from 0 to 1f.7", addr);
		return text;
	}
	if (devfn >= 0 && (devfn & 7)) {
		first = pci_at(pci, (unsigned int)devfn & ~7u);
		if (!first || !(first->config[PCI_HEADER_TYPE] & 0x80)) {
			snprintf(text, sizeof(text),
				 "addr=%s: guests look there only when %02x.0 has multifunction=on",
				 addr, (unsigned int)devfn >> 3);
			return text;
		}
	}
	return pci_place(pci, dev, devfn);
}

static const char *place(struct pci_bus *pci, struct device *dev, const char *bus, const char *addr)
{
	static char text[128];

	if (dev->cls->pci)
		return place_on_pci(pci, dev, bus, addr);
	if (addr)
		return "addr= is for PCI devices, and this is none";
	if (dev->cls->attach)
		return dev->cls->attach(dev, bus);
	if (!bus)
		return NULL;
	snprintf(text, sizeof(text), "bus=%s: this device has no choice of bus", bus);
	return text;
}

bool device_option_given(const char *class_name)
{
	const struct user_device *d;

	for (d = wanted; d; d = d->next)
		if (!strcmp(d->cls->name, class_name))
			return true;
	return false;
}

static void create(struct bus *bus, struct pci_bus *pci, const struct user_device *d)
{
	struct keyval *kv = keyval_parse("-device", d->text, "driver");
	struct device *dev = device_create(bus, d->cls->name);
	const char *id, *on, *addr, *key, *val, *wrong = NULL;

	keyval_take(kv, "driver");
	id = keyval_take(kv, "id");
	on = keyval_take(kv, "bus");
	addr = keyval_take(kv, "addr");
	if (id && device_find(bus, id))
		keyval_die(kv, "id=%s: is the name of a device of the board", id);
	dev->id = id ? strdup(id) : NULL;
	while (!wrong && (key = keyval_left(kv, 0, &val))) {
		wrong = device_set_words(dev, key, val);
		keyval_take_next(kv, key);
	}
	if (!wrong)
		wrong = place(pci, dev, on, addr);
	if (!wrong)
		wrong = device_try_realize(dev);
	if (wrong)
		keyval_die(kv, "%s", wrong);
	keyval_free(kv);
}

void user_devices_create(struct bus *bus, struct pci_bus *pci)
{
	const struct user_device *d;

	for (d = wanted; d; d = d->next)
		create(bus, pci, d);
}

/* --- -global --- */

/* DRIVER.PROPERTY=VALUE, or driver=,property=,value=. */
static void parse_global(struct config *cfg, const char *val)
{
	const char *dot = strchr(val, '.'), *eq = strchr(val, '='), *driver, *prop, *value, *wrong;
	struct keyval *kv;
	char *copy;

	(void)cfg;
	if (dot && eq && dot < eq) {
		/* The device's name may have dots no more than a property's. */
		copy = strdup(val);
		if (!copy)
			die("out of memory");
		copy[dot - val] = copy[eq - val] = 0;
		driver = copy;
		prop = copy + (dot - val) + 1;
		value = copy + (eq - val) + 1;
	} else {
		kv = keyval_parse("-global", val, NULL);
		driver = strdup(keyval_need(kv, "driver"));
		prop = strdup(keyval_need(kv, "property"));
		value = keyval_take(kv, "value");
		value = strdup(value ? value : "");
		keyval_end(kv);
	}
	wrong = device_default(driver, prop, value);
	if (wrong)
		die("-global %s: %s", val, wrong);
}

static const struct option device_options[] = {
	{ "device", "NAME[,PROPERTY=VALUE...][,id=ID][,addr=SLOT]",
	  "add a device; -device help lists, -device NAME,help its properties", parse_device },
	{ "global", "NAME.PROPERTY=VALUE", "what a property of all devices of that name is at first",
	  parse_global },
};

static const struct option_group device_group = {
	.title = "Devices",
	.order = ORDER_DEVICE,
	.options = device_options,
	.nr = ARRAY_SIZE(device_options),
};
OPTIONS_REGISTER(device_group);
