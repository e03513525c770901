/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small builder for ACPI tables and AML byte code (ACPI 6.4, chapter 20).
 *
 * It only ever appends; what has a length that is not yet known is opened and closed. A buffer that
 * would overflow stays as it is and remembers: acpi_ok() says whether all went in.
 */
#ifndef ANYKVM_HOST_ACPI_AML_H
#define ANYKVM_HOST_ACPI_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct acpi_buf {
	uint8_t *data;
	size_t len, size;
	bool overflow;
};

static inline bool acpi_ok(const struct acpi_buf *b)
{
	return !b->overflow;
}

void acpi_bytes(struct acpi_buf *b, const void *data, size_t len);
void acpi_u8(struct acpi_buf *b, uint8_t v);
void acpi_u16(struct acpi_buf *b, uint16_t v);
void acpi_u32(struct acpi_buf *b, uint32_t v);
void acpi_u64(struct acpi_buf *b, uint64_t v);

/* The 36 bytes before every table; end fills in length and checksum. Start is what begin returned. */
size_t acpi_table_begin(struct acpi_buf *b, const char *signature, uint8_t revision);
void acpi_table_end(struct acpi_buf *b, size_t start);
uint8_t acpi_checksum(const uint8_t *data, size_t len);

/* Objects that hold others. Each returns a mark for aml_end(). */
size_t aml_scope(struct acpi_buf *b, const char *path);
size_t aml_device(struct acpi_buf *b, const char *name);
size_t aml_package(struct acpi_buf *b, uint8_t count);
size_t aml_resources(struct acpi_buf *b);		/* inside Name(_CRS, ...) */
void aml_end(struct acpi_buf *b, size_t mark);
void aml_resources_end(struct acpi_buf *b, size_t mark);

/* Name(path, ...): the value follows. */
void aml_name(struct acpi_buf *b, const char *path);
void aml_int(struct acpi_buf *b, uint64_t v);
void aml_string(struct acpi_buf *b, const char *s);
void aml_eisaid(struct acpi_buf *b, const char *id);	/* "PNP0501" */

/* Small resource descriptors. */
void aml_res_io(struct acpi_buf *b, uint16_t base, uint8_t len);
void aml_res_irq(struct acpi_buf *b, unsigned int irq);

#endif
