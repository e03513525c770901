// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where keys and pointer motion go: to the keyboard that was attached last, and to the pointer that was,
 * or that the user has chosen. What is down is kept here, so that a viewer that goes away leaves no key
 * pressed.
 */
#include "host/input/input.h"

static struct input_keyboard *keyboard;
static struct input_pointer *pointers;	/* the last one attached is the first */
static struct input_pointer *pointer;	/* the one that gets the events */
static bool down_now[INPUT_KEYS];
static unsigned int leds;
static int last_x, last_y;

void input_attach_keyboard(struct input_keyboard *k)
{
	k->next = keyboard;
	keyboard = k;
}

void input_attach_pointer(struct input_pointer *p)
{
	p->next = pointers;
	pointers = pointer = p;
}

void input_detach_keyboard(struct input_keyboard *k)
{
	struct input_keyboard **at;

	for (at = &keyboard; *at; at = &(*at)->next)
		if (*at == k) {
			*at = k->next;
			return;
		}
}

void input_detach_pointer(struct input_pointer *p)
{
	struct input_pointer **at;

	for (at = &pointers; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	if (pointer == p)
		pointer = pointers;
}

static struct input_pointer *pointer_at(unsigned int n)
{
	struct input_pointer *p;
	unsigned int nr = 0;

	for (p = pointers; p; p = p->next)
		nr++;
	for (p = pointers; p && --nr != n; p = p->next)
		;
	return p;
}

const struct input_pointer *input_pointer_at(unsigned int n)
{
	return pointer_at(n);
}

bool input_pointer_current(const struct input_pointer *p)
{
	return p == pointer;
}

bool input_use_pointer(unsigned int n)
{
	struct input_pointer *p = pointer_at(n);

	if (p)
		pointer = p;
	return p;
}

void input_set_leds(unsigned int now)
{
	leds = now;
}

unsigned int input_leds(void)
{
	return leds;
}

void input_press(unsigned int code, bool down)
{
	if (code >= INPUT_KEYS || (!down && !down_now[code]))
		return;
	down_now[code] = down;
	if (keyboard)
		keyboard->key(keyboard->arg, code, down);
}

void input_release_all(void)
{
	unsigned int code;

	for (code = 0; code < INPUT_KEYS; code++)
		input_press(code, false);
}

bool input_wants_places(void)
{
	return pointer && pointer->place;
}

void input_move(int dx, int dy, int dz, unsigned int buttons)
{
	if (pointer && pointer->move)
		pointer->move(pointer->arg, dx, dy, dz, buttons);
}

/* A mouse knows only motion: from the last place that was told. */
void input_place(int x, int y, int dz, unsigned int buttons)
{
	if (pointer && pointer->place)
		pointer->place(pointer->arg, x, y, dz, buttons);
	else
		input_move((x - last_x) / 32, (y - last_y) / 32, dz, buttons);
	last_x = x;
	last_y = y;
}
