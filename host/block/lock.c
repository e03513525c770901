// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who uses an image: open-file-description locks on single bytes of the file, the same bytes that
 * QEMU uses, so that its tools and we keep out of each other's way.
 *
 * Byte 100 + n is locked for reading by who does n; byte 200 + n by who cannot bear another doing
 * n. One who comes takes his own locks, then looks whether others hold what goes against them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "host/block/lock.h"
#include "host/block/node.h"

#define DOES 100
#define FORBIDS 200

enum { READS = 1 << 0, WRITES = 1 << 1, RESIZES = 1 << 3 };

static bool take(int fd, off_t byte)
{
	struct flock fl = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return !fcntl(fd, F_OFD_SETLK, &fl);
}

/* Does somebody else hold it? */
static bool held(int fd, off_t byte)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return !fcntl(fd, F_OFD_GETLK, &fl) && fl.l_type != F_UNLCK;
}

static bool take_all(int fd, off_t base, unsigned int bits)
{
	unsigned int n;

	for (n = 0; bits >> n; n++)
		if (bits >> n & 1 && !take(fd, base + n))
			return false;
	return true;
}

static bool any_held(int fd, off_t base, unsigned int bits)
{
	unsigned int n;

	for (n = 0; bits >> n; n++)
		if (bits >> n & 1 && held(fd, base + n))
			return true;
	return false;
}

void file_unlock(int fd)
{
	struct flock fl = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = DOES,
			    .l_len = FORBIDS - DOES + 64 };

	fcntl(fd, F_OFD_SETLK, &fl);
}

const char *file_lock(int fd, bool writes)
{
	unsigned int does = READS | (writes ? WRITES | RESIZES : 0), forbids = WRITES | RESIZES;

	if (!take_all(fd, DOES, does) || !take_all(fd, FORBIDS, forbids)) {
		file_unlock(fd);
		/* A file system without such locks; or somebody has locked the bytes for writing. */
		if (errno == EAGAIN || errno == EACCES)
			return "is in use by another process";
		return NULL;
	}
	if (any_held(fd, DOES, forbids)) {
		file_unlock(fd);
		return "is being written by another virtual machine or tool";
	}
	if (any_held(fd, FORBIDS, does)) {
		file_unlock(fd);
		return "is in use by another virtual machine or tool, which cannot share it with a writer";
	}
	return NULL;
}
