// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The 101/102-key keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and
 * 102-Key)"): its commands and the scan codes of sets 1, 2 and 3.
 *
 * A key that is held repeats at the host, whose keyboard does it; the typematic rate is kept and
 * not used.
 */
#include <linux/input-event-codes.h>
#include <string.h>

#include "devices/input/ps2.h"

enum key_type { TYPEMATIC_MAKE_BREAK, TYPEMATIC, MAKE_BREAK, MAKE };

enum {
	CMD_LEDS = 0xed, CMD_ECHO = 0xee, CMD_SET = 0xf0, CMD_ID = 0xf2, CMD_RATE = 0xf3,
	CMD_ENABLE = 0xf4, CMD_DISABLE = 0xf5, CMD_DEFAULTS = 0xf6, CMD_ALL_TYPEMATIC = 0xf7,
	CMD_ALL_MAKE_BREAK = 0xf8, CMD_ALL_MAKE = 0xf9, CMD_ALL_ALL = 0xfa,
	CMD_KEY_TYPEMATIC = 0xfb, CMD_KEY_MAKE_BREAK = 0xfc, CMD_KEY_MAKE = 0xfd,
	CMD_RESEND = 0xfe, CMD_RESET = 0xff,
};

#define RATE_DEFAULT 0x2b	/* 10.9 characters a second after 500 ms */

static const uint8_t id[] = { PS2_ACK, 0xab, 0x83 };

/* --- keys --- */

/* Set 3 says of each key what it sends; at the start only these tell of their release. */
static void default_types(struct ps2_keyboard *k)
{
	static const uint8_t both[] = { 0x11, 0x12, 0x14, 0x19, 0x39, 0x58, 0x59 };
	unsigned int i;

	memset(k->type, TYPEMATIC, sizeof(k->type));
	for (i = 0; i < ARRAY_SIZE(both); i++)
		k->type[both[i]] = MAKE_BREAK;
}

/* One code of set 1 or 2, with the byte E0 where it has one. */
static unsigned int put_code(const struct ps2_keyboard *k, uint8_t *to, uint16_t code, bool down)
{
	unsigned int n = 0;

	if (code & 0xff00)
		to[n++] = (uint8_t)(code >> 8);
	if (k->set == 1) {
		to[n++] = (uint8_t)(code | (down ? 0 : 0x80));
	} else {
		if (!down)
			to[n++] = 0xf0;
		to[n++] = (uint8_t)code;
	}
	return n;
}

static unsigned int pause_codes(const struct ps2_keyboard *k, uint8_t *to, bool down)
{
	static const uint8_t set1[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 };
	static const uint8_t set2[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };

	/* All of it when it goes down, nothing when it comes up. */
	if (!down)
		return 0;
	memcpy(to, k->set == 1 ? set1 : set2, k->set == 1 ? sizeof(set1) : sizeof(set2));
	return k->set == 1 ? sizeof(set1) : sizeof(set2);
}

/* Print Screen is a shifted keypad key: a shift that is not there comes around it. */
static unsigned int print_codes(const struct ps2_keyboard *k, uint8_t *to, uint16_t code, bool down)
{
	uint16_t shift = k->set == 1 ? 0xe02a : 0xe012;
	unsigned int n = put_code(k, to, down ? shift : code, down);

	return n + put_code(k, to + n, down ? code : shift, down);
}

static unsigned int set3_codes(const struct ps2_keyboard *k, uint8_t *to, uint8_t code, bool down)
{
	enum key_type type = k->type[code];
	unsigned int n = 0;

	if (!code || (!down && type != MAKE_BREAK && type != TYPEMATIC_MAKE_BREAK))
		return 0;
	if (!down)
		to[n++] = 0xf0;
	to[n++] = code;
	return n;
}

static void key(void *arg, unsigned int code, bool down)
{
	struct ps2_keyboard *k = arg;
	const struct input_key *row = input_key(code);
	uint8_t bytes[8];
	unsigned int n;

	if (!k->enabled || !row)
		return;
	if (k->set == 3)
		n = set3_codes(k, bytes, (uint8_t)row->set3, down);
	else if (code == KEY_PAUSE)
		n = pause_codes(k, bytes, down);
	else if (code == KEY_SYSRQ)
		n = print_codes(k, bytes, k->set == 1 ? row->set1 : row->set2, down);
	else
		n = put_code(k, bytes, k->set == 1 ? row->set1 : row->set2, down);
	/* A key that finds no room is told as an overrun, once, in the last place. */
	if (n && !ps2_send(&k->line, bytes, n) && k->line.len < PS2_QUEUE)
		ps2_send_byte(&k->line, k->set == 1 ? 0xff : 0x00);
}

/* --- commands --- */

static void defaults(struct ps2_keyboard *k)
{
	k->set = 2;
	k->rate = RATE_DEFAULT;
	k->command = 0;
	default_types(k);
}

static void scan_code_set(struct ps2_keyboard *k, uint8_t byte)
{
	if (byte > 3) {
		ps2_send_byte(&k->line, PS2_RESEND);
		return;
	}
	ps2_send_byte(&k->line, PS2_ACK);
	if (byte)
		k->set = byte;
	else
		ps2_send_byte(&k->line, k->set);
}

/* The second byte of a command; false: it is none, but the next command. */
static bool data(struct ps2_keyboard *k, uint8_t command, uint8_t byte)
{
	switch (command) {
	case CMD_LEDS:
		input_set_leds(byte & 7);
		break;
	case CMD_RATE:
		k->rate = byte & 0x7f;
		break;
	case CMD_SET:
		scan_code_set(k, byte);
		return true;
	default:	/* the type of one key after the other, until a command comes */
		if (byte >= CMD_LEDS)
			return false;
		k->type[byte] = command == CMD_KEY_TYPEMATIC ? TYPEMATIC :
				command == CMD_KEY_MAKE ? MAKE : MAKE_BREAK;
		k->command = command;
		break;
	}
	ps2_send_byte(&k->line, PS2_ACK);
	return true;
}

static void all_keys(struct ps2_keyboard *k, uint8_t command)
{
	static const enum key_type types[] = { TYPEMATIC, MAKE_BREAK, MAKE, TYPEMATIC_MAKE_BREAK };

	memset(k->type, types[command - CMD_ALL_TYPEMATIC], sizeof(k->type));
}

void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t byte)
{
	uint8_t command = k->command;

	k->command = 0;
	if (command && data(k, command, byte))
		return;
	/* What was typed before a command is gone; only its answer follows. */
	if (byte != CMD_RESEND)
		ps2_clear(&k->line);
	switch (byte) {
	case CMD_ECHO:
		ps2_send_byte(&k->line, CMD_ECHO);
		return;
	case CMD_RESEND:
		ps2_send_byte(&k->line, k->line.last);
		return;
	case CMD_ID:
		ps2_send(&k->line, id, sizeof(id));
		return;
	case CMD_LEDS: case CMD_SET: case CMD_RATE:
	case CMD_KEY_TYPEMATIC: case CMD_KEY_MAKE_BREAK: case CMD_KEY_MAKE:
		k->command = byte;
		break;
	case CMD_ENABLE:
		k->enabled = true;
		break;
	case CMD_DISABLE: case CMD_DEFAULTS:
		defaults(k);
		k->enabled = byte == CMD_DEFAULTS;
		break;
	case CMD_ALL_TYPEMATIC: case CMD_ALL_MAKE_BREAK: case CMD_ALL_MAKE: case CMD_ALL_ALL:
		all_keys(k, byte);
		break;
	case CMD_RESET:
		ps2_keyboard_reset(k);
		ps2_send(&k->line, (const uint8_t[]){ PS2_ACK, PS2_TEST_OK }, 2);
		return;
	default:
		ps2_send_byte(&k->line, PS2_RESEND);
		return;
	}
	ps2_send_byte(&k->line, PS2_ACK);
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
	defaults(k);
	k->enabled = true;
	ps2_clear(&k->line);
	input_set_leds(0);
}

void ps2_keyboard_init(struct ps2_keyboard *k, void (*ready)(void *arg), void *arg)
{
	k->line.ready = ready;
	k->line.arg = arg;
	k->in.key = key;
	k->in.arg = k;
	input_attach_keyboard(&k->in);
}

void ps2_keyboard_end(struct ps2_keyboard *k)
{
	input_detach_keyboard(&k->in);
}
