// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The screen between a graphics device and its viewers: see display.h.
 *
 * One timer, which runs only while a viewer looks, asks the device to bring the surface up to date.
 * The surface has room for the largest picture from the start, so a guest that changes modes can
 * neither run the host out of memory nor move the pixels under a viewer.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/bus/bus.h"
#include "host/display/display.h"
#include "host/report.h"

#define TICK_NS (1000000000ull / 30)
#define SURFACE_MAX ((size_t)DISPLAY_MAX_WIDTH * DISPLAY_MAX_HEIGHT * sizeof(uint32_t))

struct display {
	const struct display_ops *ops;
	void *arg;
	struct surface surface;
	struct display_viewer *viewers;
	struct device_timer timer;
	bool all;			/* the next update is of everything */
	bool have_cursor;
	struct display_cursor cursor;
};

static struct display *the_display;

static bool anyone_looks(const struct display *d)
{
	const struct display_viewer *v;

	for (v = d->viewers; v; v = v->next)
		if (v->looking)
			return true;
	return false;
}

static void update(struct display *d)
{
	bool all = d->all;

	d->all = false;
	d->ops->update(d->arg, all);
}

static void tick(void *arg)
{
	struct display *d = arg;

	if (!anyone_looks(d))
		return;
	update(d);
	device_timer_set(&d->timer, device_now() + TICK_NS);
}

/* --- the device's end --- */

struct display *display_create(const struct display_ops *ops, void *arg)
{
	struct display *d;

	if (the_display)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		die("out of memory for the screen");
	d->surface.pixels = mmap(NULL, SURFACE_MAX, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (d->surface.pixels == MAP_FAILED)
		die("out of memory for the screen");
	d->ops = ops;
	d->arg = arg;
	device_timer_init(&d->timer, tick, d);
	display_resize(d, 640, 480);
	the_display = d;
	return d;
}

void display_destroy(struct display *d)
{
	if (!d)
		return;
	device_timer_cancel(&d->timer);
	munmap(d->surface.pixels, SURFACE_MAX);
	the_display = NULL;
	free(d);
}

const struct surface *display_resize(struct display *d, unsigned int width, unsigned int height)
{
	struct display_viewer *v;

	if (width < 1 || width > DISPLAY_MAX_WIDTH || height < 1 || height > DISPLAY_MAX_HEIGHT)
		return NULL;
	if (d->surface.width == width && d->surface.height == height)
		return &d->surface;
	d->surface.width = width;
	d->surface.height = height;
	d->surface.stride = width * (unsigned int)sizeof(uint32_t);
	/* Black: fresh memory, which there is none of until somebody looks. */
	if (madvise(d->surface.pixels, SURFACE_MAX, MADV_DONTNEED))
		memset(d->surface.pixels, 0, (size_t)d->surface.stride * height);
	for (v = d->viewers; v; v = v->next)
		if (v->looking && v->resized)
			v->resized(v, &d->surface);
	return &d->surface;
}

void display_changed(struct display *d, unsigned int x, unsigned int y, unsigned int width,
		     unsigned int height)
{
	struct display_viewer *v;

	for (v = d->viewers; v; v = v->next)
		if (v->looking && v->changed)
			v->changed(v, x, y, width, height);
}

static void tell_cursor(struct display *d)
{
	struct display_viewer *v;

	for (v = d->viewers; v; v = v->next)
		if (v->looking && v->cursor)
			v->cursor(v);
}

void display_cursor_shape(struct display *d, unsigned int width, unsigned int height,
			  unsigned int hot_x, unsigned int hot_y, const uint32_t *pixels)
{
	struct display_cursor *c = &d->cursor;

	if (width > 64 || height > 64)
		return;
	c->width = width;
	c->height = height;
	c->hot_x = hot_x;
	c->hot_y = hot_y;
	memcpy(c->pixels, pixels, (size_t)width * height * sizeof(*pixels));
	d->have_cursor = true;
	tell_cursor(d);
}

void display_cursor_move(struct display *d, int x, int y, bool visible)
{
	struct display_cursor *c = &d->cursor;

	if (c->x == x && c->y == y && c->visible == visible)
		return;
	c->x = x;
	c->y = y;
	c->visible = visible;
	tell_cursor(d);
}

/* --- the viewers' end --- */

struct display *display_first(void)
{
	return the_display;
}

void display_attach(struct display *d, struct display_viewer *v)
{
	v->next = d->viewers;
	d->viewers = v;
	if (v->looking)
		display_refresh(d);
}

void display_detach(struct display *d, struct display_viewer *v)
{
	struct display_viewer **p;

	for (p = &d->viewers; *p; p = &(*p)->next)
		if (*p == v) {
			*p = v->next;
			return;
		}
}

void display_refresh(struct display *d)
{
	d->all = true;
	if (anyone_looks(d))
		device_timer_set(&d->timer, device_now());
}

const struct surface *display_look(struct display *d)
{
	update(d);
	return &d->surface;
}

bool display_text(struct display *d, struct text_screen *text)
{
	memset(text, 0, sizeof(*text));
	return d->ops->text && d->ops->text(d->arg, text) && text->columns;
}

const struct display_cursor *display_cursor(const struct display *d)
{
	return d->have_cursor ? &d->cursor : NULL;
}

static uint32_t blend(uint32_t below, uint32_t over)
{
	uint32_t alpha = over >> 24, out = 0;
	unsigned int shift;

	for (shift = 0; shift < 24; shift += 8) {
		uint32_t b = below >> shift & 0xff, o = over >> shift & 0xff;

		out |= (b * (255 - alpha) + o * alpha + 127) / 255 << shift;
	}
	return out;
}

void display_blend_cursor(const struct display *d, uint32_t *row, unsigned int x, unsigned int y,
			  unsigned int width)
{
	const struct display_cursor *c = &d->cursor;
	int64_t line = (int64_t)y - c->y + c->hot_y;
	int64_t left = (int64_t)c->x - c->hot_x - x;
	unsigned int i;

	if (!d->have_cursor || !c->visible || line < 0 || line >= c->height)
		return;
	for (i = 0; i < c->width; i++)
		if (left + i >= 0 && left + i < width)
			row[left + i] = blend(row[left + i],
					      c->pixels[(size_t)line * c->width + i]);
}
