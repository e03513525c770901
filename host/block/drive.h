/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What -drive and its short forms asked for: which disk hangs where. The board looks here for the
 * interfaces that it has, after the options are open (ORDER_BLOCK).
 */
#ifndef ANYKVM_HOST_BLOCK_DRIVE_H
#define ANYKVM_HOST_BLOCK_DRIVE_H

#include <stdbool.h>

#include "host/block/node.h"

enum drive_if { DRIVE_IDE, DRIVE_VIRTIO, DRIVE_FLOPPY, DRIVE_PFLASH, DRIVE_NONE };

struct drive {
	enum drive_if at;
	unsigned int bus, unit;		/* of IDE: channel, and 0 master, 1 slave; else @bus is 0 */
	bool cdrom;
	struct block *blk;
	struct drive *next;
};

struct drive *drive_first(void);	/* in the order given */
struct drive *drive_at(enum drive_if at, unsigned int bus, unsigned int unit);	/* NULL: none */

/* A word of the command line that is no option: the first disk. */
void drive_bare(const char *file);

/* --- between drive.c, blockdev.c and block.c --- */

struct block_setup {
	const char *id, *serial;
	struct node *node;		/* NULL: no medium */
	bool removable, read_only, write_through, probed;
	int on_read, on_write;		/* enum on_error_word */
	int detect_zeroes;		/* enum detect_zeroes */
	struct node_options options;	/* for what `change` opens later */
};

enum on_error_word { ON_ERROR_REPORT, ON_ERROR_IGNORE, ON_ERROR_STOP, ON_ERROR_ENOSPC };
enum detect_zeroes { DETECT_OFF, DETECT_ON, DETECT_UNMAP };

/* NULL, and *@wrong: the name is taken. */
struct block *block_create(const struct block_setup *s, const char **wrong);

/*
 * Open an image: @format is "raw", or NULL to look what it is; anything but raw is refused. *@probed
 * says that raw was only the guess.
 */
struct node *image_open(const char *path, const char *format, const struct node_options *o,
			bool *probed, const char **wrong);

/* The words of aio= and the like. */
extern const char *const aio_words[], *const detect_zeroes_words[], *const discard_words[];
/* The name is one for -drive id= and -blockdev node-name=: NULL or what is wrong with it. */
const char *block_bad_id(const char *id);

#endif
