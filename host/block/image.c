// SPDX-License-Identifier: LGPL-2.1-or-later
/* An image by its file name: which protocol, which format. */
#include <stdlib.h>
#include <string.h>

#include "host/block/drive.h"
#include "host/report.h"
#include "host/bus/bus.h"

const char *const aio_words[] = { "threads", "native", "io_uring", NULL };
const char *const detect_zeroes_words[] = { "off", "on", "unmap", NULL };
const char *const discard_words[] = { "ignore", "off", "unmap", "on", NULL };

/* What other hosts reach under such names is not a file here. */
static const char *const protocols[] = {
	"nbd", "nbd+tcp", "nbd+unix", "http", "https", "ftp", "ftps", "ssh", "iscsi", "rbd", "gluster",
	"nfs", "sheepdog", "fat", "vvfat", "blkdebug", "blkverify", "json", "fd", "nvme", "vxhs",
};

static const char *bad_protocol(const char *path)
{
	size_t len = strcspn(path, ":/");
	unsigned int i;

	for (i = 0; path[len] == ':' && i < ARRAY_SIZE(protocols); i++)
		if (strlen(protocols[i]) == len && !strncmp(protocols[i], path, len))
			return explain("'%s': disks by %s: are not built; give a local file (./%s if that is the file's name)",
				       path, protocols[i], path);
	return NULL;
}

struct node *image_open(const char *path, const char *format, const struct node_options *o,
			bool *probed, const char **wrong)
{
	uint8_t head[SECTOR];
	struct node *n;
	int err;

	*probed = !format;
	if (format && strcmp(format, "raw")) {
		*wrong = explain("format=%s: is not built; there is raw (convert with: qemu-img convert -O raw %s NEW-FILE)",
				 format, path);
		return NULL;
	}
	*wrong = bad_protocol(path);
	if (*wrong)
		return NULL;
	if (!strncmp(path, "file:", 5))
		path += 5;
	n = file_open(path, o, false, wrong);
	if (!n || format)
		return n;
	err = node_head(n, head);
	format = err ? NULL : format_of(head);
	if (!err && !format)
		return n;
	*wrong = err ? explain("cannot read '%s': %s", path, strerror(-err)) :
		 explain("'%s' is a %s image, which is not built; convert it (qemu-img convert -O raw %s NEW-FILE), or say format=raw to use its bytes as they are",
			 path, format, path);
	node_unref(n);
	return NULL;
}

const char *block_bad_id(const char *id)
{
	size_t ok = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._#");

	if (*id && !id[ok])
		return NULL;
	return "a name consists of letters, digits, '-', '.', '_'";
}
