/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Internet checksum (RFC 1071), for cards that compute it for their guest. Sums are of 16-bit
 * words as they stand in memory, lowest byte first: what comes out is stored as it is.
 */
#ifndef ANYKVM_HOST_NET_CHECKSUM_H
#define ANYKVM_HOST_NET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Adds @len bytes, of which an odd last one counts as if a zero followed. */
static inline uint64_t checksum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t word;
	uint16_t half;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (len >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
	}
	return len & 1 ? sum + *p : sum;
}

static inline uint16_t checksum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* A number in network order within the sum of one in memory order. */
static inline uint16_t checksum_be16(uint32_t v)
{
	return (uint16_t)((v & 0xff) << 8 | (v >> 8 & 0xff));
}

#endif
