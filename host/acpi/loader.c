// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tables get their addresses: here, or by firmware that runs the script of fw_cfg's
 * "etc/table-loader" (128 bytes a command: allocate a file's memory, add its address to a pointer,
 * make a checksum).
 */
#include <stdlib.h>
#include <string.h>

#include "host/acpi/tables.h"
#include "host/report.h"

enum { CMD_ALLOCATE = 1, CMD_ADD_POINTER = 2, CMD_ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };

#define NAME_LEN 56

struct command {
	uint32_t command;
	union {
		struct {
			char file[NAME_LEN];
			uint32_t align;
			uint8_t zone;
		} __attribute__((packed)) allocate;
		struct {
			char in[NAME_LEN], to[NAME_LEN];
			uint32_t off;
			uint8_t bytes;
		} __attribute__((packed)) pointer;
		struct {
			char file[NAME_LEN];
			uint32_t at, off, len;
		} __attribute__((packed)) sum;
		uint8_t all[124];
	};
} __attribute__((packed));

_Static_assert(sizeof(struct command) == 128, "a command has 128 bytes");

static const struct { const char *name; uint32_t align; uint8_t zone; } files[ACPI_FILES] = {
	[ACPI_FILE_TABLES] = { "etc/acpi/tables", 64, ZONE_HIGH },
	[ACPI_FILE_RSDP] = { "etc/acpi/rsdp", 16, ZONE_FSEG },
};

static void name(char to[NAME_LEN], enum acpi_file file)
{
	memcpy(to, files[file].name, strlen(files[file].name) + 1);
}

uint8_t *acpi_loader_script(const struct acpi_tables *t, size_t *len)
{
	unsigned int n = ACPI_FILES + t->nr_pointers + t->nr_sums, i;
	struct command *script = calloc(n, sizeof(*script)), *c = script;

	if (!script)
		die("out of memory for the ACPI tables");
	for (i = 0; i < ACPI_FILES; i++, c++) {
		c->command = CMD_ALLOCATE;
		name(c->allocate.file, i);
		c->allocate.align = files[i].align;
		c->allocate.zone = files[i].zone;
	}
	for (i = 0; i < t->nr_pointers; i++, c++) {
		c->command = CMD_ADD_POINTER;
		name(c->pointer.in, t->pointer[i].file);
		name(c->pointer.to, ACPI_FILE_TABLES);
		c->pointer.off = t->pointer[i].off;
		c->pointer.bytes = t->pointer[i].bytes;
	}
	for (i = 0; i < t->nr_sums; i++, c++) {
		c->command = CMD_ADD_CHECKSUM;
		name(c->sum.file, t->sum[i].file);
		c->sum.at = t->sum[i].at;
		c->sum.off = t->sum[i].off;
		c->sum.len = t->sum[i].len;
	}
	*len = n * sizeof(*script);
	return (uint8_t *)script;
}

void acpi_place(struct acpi_tables *t, uint64_t tables)
{
	unsigned int i;

	for (i = 0; i < t->nr_pointers; i++) {
		uint8_t *p = t->buf[t->pointer[i].file].data + t->pointer[i].off;
		uint64_t val = 0;

		memcpy(&val, p, t->pointer[i].bytes);
		val += tables;
		memcpy(p, &val, t->pointer[i].bytes);
	}
	for (i = 0; i < t->nr_sums; i++) {
		const struct acpi_sum *s = &t->sum[i];
		uint8_t *d = t->buf[s->file].data;

		d[s->at] = 0;
		d[s->at] = acpi_checksum(d + s->off, s->len);
	}
}
