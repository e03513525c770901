// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Diskettes of ECMA-66 to ECMA-147 and ISO 8860, 9529, 10994: sectors of 512 bytes, by the size of
 * the image. Rate select: 0 is 500 kb/s, 1 is 300, 2 is 250, 3 is 1 Mb/s (82077AA, DSR).
 */
#include <stddef.h>

#include "devices/storage/fdc_media.h"

#define RATE_500 0x1
#define RATE_300 0x2
#define RATE_250 0x4
#define RATE_1000 0x8

static const struct fdc_media media[] = {
	{ 160, 40, 1, 8, RATE_250 | RATE_300, 1 },
	{ 180, 40, 1, 9, RATE_250 | RATE_300, 1 },
	{ 320, 40, 2, 8, RATE_250 | RATE_300, 1 },
	{ 360, 40, 2, 9, RATE_250 | RATE_300, 1 },
	{ 720, 80, 2, 9, RATE_250 | RATE_300, 3 },
	{ 800, 80, 2, 10, RATE_250 | RATE_300, 3 },
	{ 1200, 80, 2, 15, RATE_500, 2 },
	{ 1440, 80, 2, 18, RATE_500, 4 },
	{ 1600, 80, 2, 20, RATE_500, 4 },
	{ 1680, 80, 2, 21, RATE_500, 4 },
	{ 1722, 82, 2, 21, RATE_500, 4 },
	{ 1743, 83, 2, 21, RATE_500, 4 },
	{ 2880, 80, 2, 36, RATE_1000, 5 },
	{ 3200, 80, 2, 40, RATE_1000, 5 },
};

/* Those that an image which is cut off behind its last file may be the beginning of. */
static const uint16_t common_kib[] = { 360, 720, 1440, 2880 };

static const struct fdc_media *by_kib(uint64_t kib)
{
	size_t i;

	for (i = 0; i < sizeof(media) / sizeof(media[0]); i++)
		if (media[i].kib == kib)
			return &media[i];
	return NULL;
}

const struct fdc_media *fdc_media(uint64_t bytes)
{
	const struct fdc_media *m = bytes % 1024 ? NULL : by_kib(bytes / 1024);
	size_t i;

	for (i = 0; !m && bytes && i < sizeof(common_kib) / sizeof(common_kib[0]); i++)
		if (bytes <= common_kib[i] * 1024ull)
			m = by_kib(common_kib[i]);
	return m;
}
