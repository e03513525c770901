// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -object filter-dump: what passes a network back end, as a file that tcpdump reads. The format is
 * that of libpcap's savefiles (pcap-savefile(5)), with microseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/net/backend.h"
#include "host/object.h"
#include "host/options.h"
#include "host/report.h"

#define LINKTYPE_ETHERNET 1

struct pcap_file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snaplen, linktype;
};
_Static_assert(sizeof(struct pcap_file_header) == 24, "pcap-savefile(5)");

struct pcap_frame_header {
	uint32_t seconds, microseconds, kept, len;
};
_Static_assert(sizeof(struct pcap_frame_header) == 16, "pcap-savefile(5)");

struct dump {
	struct net_filter filter;
	struct dump *next;
	const char *id, *netdev, *file;
	uint32_t maxlen;
	int fd;
};

static struct dump *dumps;

/* One write a frame, so that the file ends with a whole one whichever way the process ends. */
static void dump_frame(struct net_filter *f, const struct iovec *iov, int nr_iov)
{
	struct dump *d = (struct dump *)f;
	size_t len = iov_len(iov, nr_iov);
	int64_t us = device_wall_clock() / 1000;
	struct pcap_frame_header h = {
		.seconds = (uint32_t)(us / 1000000),
		.microseconds = (uint32_t)(us % 1000000),
		.kept = len < d->maxlen ? (uint32_t)len : d->maxlen,
		.len = (uint32_t)len,
	};
	struct iovec out[NET_MAX_IOV + 1] = { { &h, sizeof(h) } };
	size_t left = h.kept;
	int n = 1, i;

	if (d->fd < 0)
		return;
	for (i = 0; i < nr_iov && left; i++) {
		out[n] = iov[i];
		if (out[n].iov_len > left)
			out[n].iov_len = left;
		left -= out[n++].iov_len;
	}
	if (writev(d->fd, out, n) != (ssize_t)(sizeof(h) + h.kept)) {
		note("-object filter-dump,id=%s: cannot write %s: %s; it ends here", d->id, d->file,
		     strerror(errno));
		close(d->fd);
		d->fd = -1;
	}
}

void net_dumps_open(void)
{
	struct pcap_file_header h = {
		.magic = 0xa1b2c3d4, .major = 2, .minor = 4, .linktype = LINKTYPE_ETHERNET,
	};
	struct dump *d;

	for (d = dumps; d; d = d->next) {
		struct netdev *nd = netdev_find(d->netdev);

		if (!nd)
			die("-object filter-dump,id=%s,netdev=%s: there is no -netdev with this id",
			    d->id, d->netdev);
		d->fd = open(d->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		h.snaplen = d->maxlen;
		if (d->fd < 0 || write(d->fd, &h, sizeof(h)) != sizeof(h))
			die("-object filter-dump,id=%s: cannot write %s: %s", d->id, d->file,
			    strerror(errno));
		d->filter.frame = dump_frame;
		netdev_filter(nd, &d->filter);
	}
}

static void dump_parse(const char *id, struct keyval *kv)
{
	struct dump *d = calloc(1, sizeof(*d));
	const char *status = keyval_take(kv, "status");
	const char *queue = keyval_take(kv, "queue");

	if (!d)
		die("out of memory");
	if (status && strcmp(status, "on"))
		keyval_die(kv, "status=%s: a dump cannot be switched off; leave it out", status);
	if (queue && strcmp(queue, "all"))
		keyval_die(kv, "queue=%s: a dump has both directions; write queue=all", queue);
	d->id = id;
	d->netdev = strdup(keyval_need(kv, "netdev"));
	d->file = strdup(keyval_need(kv, "file"));
	d->maxlen = (uint32_t)keyval_take_u64(kv, "maxlen", 65536, 1, NET_MAX_FRAME);
	d->next = dumps;
	dumps = d;
}

static const struct object_type filter_dump = {
	.name = "filter-dump",
	.help = "what passes a -netdev, into a file for tcpdump: netdev=ID,file=PATH[,maxlen=BYTES]",
	.parse = dump_parse,
};
OBJECT_REGISTER(filter_dump);
