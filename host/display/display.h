/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Screens. A graphics device draws into a surface of 32-bit pixels when somebody looks; viewers
 * (VNC, curses, screendump) look, 30 times a second at most, and not at all when none is there.
 * Everything under the machine lock.
 */
#ifndef ANYKVM_HOST_DISPLAY_DISPLAY_H
#define ANYKVM_HOST_DISPLAY_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISPLAY_MAX_WIDTH 2560u
#define DISPLAY_MAX_HEIGHT 1600u

struct display;

struct surface {
	unsigned int width, height;	/* pixels */
	unsigned int stride;		/* bytes a row */
	uint32_t *pixels;		/* 0x00RRGGBB, the host's byte order */
};

/* A text mode's contents, for viewers that have letters of their own. */
struct text_screen {
	unsigned int columns, rows;	/* 0 columns: not in a text mode */
	const uint16_t *cells;		/* character (code page 437) | attribute << 8 */
	int cursor_x, cursor_y;		/* -1: off */
	unsigned int cursor_start, cursor_end;	/* scan lines, of 16 */
};

struct display_ops {
	/*
	 * Bring the surface up to date: resize with display_resize(), draw, and call
	 * display_changed() for what has changed since the last call (all of it when @all).
	 */
	void (*update)(void *arg, bool all);
	/* False, or absent: there is no text. */
	bool (*text)(void *arg, struct text_screen *text);
};

/* The graphics device's end. NULL: there is a screen already, and only one for now. */
struct display *display_create(const struct display_ops *ops, void *arg);
void display_destroy(struct display *d);	/* NULL: does nothing */
/* NULL: larger than a surface may be. Its pixels are black after a change and stay in place. */
const struct surface *display_resize(struct display *d, unsigned int width, unsigned int height);
void display_changed(struct display *d, unsigned int x, unsigned int y, unsigned int width,
		     unsigned int height);
/* A hardware cursor's shape (0xAARRGGBB, at most 64x64) and place; drawn by the viewer or by
 * display_blend_cursor() for those that cannot. */
void display_cursor_shape(struct display *d, unsigned int width, unsigned int height,
			  unsigned int hot_x, unsigned int hot_y, const uint32_t *pixels);
void display_cursor_move(struct display *d, int x, int y, bool visible);

/* --- for viewers --- */

struct display *display_first(void);		/* NULL: the machine has no screen */

struct display_viewer {
	void (*resized)(struct display_viewer *v, const struct surface *s);
	void (*changed)(struct display_viewer *v, unsigned int x, unsigned int y,
			unsigned int width, unsigned int height);
	void (*cursor)(struct display_viewer *v);	/* shape, place or visibility; may be NULL */
	bool looking;			/* the viewer's: nobody is drawn for while false */
	struct display_viewer *next;
};

void display_attach(struct display *d, struct display_viewer *v);
void display_detach(struct display *d, struct display_viewer *v);
/* A viewer began to look (set @looking): everything is drawn anew for it soon. */
void display_refresh(struct display *d);
/* Now, as the guest sees it: the surface, up to date. */
const struct surface *display_look(struct display *d);
bool display_text(struct display *d, struct text_screen *text);

struct display_cursor {
	unsigned int width, height, hot_x, hot_y;
	int x, y;
	bool visible;
	uint32_t pixels[64 * 64];
};
const struct display_cursor *display_cursor(const struct display *d);	/* NULL: none was set */
/* The cursor into a copy of row @y of the surface, from @x on, @width pixels. */
void display_blend_cursor(const struct display *d, uint32_t *row, unsigned int x, unsigned int y,
			  unsigned int width);

/* screendump: PNG or, by the name's end or @format, PPM. NULL or what is wrong. */
const char *display_dump(struct display *d, const char *path, const char *format);

#endif
