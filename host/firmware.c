// SPDX-License-Identifier: LGPL-2.1-or-later
/* Firmware files, by path or by name: see firmware.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/firmware.h"

#define MAX_DIRS 8
#define MAX_LEN (64ll << 20)

static const char *const packaged[] = {
	"/usr/share/seabios", "/usr/share/OVMF", "/usr/share/ovmf", "/usr/lib/ipxe/qemu",
	"/usr/share/anykvm",
};
static const char *added[MAX_DIRS];
static unsigned int nr_added;

void firmware_add_dir(const char *dir)
{
	if (nr_added < MAX_DIRS)
		added[nr_added++] = dir;
}

static int open_in(const char *dir, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int find(const char *name)
{
	unsigned int i;
	int fd = -1;

	if (strchr(name, '/'))
		return open(name, O_RDONLY | O_CLOEXEC);
	for (i = 0; fd < 0 && i < nr_added; i++)
		fd = open_in(added[i], name);
	for (i = 0; fd < 0 && i < ARRAY_SIZE(packaged); i++)
		fd = open_in(packaged[i], name);
	return fd >= 0 ? fd : open(name, O_RDONLY | O_CLOEXEC);
}

const char *firmware_load(const char *name, uint8_t **data, size_t *len)
{
	static char text[256];
	struct stat st;
	ssize_t n = -1;
	int fd = find(name);

	if (fd < 0) {
		snprintf(text, sizeof(text), "firmware %s: %s; it comes with the packages seabios, ovmf and ipxe-qemu, or give a path or -L DIRECTORY",
			 name, strerror(errno));
		return text;
	}
	*data = NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= MAX_LEN) {
		*data = malloc((size_t)st.st_size);
		*len = (size_t)st.st_size;
		n = *data ? pread(fd, *data, *len, 0) : -1;
	}
	close(fd);
	if (n == (ssize_t)*len)
		return NULL;
	free(*data);
	snprintf(text, sizeof(text), "firmware %s: is not a file of 1 byte to 64 MiB that can be read",
		 name);
	return text;
}
