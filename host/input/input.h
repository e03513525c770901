/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys and pointers, from viewers and the monitor to the input devices. A key is a key code of
 * Linux (<linux/input-event-codes.h>, KEY_*): it names a place on the keyboard, not a letter.
 * Everything under the machine lock.
 */
#ifndef ANYKVM_HOST_INPUT_INPUT_H
#define ANYKVM_HOST_INPUT_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#define INPUT_KEYS 256u
#define INPUT_ABS_MAX 0x7fff

enum { INPUT_LEFT = 1, INPUT_RIGHT = 2, INPUT_MIDDLE = 4, INPUT_SIDE = 8, INPUT_EXTRA = 16 };

struct input_keyboard {
	void (*key)(void *arg, unsigned int code, bool down);
	void *arg;
	struct input_keyboard *next;
};

struct input_pointer {
	const char *name;		/* for the monitor */
	/* Relative: motion (y down), wheel (positive: away from the user), buttons now down. */
	void (*move)(void *arg, int dx, int dy, int dz, unsigned int buttons);
	/* A tablet instead: places from 0 to INPUT_ABS_MAX. NULL in a mouse. */
	void (*place)(void *arg, int x, int y, int dz, unsigned int buttons);
	void *arg;
	struct input_pointer *next;
};

/* Devices; the last one attached gets the events, until another pointer is chosen. */
void input_attach_keyboard(struct input_keyboard *k);
void input_attach_pointer(struct input_pointer *p);
void input_detach_keyboard(struct input_keyboard *k);
void input_detach_pointer(struct input_pointer *p);
/* In turn, in the order of attachment, for the monitor; NULL after the last. */
const struct input_pointer *input_pointer_at(unsigned int n);
bool input_pointer_current(const struct input_pointer *p);	/* it gets the events */
bool input_use_pointer(unsigned int n);				/* false: there is none with this number */
/* The keyboard's lights, as the guest sets them: bit 0 scroll, 1 num, 2 caps lock. */
void input_set_leds(unsigned int leds);
unsigned int input_leds(void);

/* Viewers and the monitor. A key that is down already and goes down again is a repeat. */
void input_press(unsigned int code, bool down);
void input_move(int dx, int dy, int dz, unsigned int buttons);
void input_place(int x, int y, int dz, unsigned int buttons);
bool input_wants_places(void);		/* the pointer is a tablet */
void input_release_all(void);

/* What is known of a key; scan codes as e0xx where a byte E0 comes first, 0 where a set has none. */
struct input_key {
	unsigned int code;		/* KEY_* */
	const char *name;		/* the monitor's: "ctrl", "ret", "a" */
	uint16_t set1, set2, set3;
	uint32_t keysym, shifted;	/* of X, on a US keyboard */
};

const struct input_key *input_key(unsigned int code);			/* NULL: none */
const struct input_key *input_key_next(const struct input_key *key);	/* NULL first, and at the end */
/* The code, 0: none. */
unsigned int input_key_by_name(const char *name);
const char *input_key_name(unsigned int code);				/* NULL: none */
/* *@shift: the keysym needs shift. */
unsigned int input_key_by_keysym(uint32_t keysym, bool *shift);
/* Set 1's code with 80h added for E0, as VNC's extended key event has it. */
unsigned int input_key_by_set1(unsigned int number);

#endif
