// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The VNC server with a display, a keyboard and a pointer that are the test's (tests/host/vnc.py):
 * takes anykvm's options for objects and VNC, then commands by lines on standard input; what the
 * keyboard and the pointer are told is printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/display/display.h"
#include "host/display/vnc.h"
#include "host/input/input.h"
#include "host/loop.h"
#include "host/options.h"
#include "host/report.h"

extern const struct option_group *const __start_anykvm_options[];
extern const struct option_group *const __stop_anykvm_options[];

static struct display *display;
static const struct surface *surface;
static unsigned int updates;

static void update(void *arg, bool all)
{
	(void)arg;
	updates++;
	if (all)
		display_changed(display, 0, 0, surface->width, surface->height);
}

static const struct display_ops ops = { .update = update };

static void key(void *arg, unsigned int code, bool down)
{
	(void)arg;
	printf("key %s %s\n", input_key_name(code), down ? "down" : "up");
}

static void move(void *arg, int dx, int dy, int dz, unsigned int buttons)
{
	(void)arg;
	printf("move %d %d %d %u\n", dx, dy, dz, buttons);
}

static void place(void *arg, int x, int y, int dz, unsigned int buttons)
{
	(void)arg;
	printf("place %d %d %d %u\n", x, y, dz, buttons);
}

static struct input_keyboard keyboard = { .key = key };
static struct input_pointer mouse = { .move = move };
static struct input_pointer tablet = { .place = place };

/* --- commands --- */

static void fill(unsigned int x, unsigned int y, unsigned int w, unsigned int h, unsigned int colour)
{
	unsigned int i, j;

	for (j = y; j < y + h; j++)
		for (i = x; i < x + w; i++)
			surface->pixels[j * (surface->stride / 4) + i] = colour;
	display_changed(display, x, y, w, h);
}

static void cursor(int x, int y, bool visible)
{
	uint32_t pixels[4] = { 0xffff0000, 0xff00ff00, 0x000000ff, 0x80ffffff };

	display_cursor_shape(display, 2, 2, 0, 0, pixels);
	display_cursor_move(display, x, y, visible);
}

static void info(void)
{
	struct vnc_info i;

	if (!vnc_info(&i))
		printf("info none\n");
	else
		printf("info %s %u %u %s %u %s\n", i.host, i.port, i.web_port, i.auth, i.clients,
		       i.clients ? vnc_viewer(0)->viewer.host : "-");
}

static void command(char *line)
{
	unsigned int a, b, c, d, e;
	const char *wrong = NULL;
	int x, y;

	if (sscanf(line, "size %u %u", &a, &b) == 2)
		surface = display_resize(display, a, b);
	else if (sscanf(line, "fill %u %u %u %u %x", &a, &b, &c, &d, &e) == 5)
		fill(a, b, c, d, e);
	else if (sscanf(line, "cursor %d %d %u", &x, &y, &a) == 3)
		cursor(x, y, a);
	else if (!strcmp(line, "tablet"))
		input_attach_pointer(&tablet);
	else if (!strcmp(line, "mouse"))
		input_detach_pointer(&tablet);
	else if (sscanf(line, "leds %u", &a) == 1)
		input_set_leds(a);
	else if (!strncmp(line, "password ", 9))
		wrong = vnc_set_password(line + 9);
	else if (sscanf(line, "expire %d", &x) == 1)
		wrong = vnc_expire_password(x);
	else if (!strcmp(line, "info"))
		info();
	else if (!strcmp(line, "updates"))
		printf("updates %u\n", updates);
	else
		die("what is '%s'?", line);
	printf("done %s\n", wrong ? wrong : "");
}

static void readable(void *arg, uint32_t events)
{
	static char buf[4096];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, buf + len, sizeof(buf) - 1 - len);
	char *end;

	(void)arg;
	(void)events;
	if (n <= 0)
		end_process(0);
	len += (size_t)n;
	buf[len] = '\0';
	while ((end = strchr(buf, '\n'))) {
		*end = '\0';
		command(buf);
		len -= (size_t)(end + 1 - buf);
		memmove(buf, end + 1, len + 1);
	}
}

/* --- as the machine does it --- */

static void parse(struct config *cfg, const char *name, const char *val)
{
	const struct option_group *const *g;
	unsigned int i;

	for (g = __start_anykvm_options; (uintptr_t)g < (uintptr_t)__stop_anykvm_options; g++)
		for (i = 0; i < (*g)->nr; i++)
			if (!strcmp((*g)->options[i].name, name)) {
				(*g)->options[i].parse(cfg, val);
				return;
			}
	die("no option -%s", name);
}

int main(int argc, char **argv)
{
	static struct loop_fd in = { .fd = STDIN_FILENO, .events = EPOLLIN, .fn = readable };
	const struct option_group *const *g;
	struct config cfg = { .name = "test" };
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	loop_init();
	machine_lock();
	for (i = 1; i + 1 < argc; i += 2)
		parse(&cfg, argv[i] + 1, argv[i + 1]);
	display = display_create(&ops, NULL);
	surface = display_look(display);
	surface = display_resize(display, 320, 200);
	input_attach_keyboard(&keyboard);
	input_attach_pointer(&mouse);
	loop_add(&in);
	for (g = __start_anykvm_options; (uintptr_t)g < (uintptr_t)__stop_anykvm_options; g++)
		if ((*g)->open)
			(*g)->open(&cfg);
	for (g = __start_anykvm_options; (uintptr_t)g < (uintptr_t)__stop_anykvm_options; g++)
		if ((*g)->start)
			(*g)->start(&cfg);
	printf("ready\n");
	for (;;)
		loop_turn();
}
