// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * screendump: the screen, its hardware cursor included, as PNG (ISO/IEC 15948, by libpng) or PPM.
 */
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/display/display.h"

/* One row as RGB bytes. */
static void row_bytes(const struct display *d, const struct surface *s, unsigned int y,
		      uint8_t *out)
{
	static uint32_t row[DISPLAY_MAX_WIDTH];
	unsigned int x;

	memcpy(row, s->pixels + (size_t)y * (s->stride / sizeof(*row)), s->width * sizeof(*row));
	display_blend_cursor(d, row, 0, y, s->width);
	for (x = 0; x < s->width; x++) {
		*out++ = (uint8_t)(row[x] >> 16);
		*out++ = (uint8_t)(row[x] >> 8);
		*out++ = (uint8_t)row[x];
	}
}

static uint8_t bytes[DISPLAY_MAX_WIDTH * 3];

static bool write_ppm(const struct display *d, const struct surface *s, FILE *f)
{
	unsigned int y;

	fprintf(f, "P6\n%u %u\n255\n", s->width, s->height);
	for (y = 0; y < s->height; y++) {
		row_bytes(d, s, y, bytes);
		fwrite(bytes, 3, s->width, f);
	}
	return !ferror(f);
}

static bool write_png(const struct display *d, const struct surface *s, FILE *f)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	unsigned int y;

	if (!info || setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return false;
	}
	png_init_io(png, f);
	png_set_IHDR(png, info, s->width, s->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	/* The machine stands still meanwhile. */
	png_set_compression_level(png, 1);
	png_write_info(png, info);
	for (y = 0; y < s->height; y++) {
		row_bytes(d, s, y, bytes);
		png_write_row(png, bytes);
	}
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	return true;
}

static const struct format {
	const char *name;
	bool (*write)(const struct display *d, const struct surface *s, FILE *f);
} formats[] = {
	{ "png", write_png },
	{ "ppm", write_ppm },
};

/* By its name, or by the end of the file's name; PNG for any other file. */
static const struct format *find_format(const char *path, const char *name)
{
	const char *dot = strrchr(path, '.');
	const char *ending = dot ? dot + 1 : "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcasecmp(formats[i].name, name ? name : ending))
			return &formats[i];
	return name ? NULL : &formats[0];
}

const char *display_dump(struct display *d, const char *path, const char *format)
{
	static char text[512];
	const struct format *fmt = find_format(path, format);
	const struct surface *s;
	bool good;
	FILE *f;

	if (!fmt) {
		snprintf(text, sizeof(text), "format %s: there are png and ppm", format);
		return text;
	}
	f = fopen(path, "wbe");
	if (!f) {
		snprintf(text, sizeof(text), "%s: %s", path, strerror(errno));
		return text;
	}
	s = display_look(d);
	errno = 0;
	good = fmt->write(d, s, f);
	good = !fclose(f) && good;
	if (good)
		return NULL;
	snprintf(text, sizeof(text), "%s: cannot be written: %s", path,
		 strerror(errno ? errno : EIO));
	unlink(path);
	return text;
}
