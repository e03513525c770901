// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The AML builder. See aml.h.
 *
 * A PkgLength counts its own bytes, of which there are one to four: an opened object leaves room
 * for none, and when it is closed its contents move up by as many as the length turned out to need.
 */
#include <stdlib.h>
#include <string.h>

#include "host/acpi/aml.h"

enum aml_op {
	OP_ZERO		= 0x00,
	OP_ONE		= 0x01,
	OP_NAME		= 0x08,
	OP_BYTE		= 0x0a,
	OP_WORD		= 0x0b,
	OP_DWORD	= 0x0c,
	OP_STRING	= 0x0d,
	OP_QWORD	= 0x0e,
	OP_SCOPE	= 0x10,
	OP_BUFFER	= 0x11,
	OP_PACKAGE	= 0x12,
	OP_METHOD	= 0x14,
	OP_ROOT		= '\\',
	OP_DUAL_NAME	= 0x2e,
	OP_MULTI_NAME	= 0x2f,
	OP_EXT		= 0x5b,
	OP_EXT_REGION	= 0x80,
	OP_EXT_FIELD	= 0x81,
	OP_EXT_DEVICE	= 0x82,
	OP_IF		= 0xa0,
};

void acpi_bytes(struct acpi_buf *b, const void *data, size_t len)
{
	if (b->overflow || len > b->size - b->len) {
		b->overflow = true;
		return;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void put(struct acpi_buf *b, uint64_t v, unsigned int bytes)
{
	uint8_t le[8];
	unsigned int i;

	for (i = 0; i < bytes; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	acpi_bytes(b, le, bytes);
}

void acpi_u8(struct acpi_buf *b, uint8_t v)
{
	put(b, v, 1);
}

void acpi_u16(struct acpi_buf *b, uint16_t v)
{
	put(b, v, 2);
}

void acpi_u32(struct acpi_buf *b, uint32_t v)
{
	put(b, v, 4);
}

void acpi_u64(struct acpi_buf *b, uint64_t v)
{
	put(b, v, 8);
}

/* --- tables --- */

uint8_t acpi_checksum(const uint8_t *data, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *data++);
	return (uint8_t)-sum;
}

size_t acpi_table_begin(struct acpi_buf *b, const char *signature, uint8_t revision)
{
	size_t start = b->len;

	acpi_bytes(b, signature, 4);
	acpi_u32(b, 0);			/* length */
	acpi_u8(b, revision);
	acpi_u8(b, 0);			/* checksum */
	acpi_bytes(b, "ANYKVM", 6);
	acpi_bytes(b, "ANYKVMPC", 8);
	acpi_u32(b, 1);
	acpi_bytes(b, "AKVM", 4);
	acpi_u32(b, 1);
	return start;
}

void acpi_table_end(struct acpi_buf *b, size_t start)
{
	uint32_t len = (uint32_t)(b->len - start);

	if (b->overflow)
		return;
	memcpy(b->data + start + 4, &len, sizeof(len));
	b->data[start + 9] = 0;
	b->data[start + 9] = acpi_checksum(b->data + start, len);
}

/* --- names --- */

static void name_seg(struct acpi_buf *b, const char *s, size_t len)
{
	char seg[4] = { '_', '_', '_', '_' };

	memcpy(seg, s, len < 4 ? len : 4);
	acpi_bytes(b, seg, 4);
}

/* "\_SB", "_CRS", "\_SB.PCI0.ISA.COM1". */
static void name_path(struct acpi_buf *b, const char *path)
{
	const char *p;
	unsigned int n = 1;

	if (*path == '\\') {
		acpi_u8(b, OP_ROOT);
		path++;
	}
	for (p = path; *p; p++)
		n += *p == '.';
	if (n == 2) {
		acpi_u8(b, OP_DUAL_NAME);
	} else if (n > 2) {
		acpi_u8(b, OP_MULTI_NAME);
		acpi_u8(b, (uint8_t)n);
	}
	for (; n; n--) {
		size_t len = strcspn(path, ".");

		name_seg(b, path, len);
		path += len + 1;
	}
}

/* --- objects with a length --- */

/* Of a package of @body bytes, or (@own false) of a field's bits, which does not count itself. */
static unsigned int pkg_length(uint8_t enc[4], size_t body, bool own)
{
	size_t total = body;
	unsigned int n, i;

	/* n bytes hold 6 bits, or 4 + 8 * (n - 1). */
	for (n = 1; n < 4; n++) {
		total = body + (own ? n : 0);
		if (total < (n == 1 ? 1u << 6 : 1u << (4 + 8 * (n - 1))))
			break;
	}
	total = body + (own ? n : 0);
	if (n == 1) {
		enc[0] = (uint8_t)total;
	} else {
		enc[0] = (uint8_t)((n - 1) << 6 | (total & 0xf));
		for (i = 1; i < n; i++)
			enc[i] = (uint8_t)(total >> (4 + 8 * (i - 1)));
	}
	return n;
}

static void insert_pkg_length(struct acpi_buf *b, size_t at)
{
	size_t body = b->len - at;
	uint8_t enc[4];
	unsigned int n = pkg_length(enc, body, true);

	acpi_bytes(b, enc, n);		/* makes the room */
	if (b->overflow)
		return;
	memmove(b->data + at + n, b->data + at, body);
	memcpy(b->data + at, enc, n);
}

size_t aml_scope(struct acpi_buf *b, const char *path)
{
	size_t mark;

	acpi_u8(b, OP_SCOPE);
	mark = b->len;
	name_path(b, path);
	return mark;
}

size_t aml_device(struct acpi_buf *b, const char *name)
{
	size_t mark;

	acpi_u8(b, OP_EXT);
	acpi_u8(b, OP_EXT_DEVICE);
	mark = b->len;
	name_path(b, name);
	return mark;
}

size_t aml_package(struct acpi_buf *b, uint8_t count)
{
	size_t mark;

	acpi_u8(b, OP_PACKAGE);
	mark = b->len;
	acpi_u8(b, count);
	return mark;
}

size_t aml_method(struct acpi_buf *b, const char *name, unsigned int args, bool serialized)
{
	size_t mark;

	acpi_u8(b, OP_METHOD);
	mark = b->len;
	name_path(b, name);
	acpi_u8(b, (uint8_t)(args | (serialized ? 8 : 0)));
	return mark;
}

size_t aml_if(struct acpi_buf *b)
{
	acpi_u8(b, OP_IF);
	return b->len;
}

size_t aml_field(struct acpi_buf *b, const char *region)
{
	size_t mark;

	acpi_u8(b, OP_EXT);
	acpi_u8(b, OP_EXT_FIELD);
	mark = b->len;
	name_path(b, region);
	acpi_u8(b, 1);			/* byte accesses, no lock, other bits are kept */
	return mark;
}

void aml_end(struct acpi_buf *b, size_t mark)
{
	if (!b->overflow)
		insert_pkg_length(b, mark);
}

/* A buffer says its size as an integer too; a byte is enough for what is built here. */
size_t aml_resources(struct acpi_buf *b)
{
	size_t mark;

	acpi_u8(b, OP_BUFFER);
	mark = b->len;
	acpi_u8(b, OP_BYTE);
	acpi_u8(b, 0);
	return mark;
}

void aml_resources_end(struct acpi_buf *b, size_t mark)
{
	acpi_u8(b, 0x79);		/* end tag, checksum not used */
	acpi_u8(b, 0);
	if (b->overflow)
		return;
	b->data[mark + 1] = (uint8_t)(b->len - mark - 2);
	insert_pkg_length(b, mark);
}

/* --- values --- */

void aml_name(struct acpi_buf *b, const char *path)
{
	acpi_u8(b, OP_NAME);
	name_path(b, path);
}

void aml_int(struct acpi_buf *b, uint64_t v)
{
	static const struct { uint64_t max; uint8_t op; unsigned int bytes; } forms[] = {
		{ 0xff, OP_BYTE, 1 }, { 0xffff, OP_WORD, 2 }, { 0xffffffff, OP_DWORD, 4 },
		{ UINT64_MAX, OP_QWORD, 8 },
	};
	unsigned int i = 0;

	if (v <= 1) {
		acpi_u8(b, v ? OP_ONE : OP_ZERO);
		return;
	}
	while (v > forms[i].max)
		i++;
	acpi_u8(b, forms[i].op);
	put(b, v, forms[i].bytes);
}

void aml_string(struct acpi_buf *b, const char *s)
{
	acpi_u8(b, OP_STRING);
	acpi_bytes(b, s, strlen(s) + 1);
}

/* Three letters of five bits, four hex digits; stored with the highest byte first. */
void aml_eisaid(struct acpi_buf *b, const char *id)
{
	uint32_t v = (uint32_t)(id[0] - '@') << 26 | (uint32_t)(id[1] - '@') << 21 |
		     (uint32_t)(id[2] - '@') << 16 | (uint32_t)strtoul(id + 3, NULL, 16);

	acpi_u8(b, OP_DWORD);
	acpi_u32(b, __builtin_bswap32(v));
}

void aml_path(struct acpi_buf *b, const char *path)
{
	name_path(b, path);
}

/* --- code --- */

void aml_op(struct acpi_buf *b, enum aml_op2 op)
{
	acpi_u8(b, (uint8_t)op);
}

void aml_none(struct acpi_buf *b)
{
	acpi_u8(b, 0);
}

void aml_region(struct acpi_buf *b, const char *name, enum aml_space space, uint32_t off,
		uint32_t len)
{
	acpi_u8(b, OP_EXT);
	acpi_u8(b, OP_EXT_REGION);
	name_path(b, name);
	acpi_u8(b, (uint8_t)space);
	aml_int(b, off);
	aml_int(b, len);
}

void aml_field_unit(struct acpi_buf *b, const char *name, unsigned int bits)
{
	uint8_t enc[4];
	size_t n = pkg_length(enc, bits, false);

	name_seg(b, name, strlen(name));
	acpi_bytes(b, enc, n);
}

/* --- resource descriptors (ACPI 6.4, section 6.4) --- */

void aml_res_io(struct acpi_buf *b, uint16_t base, uint8_t len)
{
	acpi_u8(b, 0x47);		/* I/O port descriptor, 7 bytes */
	acpi_u8(b, 1);			/* decodes 16 bits */
	acpi_u16(b, base);
	acpi_u16(b, base);
	acpi_u8(b, 1);
	acpi_u8(b, len);
}

void aml_res_irq(struct acpi_buf *b, unsigned int irq)
{
	acpi_u8(b, 0x22);		/* IRQ descriptor, 2 bytes: edge, active high */
	acpi_u16(b, (uint16_t)(1u << irq));
}

void aml_res_dma(struct acpi_buf *b, unsigned int channel)
{
	acpi_u8(b, 0x2a);		/* DMA descriptor, 2 bytes: compatible timing, 8 bits */
	acpi_u8(b, (uint8_t)(1u << channel));
	acpi_u8(b, 0);
}

void aml_res_memory(struct acpi_buf *b, uint32_t base, uint32_t len, bool writable)
{
	acpi_u8(b, 0x86);		/* fixed 32-bit memory, 9 bytes */
	acpi_u16(b, 9);
	acpi_u8(b, writable);
	acpi_u32(b, base);
	acpi_u32(b, len);
}

void aml_res_interrupt(struct acpi_buf *b, const uint32_t *gsi, unsigned int n)
{
	unsigned int i;

	acpi_u8(b, 0x89);		/* extended interrupt descriptor */
	acpi_u16(b, (uint16_t)(2 + 4 * n));
	acpi_u8(b, 0x09);		/* consumer, level, active high, shared */
	acpi_u8(b, (uint8_t)n);
	for (i = 0; i < n; i++)
		acpi_u32(b, gsi[i]);
}

void aml_res_range(struct acpi_buf *b, enum aml_range kind, uint64_t base, uint64_t last)
{
	static const struct { uint64_t max; uint8_t tag; unsigned int bytes; } forms[] = {
		{ 0xffff, 0x88, 2 }, { 0xffffffff, 0x87, 4 }, { UINT64_MAX, 0x8a, 8 },
	};
	unsigned int i = kind == AML_MEMORY ? 1 : 0, bytes;

	while (last > forms[i].max)
		i++;
	bytes = forms[i].bytes;
	acpi_u8(b, forms[i].tag);	/* address space descriptor */
	acpi_u16(b, (uint16_t)(3 + 5 * bytes));
	acpi_u8(b, (uint8_t)kind);
	acpi_u8(b, 0x0c);		/* producer, positive decode, both ends fixed */
	/* Memory: read and write; I/O: the whole range. */
	acpi_u8(b, kind == AML_MEMORY ? 1 : kind == AML_IO ? 3 : 0);
	put(b, 0, bytes);		/* granularity */
	put(b, base, bytes);
	put(b, last, bytes);
	put(b, 0, bytes);		/* translation */
	put(b, last - base + 1, bytes);
}
