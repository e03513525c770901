// SPDX-License-Identifier: LGPL-2.1-or-later
/* Looking at memory and ports: x, xp, i and o on the monitor, memsave and pmemsave into files. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/bus/dma.h"
#include "host/machine/machine.h"
#include "host/monitor/monitor.h"
#include "host/vcpu.h"
#include "host/vcpu_state.h"

#define PAGE 4096u
#define MAX_COUNT 65536u
#define MAX_STRING 1024u		/* bytes of one string, shown with /s */

/* --- reading, by either kind of address --- */

static bool translate(const struct vcpu *v, uint64_t *addr)
{
	struct kvm_translation tr = { .linear_address = *addr };

	machine_hold();
	vcpu_must(v, KVM_TRANSLATE, &tr, "KVM_TRANSLATE");
	machine_release();
	*addr = tr.physical_address;
	return tr.valid;
}

/* @v NULL: @addr is physical. False: there is no memory at *@bad. */
static bool read_memory(const struct vcpu *v, uint64_t addr, uint8_t *buf, uint64_t len,
			uint64_t *bad)
{
	while (len) {
		uint64_t n = PAGE - addr % PAGE, at = addr;

		if (n > len)
			n = len;
		*bad = addr;
		if ((v && !translate(v, &at)) || !dma_read(machine_bus(), at, buf, n))
			return false;
		addr += n;
		buf += n;
		len -= n;
	}
	return true;
}

/* --- x/FMT --- */

struct format {
	unsigned int count;
	char how;			/* x d u o c s */
	unsigned int size;		/* bytes */
};

/* Of memory; @fmt NULL: none was given. */
static bool take_format(struct call *c, struct format *f)
{
	static const char sizes[] = "bhwg";
	const char *fmt = call_str(c, "fmt"), *size;
	unsigned long n;
	char *end;

	*f = (struct format){ 1, 'x', 4 };
	if (!fmt)
		return true;
	n = strtoul(fmt, &end, 10);
	if (end != fmt)
		f->count = n && n <= MAX_COUNT ? (unsigned int)n : 0;
	for (; *end; end++) {
		size = strchr(sizes, *end);
		if (*end == 'i') {
			call_fail(c, GENERIC_ERROR,
				  "Parameter 'fmt': /%s: there is no disassembler; instead of i there are x d u o c s",
				  fmt);
			return false;
		}
		if (size)
			f->size = 1u << (size - sizes);
		else if (strchr("xduocs", *end))
			f->how = *end;
		else
			break;
	}
	if (*end || !f->count) {
		call_fail(c, GENERIC_ERROR,
			  "Parameter 'fmt': /%s: must be a count (1 to %u), one of x d u o c s, and b h w or g",
			  fmt, MAX_COUNT);
		return false;
	}
	if (f->how == 'c' || f->how == 's')
		f->size = 1;
	return true;
}

static void print_char(struct call *c, uint8_t val, char quote)
{
	if (val == (uint8_t)quote || val == '\\')
		call_print(c, "\\%c", val);
	else if (isprint(val))
		call_print(c, "%c", val);
	else
		call_print(c, "\\x%02x", val);
}

static void print_value(struct call *c, const struct format *f, uint64_t val)
{
	unsigned int bits = 8 * f->size;
	int64_t as_signed = (int64_t)(val << (64 - bits)) >> (64 - bits);

	switch (f->how) {
	case 'd':
		call_print(c, " %*" PRId64, (int)(bits * 3 / 10 + 2), as_signed);
		break;
	case 'u':
		call_print(c, " %*" PRIu64, (int)(bits * 3 / 10 + 1), val);
		break;
	case 'o':
		call_print(c, " %#0*" PRIo64, (int)((bits + 2) / 3 + 1), val);
		break;
	case 'c':
		call_print(c, " '");
		print_char(c, (uint8_t)val, '\'');
		call_print(c, "'");
		break;
	default:
		call_print(c, " 0x%0*" PRIx64, (int)f->size * 2, val);
	}
}

/* Each ends with a NUL, or is cut where it gets too long; the next one begins behind it. */
static struct json_object *examine_strings(struct call *c, const struct vcpu *v, uint64_t addr,
					   unsigned int count)
{
	uint64_t bad;
	uint8_t byte;
	unsigned int n;

	while (count--) {
		call_print(c, "%016" PRIx64 ": \"", addr);
		for (n = 0, byte = 1; byte && n < MAX_STRING; n++, addr++) {
			if (!read_memory(v, addr, &byte, 1, &bad)) {
				call_print(c, "\n");
				return call_fail(c, GENERIC_ERROR, "there is no memory at %#" PRIx64, bad);
			}
			if (byte)
				print_char(c, byte, '"');
		}
		call_print(c, "\"%s\n", byte ? "..." : "");
	}
	return NULL;
}

static struct json_object *examine(struct call *c, const struct vcpu *v)
{
	uint64_t addr = (uint64_t)call_int(c, "addr", 0), bad, val;
	struct format f;
	unsigned int i, a_line;

	if (!take_format(c, &f))
		return NULL;
	if (f.how == 's')
		return examine_strings(c, v, addr, f.count);
	a_line = f.how == 'c' ? 8 : f.size == 8 ? 2 : f.size == 1 ? 8 : 16 / f.size;
	for (i = 0; i < f.count; i++, addr += f.size) {
		val = 0;
		if (!read_memory(v, addr, (uint8_t *)&val, f.size, &bad)) {
			call_print(c, "%s", i % a_line ? "\n" : "");
			return call_fail(c, GENERIC_ERROR, "there is no memory at %#" PRIx64, bad);
		}
		if (i % a_line == 0)
			call_print(c, "%s%016" PRIx64 ":", i ? "\n" : "", addr);
		print_value(c, &f, val);
	}
	call_print(c, "\n");
	return NULL;
}

static struct json_object *run_x(struct call *c)
{
	return examine(c, vcpu_at(*c->cpu));
}

static struct json_object *run_xp(struct call *c)
{
	return examine(c, NULL);
}

/* --- ports --- */

/* What an access to a port is: how wide it is and where. False: the error is set. */
static bool take_port(struct call *c, const char *name, unsigned int *size, uint16_t *port)
{
	const char *fmt = call_str(c, "fmt");
	int64_t at = call_int(c, name, 0);

	*size = !fmt || !strcmp(fmt, "w") ? 4 : !strcmp(fmt, "h") ? 2 : !strcmp(fmt, "b");
	if (!*size) {
		call_fail(c, GENERIC_ERROR, "Parameter 'fmt': /%s: must be b, h or w (1, 2 or 4 bytes)", fmt);
		return false;
	}
	if (at < 0 || at > 0xffff) {
		call_fail(c, GENERIC_ERROR, "Parameter '%s' must be from 0 to 0xffff", name);
		return false;
	}
	*port = (uint16_t)at;
	return true;
}

/* Interrupt controllers and timer are the accelerator's: nobody here could answer for them. */
static bool have_port(struct call *c, uint16_t port)
{
	struct bus_piece p;
	unsigned int n;

	for (n = 0; bus_piece_at(machine_bus(), BUS_PORT, n, &p); n++)
		if (port >= p.base && port - p.base < p.len)
			return true;
	call_fail(c, GENERIC_ERROR,
		  "there is no device of this program at port 0x%04x; info mtree lists them", port);
	return false;
}

static struct json_object *run_i(struct call *c)
{
	static const char letters[] = { [1] = 'b', [2] = 'w', [4] = 'l' };
	uint8_t index = (uint8_t)call_int(c, "index", 0);
	unsigned int size;
	uint32_t val = 0;
	uint16_t port;

	if (!take_port(c, "addr", &size, &port) || !have_port(c, port))
		return NULL;
	if (call_json(c, "index"))
		bus_access(machine_bus(), BUS_PORT, port++, &index, 1, true);
	bus_access(machine_bus(), BUS_PORT, port, &val, size, false);
	call_print(c, "port%c[0x%04x] = 0x%0*" PRIx32 "\n", letters[size], port, (int)size * 2, val);
	return NULL;
}

static struct json_object *run_o(struct call *c)
{
	uint32_t val = (uint32_t)call_int(c, "val", 0);
	unsigned int size;
	uint16_t port;

	if (take_port(c, "addr", &size, &port) && have_port(c, port))
		bus_access(machine_bus(), BUS_PORT, port, &val, size, true);
	return NULL;
}

/* --- into a file --- */

static struct json_object *save(struct call *c, const struct vcpu *v)
{
	uint64_t addr = (uint64_t)call_int(c, "val", 0), left = (uint64_t)call_int(c, "size", 0), bad;
	const char *path = call_str(c, "filename");
	uint8_t buf[PAGE];
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return call_fail(c, GENERIC_ERROR, "Parameter 'filename': %s cannot be written: %s",
				 path, strerror(errno));
	while (left) {
		uint64_t n = left < PAGE ? left : PAGE;

		if (!read_memory(v, addr, buf, n, &bad)) {
			call_fail(c, GENERIC_ERROR, "there is no memory at %#" PRIx64, bad);
			break;
		}
		if (write(fd, buf, n) != (ssize_t)n) {
			call_fail(c, GENERIC_ERROR, "%s: %s", path, strerror(errno));
			break;
		}
		addr += n;
		left -= n;
	}
	close(fd);
	return NULL;
}

static struct json_object *run_memsave(struct call *c)
{
	int64_t cpu = call_int(c, "cpu-index", *c->cpu);

	if (cpu < 0 || cpu >= vcpus_count())
		return call_fail(c, GENERIC_ERROR, "Parameter 'cpu-index' must be from 0 to %u",
				 vcpus_count() - 1);
	return save(c, vcpu_at((unsigned int)cpu));
}

static struct json_object *run_pmemsave(struct call *c)
{
	return save(c, NULL);
}

static const struct field x_args[] = {
	{ "fmt", KIND_FORMAT,
	  "a count, x d u o c or s, and b h w or g for 1, 2, 4 or 8 bytes", .optional = true },
	{ "addr", KIND_EXPR, "where" },
	{ 0 }
};

static const struct field i_args[] = {
	{ "fmt", KIND_FORMAT, "b h or w for 1, 2 or 4 bytes", .optional = true },
	{ "addr", KIND_EXPR, "the port" },
	{ "index", KIND_EXPR, "first write this byte there, and read the port behind",
	  .optional = true }, { 0 }
};

static const struct field o_args[] = {
	{ "fmt", KIND_FORMAT, "b h or w for 1, 2 or 4 bytes", .optional = true },
	{ "addr", KIND_EXPR, "the port" }, { "val", KIND_EXPR, "what to write" }, { 0 }
};

static const struct field memsave_args[] = {
	{ "val", KIND_EXPR, "the virtual address" }, { "size", KIND_EXPR, "bytes" },
	{ "filename", KIND_STR, "the file to write" },
	{ "cpu-index", KIND_INT, "whose page tables", .optional = true }, { 0 }
};

static const struct field pmemsave_args[] = {
	{ "val", KIND_EXPR, "the physical address" }, { "size", KIND_EXPR, "bytes" },
	{ "filename", KIND_STR, "the file to write" }, { 0 }
};

static const struct command memory_commands[] = {
	{ .hmp = "x", .help = "show memory at a virtual address", .args = x_args, .run = run_x },
	{ .hmp = "xp", .help = "show memory at a physical address", .args = x_args, .run = run_xp },
	{ .hmp = "i", .help = "read a port, as the guest would", .args = i_args, .run = run_i },
	{ .hmp = "o", .help = "write to a port, as the guest would", .args = o_args, .run = run_o },
	{ .hmp = "memsave", .qmp = "memsave", .help = "save memory at a virtual address to a file",
	  .args = memsave_args, .run = run_memsave },
	{ .hmp = "pmemsave", .qmp = "pmemsave",
	  .help = "save memory at a physical address to a file", .args = pmemsave_args,
	  .run = run_pmemsave },
};
COMMANDS_REGISTER(memory_commands);
