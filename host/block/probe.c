// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Disk image formats by the bytes they begin with. None is built: an image that has one is refused,
 * and a guest may not give its raw disk the beginning of one while the format is a guess.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host/block/aio.h"
#include "host/bus/bus.h"

static const struct {
	const char *name;
	unsigned int at, len;
	const char *magic;
} formats[] = {
	{ "qcow2", 0, 4, "QFI\xfb" },		/* version 1, too */
	{ "qed", 0, 4, "QED\0" },
	{ "vmdk", 0, 4, "KDMV" },
	{ "vmdk", 0, 4, "COWD" },
	{ "vmdk", 0, 21, "# Disk DescriptorFile" },
	{ "vdi", 64, 4, "\x7f\x10\xda\xbe" },
	{ "vhdx", 0, 8, "vhdxfile" },
	{ "vpc", 0, 8, "conectix" },
	{ "parallels", 0, 16, "WithoutFreeSpace" },
	{ "parallels", 0, 16, "WithouFreSpacExt" },
	{ "luks", 0, 6, "LUKS\xba\xbe" },
	{ "bochs", 0, 23, "Bochs Virtual HD Image\0" },
	{ "cloop", 0, 21, "#!/bin/sh\n#V2.0 Forma" },
};

const char *format_of(const uint8_t head[SECTOR])
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (!memcmp(head + formats[i].at, formats[i].magic, formats[i].len))
			return formats[i].name;
	return NULL;
}

struct head_read {
	bool done;
	int err;
};

static void head_done(struct io *io, int err)
{
	struct head_read *h = io->arg;

	h->done = true;
	h->err = err;
	io_free(io);
}

static struct head_read *waiting_for;

static bool head_busy(struct block *blk)
{
	(void)blk;
	return !waiting_for->done;
}

int node_head(struct node *n, uint8_t head[SECTOR])
{
	struct iovec iov = { head, SECTOR };
	struct head_read h = { 0 };
	struct io *io;

	memset(head, 0, SECTOR);
	if (!n->size)
		return 0;
	io = io_new(BLOCK_READ, 0, SECTOR);
	if (!io)
		return -ENOMEM;
	io->iov = &iov;
	io->nr_iov = 1;
	io->done = head_done;
	io->arg = &h;
	/* Nobody's: told from other requests by a name of its own. */
	io->blk = (struct block *)&h;
	node_submit(n, io);
	waiting_for = &h;
	aio_wait((struct block *)&h, head_busy);
	return h.err;
}
