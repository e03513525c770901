/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The line between a PS/2 device and its controller (IBM PS/2 Hardware Interface Technical Reference,
 * "Keyboard/Auxiliary Device Controller"). The device queues bytes; the controller takes them when
 * it lets the line's clock run, and writes commands. A keyboard and a mouse are parts of the
 * controller's device, which embeds their structs.
 */
#ifndef ANYKVM_DEVICES_INPUT_PS2_H
#define ANYKVM_DEVICES_INPUT_PS2_H

#include "host/bus/bus.h"
#include "host/input/input.h"

#define PS2_QUEUE 16u

struct ps2_line {
	uint8_t data[PS2_QUEUE];
	unsigned int at, len;
	uint8_t last;			/* what "resend" sends again */
	void (*ready)(void *arg);	/* a byte waits */
	void *arg;
};

/* Bytes that do not all fit are not sent at all: false. */
bool ps2_send(struct ps2_line *line, const uint8_t *bytes, unsigned int n);
void ps2_send_byte(struct ps2_line *line, uint8_t byte);
void ps2_clear(struct ps2_line *line);
bool ps2_waits(const struct ps2_line *line);
uint8_t ps2_take(struct ps2_line *line);

enum { PS2_ACK = 0xfa, PS2_RESEND = 0xfe, PS2_TEST_OK = 0xaa };

struct ps2_keyboard {
	struct ps2_line line;
	struct input_keyboard in;
	uint8_t command;		/* that waits for its data, or 0 */
	uint8_t set;			/* of scan codes: 1, 2, 3 */
	bool enabled;
	uint8_t rate;			/* of typematic: kept, the host's keyboard repeats */
	uint8_t type[256];		/* of each of set 3's keys: enum key_type */
};

struct ps2_mouse {
	struct ps2_line line;
	struct input_pointer in;
	uint8_t command;
	uint8_t id;			/* 0: plain, 3: wheel, 4: wheel and five buttons */
	uint8_t rate, resolution;
	uint8_t knock[3];		/* the last three sample rates: how a driver asks for id 3 and 4 */
	bool reporting, remote, wrap, scaling;
	int dx, dy, dz;			/* not told yet; y up, z towards the user */
	unsigned int buttons, told_buttons;
};

void ps2_keyboard_init(struct ps2_keyboard *k, void (*ready)(void *arg), void *arg);
void ps2_keyboard_reset(struct ps2_keyboard *k);
void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t byte);
void ps2_keyboard_end(struct ps2_keyboard *k);

void ps2_mouse_init(struct ps2_mouse *m, void (*ready)(void *arg), void *arg);
void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, uint8_t byte);
/* The controller has taken bytes: there may be room to tell of motion. */
void ps2_mouse_room(struct ps2_mouse *m);
void ps2_mouse_end(struct ps2_mouse *m);

#endif
