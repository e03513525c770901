// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pieces of memory: see node.h. */
#include <stdlib.h>
#include <string.h>

#include "host/block/node.h"

/* Calls @fn for every piece of [@off, @off + @len) of @iov, until it says stop. */
static void each(const struct iovec *iov, int nr, uint64_t off, uint64_t len,
		 bool (*fn)(void *arg, uint8_t *p, size_t n), void *arg)
{
	for (; nr && len; iov++, nr--) {
		size_t n = iov->iov_len;

		if (off >= n) {
			off -= n;
			continue;
		}
		n -= off;
		if (n > len)
			n = len;
		if (!fn(arg, (uint8_t *)iov->iov_base + off, n))
			return;
		off = 0;
		len -= n;
	}
}

static bool one_piece(void *arg, uint8_t *p, size_t n)
{
	struct iovec **to = arg;

	*(*to)++ = (struct iovec){ p, n };
	return true;
}

struct iovec *iov_slice(const struct iovec *iov, int nr, uint64_t off, uint64_t len, int *out_nr)
{
	struct iovec *out = malloc((size_t)(nr ? nr : 1) * sizeof(*out)), *end = out;

	if (!out)
		return NULL;
	each(iov, nr, off, len, one_piece, &end);
	*out_nr = (int)(end - out);
	return out;
}

static bool zero_piece(void *arg, uint8_t *p, size_t n)
{
	(void)arg;
	memset(p, 0, n);
	return true;
}

void iov_zero(const struct iovec *iov, int nr, uint64_t off)
{
	each(iov, nr, off, UINT64_MAX, zero_piece, NULL);
}

static bool take_piece(void *arg, uint8_t *p, size_t n)
{
	uint8_t **to = arg;

	memcpy(*to, p, n);
	*to += n;
	return true;
}

void iov_to_buf(const struct iovec *iov, int nr, uint64_t off, void *buf, uint64_t len)
{
	uint8_t *to = buf;

	each(iov, nr, off, len, take_piece, &to);
}

static bool give_piece(void *arg, uint8_t *p, size_t n)
{
	const uint8_t **from = arg;

	memcpy(p, *from, n);
	*from += n;
	return true;
}

void iov_from_buf(const struct iovec *iov, int nr, uint64_t off, const void *buf, uint64_t len)
{
	const uint8_t *from = buf;

	each(iov, nr, off, len, give_piece, &from);
}

static bool look_at_piece(void *arg, uint8_t *p, size_t n)
{
	bool *zero = arg;

	/* Equal to itself moved by one byte, and the first is 0. */
	*zero = !*p && !memcmp(p, p + 1, n - 1);
	return *zero;
}

bool iov_is_zero(const struct iovec *iov, int nr)
{
	bool zero = true;

	each(iov, nr, 0, UINT64_MAX, look_at_piece, &zero);
	return zero;
}
