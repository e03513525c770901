// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * SMBIOS 2.8 (DMTF DSP0134): the structures of a small PC, with the words that -smbios gives.
 *
 * A structure is its formatted part, whose bytes name strings by their number, and then the strings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/boot/boot.h"
#include "host/bus/bus.h"
#include "host/keyval.h"
#include "host/machine/smbios.h"
#include "host/report.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* Larger memory is told as several of these. */
#define DIMM_MAX (16 * GIB)

enum type {
	TYPE_BIOS = 0, TYPE_SYSTEM = 1, TYPE_BOARD = 2, TYPE_CHASSIS = 3, TYPE_PROCESSOR = 4,
	TYPE_OEM = 11, TYPE_MEMORY_ARRAY = 16, TYPE_MEMORY = 17, TYPE_MAPPED = 19, TYPE_BOOT = 32,
	TYPE_END = 127,
};

#define HANDLE(type, n) ((type) << 8 | (n))
#define MAX_OEM 8

/* What can be said of each structure, and what is when nobody does. */
static struct word {
	enum type type;
	const char *key, *val;
} words[] = {
	{ TYPE_BIOS, "vendor", "anykvm" }, { TYPE_BIOS, "version", ANYKVM_VERSION },
	{ TYPE_BIOS, "date", "01/01/2026" }, { TYPE_BIOS, "release" },
	{ TYPE_SYSTEM, "manufacturer", "anykvm" },
	{ TYPE_SYSTEM, "product", "PC (i440FX + PIIX)" },
	{ TYPE_SYSTEM, "version", "pc" }, { TYPE_SYSTEM, "serial" },
	{ TYPE_SYSTEM, "sku" }, { TYPE_SYSTEM, "family" },
	{ TYPE_BOARD, "manufacturer" }, { TYPE_BOARD, "product" }, { TYPE_BOARD, "version" },
	{ TYPE_BOARD, "serial" }, { TYPE_BOARD, "asset" }, { TYPE_BOARD, "location" },
	{ TYPE_CHASSIS, "manufacturer", "anykvm" }, { TYPE_CHASSIS, "version", "pc" },
	{ TYPE_CHASSIS, "serial" }, { TYPE_CHASSIS, "asset" }, { TYPE_CHASSIS, "sku" },
	{ TYPE_PROCESSOR, "sock_pfx", "CPU" }, { TYPE_PROCESSOR, "manufacturer", "anykvm" },
	{ TYPE_PROCESSOR, "version", "pc" }, { TYPE_PROCESSOR, "serial" },
	{ TYPE_PROCESSOR, "asset" }, { TYPE_PROCESSOR, "part" },
	{ TYPE_MEMORY, "loc_pfx", "DIMM" }, { TYPE_MEMORY, "bank" },
	{ TYPE_MEMORY, "manufacturer", "anykvm" }, { TYPE_MEMORY, "serial" },
	{ TYPE_MEMORY, "asset" }, { TYPE_MEMORY, "part" },
};

static bool said[TYPE_END];
static const char *oem[MAX_OEM];
static unsigned int nr_oem;

static const char *word(enum type type, const char *key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].type == type && !strcmp(words[i].key, key))
			return words[i].val;
	die("SMBIOS: structure %u has no %s", type, key);
}

/* --- structures --- */

static void put(struct smbios *s, const void *data, size_t len)
{
	if (s->len + len > s->room) {
		s->room = 2 * (s->len + len);
		s->data = realloc(s->data, s->room);
		if (!s->data)
			die("out of memory for SMBIOS");
	}
	memcpy(s->data + s->len, data, len);
	s->len += len;
}

static void number(struct smbios *s, uint64_t val, unsigned int bytes)
{
	uint8_t le[8];

	put_le(le, val, bytes);
	put(s, le, bytes);
}

/* One that is open: where it begins, and its strings so far. */
struct open {
	size_t start;
	const char *string[12];
	unsigned int nr;
};

static struct open begin(struct smbios *s, enum type type, uint16_t handle)
{
	struct open o = { .start = s->len };

	number(s, type, 1);
	number(s, 0, 1);		/* length */
	number(s, handle, 2);
	return o;
}

static void string(struct smbios *s, struct open *o, const char *text)
{
	if (!text || !*text) {
		number(s, 0, 1);
		return;
	}
	o->string[o->nr++] = text;
	number(s, o->nr, 1);
}

static void end(struct smbios *s, const struct open *o)
{
	unsigned int i;

	s->data[o->start + 1] = (uint8_t)(s->len - o->start);
	for (i = 0; i < o->nr; i++)
		put(s, o->string[i], strlen(o->string[i]) + 1);
	number(s, 0, o->nr ? 1 : 2);
	s->structures++;
	if (s->len - o->start > s->longest)
		s->longest = (unsigned int)(s->len - o->start);
}

static void bios(struct smbios *s)
{
	const char *release = word(TYPE_BIOS, "release");
	struct open o = begin(s, TYPE_BIOS, HANDLE(TYPE_BIOS, 0));
	unsigned int major = 0, minor = 0;

	if (release)
		sscanf(release, "%u.%u", &major, &minor);
	string(s, &o, word(TYPE_BIOS, "vendor"));
	string(s, &o, word(TYPE_BIOS, "version"));
	number(s, 0xe800, 2);		/* its segment */
	string(s, &o, word(TYPE_BIOS, "date"));
	number(s, 0, 1);		/* 64 KiB */
	number(s, 1 << 3, 8);		/* characteristics are not said */
	number(s, 0x1400, 2);		/* a virtual machine, with directed content */
	number(s, major, 1);
	number(s, minor, 1);
	number(s, 0xffff, 2);		/* embedded controller: none */
	end(s, &o);
}

/* The first three fields are little-endian here (DSP0134, 7.2.1). */
static void system_uuid(struct smbios *s, const uint8_t *uuid)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	unsigned int i;

	for (i = 0; i < 16; i++)
		put(s, &uuid[order[i]], 1);
}

static void computer(struct smbios *s, const struct config *cfg)
{
	struct open o = begin(s, TYPE_SYSTEM, HANDLE(TYPE_SYSTEM, 0));

	string(s, &o, word(TYPE_SYSTEM, "manufacturer"));
	string(s, &o, word(TYPE_SYSTEM, "product"));
	string(s, &o, word(TYPE_SYSTEM, "version"));
	string(s, &o, word(TYPE_SYSTEM, "serial"));
	system_uuid(s, cfg->uuid);
	number(s, 6, 1);		/* woken by the power switch */
	string(s, &o, word(TYPE_SYSTEM, "sku"));
	string(s, &o, word(TYPE_SYSTEM, "family"));
	end(s, &o);
}

static void board(struct smbios *s)
{
	struct open o = begin(s, TYPE_BOARD, HANDLE(TYPE_BOARD, 0));

	string(s, &o, word(TYPE_BOARD, "manufacturer"));
	string(s, &o, word(TYPE_BOARD, "product"));
	string(s, &o, word(TYPE_BOARD, "version"));
	string(s, &o, word(TYPE_BOARD, "serial"));
	string(s, &o, word(TYPE_BOARD, "asset"));
	number(s, 1, 1);		/* hosts the system */
	string(s, &o, word(TYPE_BOARD, "location"));
	number(s, HANDLE(TYPE_CHASSIS, 0), 2);
	number(s, 0x0a, 1);		/* motherboard */
	number(s, 0, 1);		/* holds nothing that is told */
	end(s, &o);
}

static void chassis(struct smbios *s)
{
	struct open o = begin(s, TYPE_CHASSIS, HANDLE(TYPE_CHASSIS, 0));

	string(s, &o, word(TYPE_CHASSIS, "manufacturer"));
	number(s, 1, 1);		/* kind: other */
	string(s, &o, word(TYPE_CHASSIS, "version"));
	string(s, &o, word(TYPE_CHASSIS, "serial"));
	string(s, &o, word(TYPE_CHASSIS, "asset"));
	number(s, 0x02030303, 4);	/* states: safe; security unknown */
	number(s, 0, 4);
	number(s, 0, 4);		/* height, power cords, elements */
	string(s, &o, word(TYPE_CHASSIS, "sku"));
	end(s, &o);
}

static void processor(struct smbios *s, const struct topology *t, unsigned int n)
{
	struct open o = begin(s, TYPE_PROCESSOR, HANDLE(TYPE_PROCESSOR, n));
	char socket[64];
	unsigned int threads = t->cores * t->threads;

	snprintf(socket, sizeof(socket), "%.50s %u", word(TYPE_PROCESSOR, "sock_pfx"), n);
	string(s, &o, socket);
	number(s, 3, 1);		/* a central processor */
	number(s, 1, 1);		/* family: other */
	string(s, &o, word(TYPE_PROCESSOR, "manufacturer"));
	number(s, 0, 8);		/* id: CPUID says it */
	string(s, &o, word(TYPE_PROCESSOR, "version"));
	number(s, 0, 1);		/* voltage */
	number(s, 0, 2);		/* external clock */
	number(s, 2000, 2);		/* MHz: nominal */
	number(s, 2000, 2);
	number(s, 0x41, 1);		/* there, enabled */
	number(s, 1, 1);		/* socket: other */
	number(s, 0xffff, 2);		/* caches: CPUID says them */
	number(s, 0xffff, 2);
	number(s, 0xffff, 2);
	string(s, &o, word(TYPE_PROCESSOR, "serial"));
	string(s, &o, word(TYPE_PROCESSOR, "asset"));
	string(s, &o, word(TYPE_PROCESSOR, "part"));
	number(s, t->cores, 1);
	number(s, t->cores, 1);
	number(s, threads < 255 ? threads : 255, 1);
	number(s, 2, 2);		/* characteristics: unknown */
	number(s, 1, 2);
	end(s, &o);
}

static void memory_array(struct smbios *s, uint64_t size, unsigned int dimms)
{
	struct open o = begin(s, TYPE_MEMORY_ARRAY, HANDLE(TYPE_MEMORY_ARRAY, 0));
	bool large = size >= 2048 * GIB;

	number(s, 1, 1);		/* where: other */
	number(s, 3, 1);		/* system memory */
	number(s, 6, 1);		/* corrects errors of several bits */
	number(s, large ? 0x80000000u : size >> 10, 4);
	number(s, 0xfffe, 2);		/* no error information */
	number(s, dimms, 2);
	number(s, large ? size : 0, 8);
	end(s, &o);
}

static void memory(struct smbios *s, uint64_t size, unsigned int n)
{
	struct open o = begin(s, TYPE_MEMORY, HANDLE(TYPE_MEMORY, n));
	uint64_t mib = (size + MIB - 1) / MIB;
	char where[64];

	snprintf(where, sizeof(where), "%.50s %u", word(TYPE_MEMORY, "loc_pfx"), n);
	number(s, HANDLE(TYPE_MEMORY_ARRAY, 0), 2);
	number(s, 0xfffe, 2);
	number(s, 0xffff, 2);		/* widths: unknown */
	number(s, 0xffff, 2);
	number(s, mib < 0x7fff ? mib : 0x7fff, 2);
	number(s, 9, 1);		/* DIMM */
	number(s, 0, 1);
	string(s, &o, where);
	string(s, &o, word(TYPE_MEMORY, "bank"));
	number(s, 7, 1);		/* RAM */
	number(s, 2, 2);		/* details: other */
	number(s, 0, 2);		/* speed: unknown */
	string(s, &o, word(TYPE_MEMORY, "manufacturer"));
	string(s, &o, word(TYPE_MEMORY, "serial"));
	string(s, &o, word(TYPE_MEMORY, "asset"));
	string(s, &o, word(TYPE_MEMORY, "part"));
	number(s, 0, 1);
	number(s, mib, 4);
	number(s, 0, 2);
	number(s, 0, 6);		/* voltages */
	end(s, &o);
}

static void mapped(struct smbios *s, uint64_t from, uint64_t len, unsigned int n)
{
	struct open o = begin(s, TYPE_MAPPED, HANDLE(TYPE_MAPPED, n));
	uint64_t last = from + len - 1;
	bool large = last >> 10 >= 0xffffffff;

	if (!len)
		last = from;
	number(s, large ? 0xffffffff : from >> 10, 4);
	number(s, large ? 0xffffffff : last >> 10, 4);
	number(s, HANDLE(TYPE_MEMORY_ARRAY, 0), 2);
	number(s, 1, 1);
	number(s, large ? from : 0, 8);
	number(s, large ? last : 0, 8);
	end(s, &o);
}

static void oem_strings(struct smbios *s)
{
	struct open o = begin(s, TYPE_OEM, HANDLE(TYPE_OEM, 0));

	number(s, nr_oem, 1);
	memcpy(o.string, oem, sizeof(oem));
	o.nr = nr_oem;
	end(s, &o);
}

/* --- all --- */

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t v = 0;

	while (len--)
		v = (uint8_t)(v + *p++);
	return (uint8_t)-v;
}

void smbios_place(struct smbios *s, uint32_t gpa)
{
	uint8_t *a = s->anchor;

	memset(a, 0, SMBIOS_ANCHOR_LEN);
	memcpy(a, "_SM_", 4);
	a[5] = SMBIOS_ANCHOR_LEN;
	a[6] = 2;
	a[7] = 8;
	put_le(a + 8, s->longest, 2);
	memcpy(a + 16, "_DMI_", 5);
	put_le(a + 22, s->len, 2);
	put_le(a + 24, gpa, 4);
	put_le(a + 28, s->structures, 2);
	a[30] = 0x28;
	a[21] = sum(a + 16, 15);
	a[4] = sum(a, SMBIOS_ANCHOR_LEN);
}

void smbios_build(struct smbios *s, const struct config *cfg, bool with_bios)
{
	uint64_t ram = cfg->ram_size, low = ram < LOW_RAM_MAX ? ram : LOW_RAM_MAX;
	unsigned int i, dimms = (unsigned int)((ram + DIMM_MAX - 1) / DIMM_MAX);
	struct open o;

	*s = (struct smbios){ .len = 0 };
	if (with_bios || said[TYPE_BIOS])
		bios(s);
	computer(s, cfg);
	if (said[TYPE_BOARD])
		board(s);
	chassis(s);
	for (i = 0; i < cfg->smp.sockets; i++)
		processor(s, &cfg->smp, i);
	if (nr_oem)
		oem_strings(s);
	memory_array(s, ram, dimms);
	for (i = 0; i < dimms; i++)
		memory(s, i + 1 < dimms ? DIMM_MAX : ram - i * DIMM_MAX, i);
	mapped(s, 0, low, 0);
	if (ram > low)
		mapped(s, HIGH_RAM_BASE, ram - low, 1);
	o = begin(s, TYPE_BOOT, HANDLE(TYPE_BOOT, 0));
	number(s, 0, 6);
	number(s, 0, 1);		/* no errors detected */
	end(s, &o);
	o = begin(s, TYPE_END, HANDLE(TYPE_END, 0));
	end(s, &o);
	if (s->len > 0xffff)
		die("-smp: the SMBIOS structures of so many sockets do not fit; give fewer sockets and more cores");
	smbios_place(s, 0);
}

/* --- -smbios --- */

static void parse_smbios(struct config *cfg, const char *val)
{
	struct keyval *kv = keyval_parse("-smbios", val, NULL);
	unsigned int type = (unsigned int)keyval_take_u64(kv, "type", TYPE_END, 0, TYPE_END), i;
	const char *text;
	bool any = false;

	(void)cfg;
	if (type == TYPE_OEM) {
		while ((text = keyval_take_next(kv, "value"))) {
			if (nr_oem == MAX_OEM)
				keyval_die(kv, "more than %d values", MAX_OEM);
			oem[nr_oem++] = strdup(text);
		}
		keyval_end(kv);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].type != type)
			continue;
		any = true;
		text = keyval_take(kv, words[i].key);
		if (text)
			words[i].val = strdup(text);
	}
	if (!any)
		keyval_die(kv, "type= must be one of 0, 1, 2, 3, 4, 11, 17");
	said[type] = true;
	keyval_end(kv);
}

static const struct option options[] = {
	{ "smbios", "type=N[,KEY=TEXT]", "what inventories show: types 0, 1, 2, 3, 4, 11 and 17",
	  parse_smbios },
};

static const struct option_group group = {
	.title = "SMBIOS",
	.order = ORDER_MACHINE,
	.options = options,
	.nr = ARRAY_SIZE(options),
};
OPTIONS_REGISTER(group);
