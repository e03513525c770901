/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks, as devices see them: a row of bytes behind a name, read and written without waiting.
 *
 * A request is the device's own struct with a `struct block_request` in it. It is submitted under
 * the machine lock; @done is called from the event loop under that lock, never from inside
 * block_submit(). Requests may end in any order and take effect in any order between submission and
 * end; a flush covers the writes that had ended when it was submitted. Guest memory in @iov stays
 * mapped (dma.h) until @done.
 */
#ifndef ANYKVM_HOST_BLOCK_BLOCK_H
#define ANYKVM_HOST_BLOCK_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct block;

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,		/* all that has ended is on stable storage when this ends */
	BLOCK_DISCARD,		/* the contents may become anything, zeros mostly */
	BLOCK_WRITE_ZEROES,
	BLOCK_OPS
};

struct block_request {
	enum block_op op;
	bool fua;			/* of WRITE and WRITE_ZEROES: on stable storage at the end */
	bool unmap;			/* of WRITE_ZEROES: may free the space */
	uint64_t offset, len;		/* bytes; multiples of 512 inside the disk */
	const struct iovec *iov;	/* of READ and WRITE: @len bytes in all */
	int nr_iov;
	/* 0 or -errno (EIO, ENOSPC, EROFS, EINVAL for what does not fit the disk, ENOMEDIUM). */
	void (*done)(struct block_request *req, int err);
	void *arg;
	/* The back end's own. */
	struct block *block;
	struct block_request *next;
	int err;
};

void block_submit(struct block *blk, struct block_request *req);
/* Wait until nothing of this disk's is under way; their done() have been called. For reset. */
void block_drain(struct block *blk);

uint64_t block_size(const struct block *blk);		/* bytes, a multiple of 512 */
bool block_read_only(const struct block *blk);
bool block_has_medium(const struct block *blk);
/* Flushes mean something: cache= is not writethrough. The guest may turn it off and on again. */
bool block_write_cache(const struct block *blk);
void block_set_write_cache(struct block *blk, bool on);
bool block_can_discard(const struct block *blk);
const char *block_id(const struct block *blk);		/* of -drive id= or -blockdev node-name= */
const char *block_serial(const struct block *blk);	/* of -drive serial=, or NULL */
/* When the image says so (CHS of small disks, floppies); false: it does not. */
bool block_geometry(const struct block *blk, unsigned int *cyls, unsigned int *heads,
		    unsigned int *sectors);

/* A device takes a disk for itself, once. NULL, or who has it. @user may have NULL members. */
struct block_user {
	/* A medium came or went (monitor's change, eject). */
	void (*medium_changed)(void *arg);
	/* The user asks for the tray: the device may refuse while the guest has locked it. */
	bool (*may_eject)(void *arg);
};

const char *block_attach(struct block *blk, const struct block_user *user, void *arg,
			 const char *who);
void block_detach(struct block *blk);

/*
 * What a device's own properties say of its disk, in place of -drive's words, which -blockdev has
 * not: write-cache=, rerror=, werror=. BLOCK_CHOICE_PROPS() of its struct are the rows.
 */
struct block_choice {
	unsigned int write_cache, on_read, on_write;	/* 0: as the drive has it */
};
extern const char *const block_cache_choices[], *const block_read_choices[],
	*const block_write_choices[];
#define BLOCK_CHOICE_PROPS(of_struct, field)						\
	{ "write-cache", PROP_ENUM, offsetof(of_struct, field.write_cache),		\
	  "off: what is written is on stable storage at once", "auto",			\
	  .names = block_cache_choices },						\
	{ "rerror", PROP_ENUM, offsetof(of_struct, field.on_read),			\
	  "when the disk cannot be read", "auto", .names = block_read_choices },	\
	{ "werror", PROP_ENUM, offsetof(of_struct, field.on_write),			\
	  "and not written; enospc: stop if it is full", "auto", .names = block_write_choices }
/* After block_attach(). */
void block_choose(struct block *blk, const struct block_choice *choice);
/* The guest itself opens or closes the tray. */
void block_guest_eject(struct block *blk, bool eject);

/* --- for the machine and the monitor --- */

/*
 * What a request that fails means (werror=, rerror=). STOP: the machine pauses, and the request is
 * made again by block_retry_all(), when it goes on.
 */
enum block_on_error { BLOCK_REPORT, BLOCK_IGNORE, BLOCK_STOP };
/* Called for every failure, under the machine lock. NULL: nobody can pause, STOP is REPORT then. */
extern void (*block_failed)(struct block *blk, enum block_op op, int err, enum block_on_error what);
void block_retry_all(void);

struct block_stats {
	uint64_t requests[BLOCK_OPS], bytes[BLOCK_OPS], failed[BLOCK_OPS];
};
const struct block_stats *block_stats(const struct block *blk);
const char *block_filename(const struct block *blk);	/* NULL: no medium */
const char *block_driver(const struct block *blk);	/* the lowest: file, host_device, null-co */
bool block_removable(const struct block *blk);
bool block_tray_open(const struct block *blk);

struct block *block_find(const char *id);		/* NULL: none */
struct block *block_first(void);
struct block *block_next(struct block *blk);
const char *block_user_name(const struct block *blk);	/* who attached it, or NULL */
/* A drive without a medium, for a device that the board adds by itself. */
struct block *block_create_empty(const char *id);
/* NULL or what is wrong; a medium that cannot be opened does not take the other's place. */
const char *block_eject(struct block *blk, bool force);
const char *block_change(struct block *blk, const char *path, bool read_only);
/* The tray with what is in it. */
const char *block_move_tray(struct block *blk, bool open, bool force);
void block_drain_all(void);

#endif
