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
/* Method: @serialized when it creates names. Its body follows. */
size_t aml_method(struct acpi_buf *b, const char *name, unsigned int args, bool serialized);
/* If (predicate): the predicate follows, then the body. */
size_t aml_if(struct acpi_buf *b);
/* Field over @region: byte accesses, and aml_field_unit()s inside. */
size_t aml_field(struct acpi_buf *b, const char *region);
void aml_end(struct acpi_buf *b, size_t mark);
void aml_resources_end(struct acpi_buf *b, size_t mark);

/* Name(path, ...): the value follows. */
void aml_name(struct acpi_buf *b, const char *path);
void aml_int(struct acpi_buf *b, uint64_t v);
void aml_string(struct acpi_buf *b, const char *s);
void aml_eisaid(struct acpi_buf *b, const char *id);	/* "PNP0501" */

/* A reference to something by its name: "\\_SB.PCI0.ISA.PRQ0". */
void aml_path(struct acpi_buf *b, const char *path);

/* Code. Operands follow in the order of the comment; a target may be aml_none(). */
enum aml_op2 {
	AML_LOCAL0	= 0x60,
	AML_ARG0	= 0x68,
	AML_STORE	= 0x70,	/* source, target */
	AML_AND		= 0x7b,	/* a, b, target */
	AML_OR		= 0x7d,	/* a, b, target */
	AML_DWORD_FIELD	= 0x8a,	/* buffer, byte index; aml_path() of its new name */
	AML_RETURN	= 0xa4,	/* value */
};
void aml_op(struct acpi_buf *b, enum aml_op2 op);
void aml_none(struct acpi_buf *b);

enum aml_space { AML_SYSTEM_IO = 1, AML_PCI_CONFIG = 2 };
void aml_region(struct acpi_buf *b, const char *name, enum aml_space space, uint32_t off,
		uint32_t len);
void aml_field_unit(struct acpi_buf *b, const char *name, unsigned int bits);

/* Resource descriptors. */
void aml_res_io(struct acpi_buf *b, uint16_t base, uint8_t len);
void aml_res_irq(struct acpi_buf *b, unsigned int irq);
void aml_res_dma(struct acpi_buf *b, unsigned int channel);
void aml_res_memory(struct acpi_buf *b, uint32_t base, uint32_t len, bool writable);
/* A shared level-triggered interrupt: the first of @n is at byte 5 of the template. */
void aml_res_interrupt(struct acpi_buf *b, const uint32_t *gsi, unsigned int n);
/* What a bridge passes on: [@base, @last]. */
enum aml_range { AML_MEMORY = 0, AML_IO = 1, AML_BUS = 2 };
void aml_res_range(struct acpi_buf *b, enum aml_range kind, uint64_t base, uint64_t last);

#endif
